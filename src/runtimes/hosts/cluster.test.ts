import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { loadSpec } from '../../config/load.ts'
import { ensureSecrets, readSecrets } from '../../config/secrets.ts'
import { asNodeName } from '../../core/names.ts'
import type { StatusClient } from '../../ports/status-client.ts'
import { hasSecretsBeside, openHostsCluster } from './cluster.ts'

let folder: string
let specFile: string
beforeEach(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'pgherd-hosts-'))
  specFile = path.join(folder, 'cluster.yaml')
  await writeFile(specFile, 'nodes: [{ name: pg-0, role: data, host: 10.0.0.1 }]')
})
afterEach(() => rm(folder, { recursive: true, force: true }))

describe('a cluster on other hosts', () => {
  it('is asked with the secret that lies beside the spec file', async () => {
    expect(hasSecretsBeside(specFile)).toBe(false)
    await ensureSecrets(path.join(folder, 'secrets'))
    expect(hasSecretsBeside(specFile)).toBe(true)
    const used: string[] = []
    const cluster = await openHostsCluster(specFile, await loadSpec(specFile), (secret) => {
      used.push(secret)
      return {} as StatusClient
    })
    cluster.connect()
    const secrets = await readSecrets(path.join(folder, 'secrets'))
    expect(used).toEqual([secrets.api])
    expect(await cluster.application.readPassword()).toBe(secrets.app)
    expect(await cluster.processes()).toEqual([])
  })

  it('its processes are out of reach: every such verb says where to do it', async () => {
    await ensureSecrets(path.join(folder, 'secrets'))
    const connect = () => ({}) as StatusClient
    const cluster = await openHostsCluster(specFile, await loadSpec(specFile), connect)
    const node = asNodeName('pg-0')
    const verbs = [
      cluster.startNode(node),
      cluster.stopNode(node),
      cluster.killNode(node),
      cluster.freezeNode(node, 'agent'),
      cluster.thawNode(node),
      cluster.down(() => undefined),
      cluster.destroy(() => undefined),
    ]
    for (const result of await Promise.allSettled(verbs)) {
      expect(result).toMatchObject({ status: 'rejected', reason: { code: 'PGHERD_NOT_HERE' } })
    }
  })
})
