import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { ensureSecrets, readSecrets } from './secrets.ts'

let folder: string
beforeEach(() => {
  folder = path.join(mkdtempSync(path.join(tmpdir(), 'pgherd-secrets-')), 'secrets')
})
afterEach(() => {
  rmSync(path.dirname(folder), { recursive: true, force: true })
})

it('secrets: made once, each another one, for their owner only', async () => {
  expect(await ensureSecrets(folder)).toBe(true)
  const secrets = await readSecrets(folder)
  expect(new Set(Object.values(secrets)).size).toBe(6)
  expect(statSync(path.join(folder, 'balancer.password')).mode & 0o777).toBe(0o600)
  expect(await ensureSecrets(folder)).toBe(false)
  expect(await readSecrets(folder)).toEqual(secrets)
})

it('secrets: a folder from before statistics had a password → readable, and completed', async () => {
  await ensureSecrets(folder)
  const secrets = await readSecrets(folder)
  const file = path.join(folder, 'balancer.password')
  rmSync(file)
  expect(await readSecrets(folder)).toEqual({ ...secrets, balancer: null })
  expect(await ensureSecrets(folder)).toBe(true)
  expect((await readSecrets(folder)).balancer).toBe(readFileSync(file, 'utf8').trim())
})

it('secrets: one that a database knows is missing → said, not made anew', async () => {
  await ensureSecrets(folder)
  rmSync(path.join(folder, 'app.password'))
  await expect(readSecrets(folder)).rejects.toMatchObject({ code: 'PGHERD_SECRETS' })
})
