import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { checkEtcd, parseEtcdVersion } from './program.ts'

let directory: string
beforeEach(async () => {
  directory = await mkdtemp(path.join(os.tmpdir(), 'pgherd-etcd-program-'))
})
afterEach(() => rm(directory, { recursive: true, force: true }))

async function programSaying(words: string): Promise<string> {
  const file = path.join(directory, 'etcd')
  await writeFile(file, `#!/bin/sh\necho '${words}'\n`)
  await chmod(file, 0o755)
  return file
}

describe('etcd program', () => {
  it.each(['3.4.23', '3.5.16', '3.6.0-rc.1', '4.0.0'])('%s will do', async (version) => {
    expect(await checkEtcd(await programSaying(`etcd Version: ${version}`))).toBe(version)
  })

  it.each(['etcd Version: 3.3.27', 'etcd Version: 2.3.8', 'something else'])(
    '%j is too old or no etcd',
    async (words) => {
      await expect(checkEtcd(await programSaying(words))).rejects.toMatchObject({
        code: 'PGHERD_ETCD_VERSION',
        exitCode: 6,
      })
    },
  )

  it('a missing one is an error with a next step', async () => {
    await expect(checkEtcd(path.join(directory, 'none'))).rejects.toMatchObject({
      code: 'PGHERD_NO_ETCD',
      hint: 'install etcd 3.4 or newer (Debian: apt-get install etcd-server)',
    })
  })

  it('the version is in the first of several lines', () => {
    expect(parseEtcdVersion('etcd Version: 3.4.23\nGit SHA: Not provided\n')).toBe('3.4.23')
  })
})
