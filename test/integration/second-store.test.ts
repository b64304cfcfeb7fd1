// A second, empty store is never founded beside data: real agents whose etcd directories are missing at
// the start, as a volume that is not mounted at boot, while the other voter is down or silent.

import { existsSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ClusterStatus } from '../../src/core/cluster-status.ts'
import type { RuntimeCluster } from '../../src/runtimes/runtime.ts'
import { eventually } from '../support/eventually.ts'
import { freePortBlock } from '../support/free-ports.ts'
import { openCluster, queryCluster, readStatus } from '../support/home-cluster.ts'
import { makeHome } from '../support/run-pgherd.ts'
import type { Home } from '../support/run-pgherd.ts'

const names = ['pg-0', 'pg-1', 'pgw-0'] as const
type Name = (typeof names)[number]
const healthyMs = 90_000

let home: Home

async function pgherd(...words: readonly string[]): Promise<void> {
  const { exitCode, stderr } = await home.run(words, { timeoutMs: 110_000 })
  expect(`${words.join(' ')}: ${exitCode} ${exitCode === 0 ? '' : stderr}`).toBe(
    `${words.join(' ')}: 0 `,
  )
}

const open = (): Promise<RuntimeCluster> => openCluster(home)

const status = (): Promise<ClusterStatus> => readStatus(home)

async function untilHealthy(): Promise<void> {
  await eventually(
    'the cluster is healthy',
    async () => (await status()).verdict === 'healthy',
    healthyMs,
  )
}

const query = (sql: string): Promise<readonly Record<string, unknown>[]> => queryCluster(home, sql)

async function storeOf(name: Name): Promise<string> {
  return path.join((await open()).directory, 'nodes', name, 'store')
}

beforeAll(async () => {
  home = await makeHome()
  const specFile = path.join(home.directory, 'given.yaml')
  writeFileSync(
    specFile,
    `cluster: founding\nbasePort: ${await freePortBlock(120)}\nnodes:
  - { name: pg-0, role: data }
  - { name: pg-1, role: data }
  - { name: pgw-0, role: witness }
  - { name: lb-0, role: balancer }\n`,
  )
  await pgherd('up', '--spec', specFile)
  await query('create table kept (id integer primary key)')
})

afterAll(async () => {
  await home.run(['destroy', '--yes', '--cluster', 'founding'])
  await home.remove()
})

describe('the etcd directories of two voters are missing at the start', () => {
  test.each<{ emptied: readonly [Name, Name]; third: 'down' | 'frozen' }>([
    { emptied: ['pg-0', 'pgw-0'], third: 'down' },
    { emptied: ['pg-1', 'pgw-0'], third: 'down' },
    { emptied: ['pg-0', 'pg-1'], third: 'down' },
    { emptied: ['pg-0', 'pgw-0'], third: 'frozen' },
  ])(
    '$emptied, the third is $third → nothing is founded, status says why, no row is lost',
    async ({ emptied, third }) => {
      const before = await query('select count(*)::integer as count from kept')
      await query(
        `insert into kept select max from (select coalesce(max(id), 0) + 1 as max from kept) one`,
      )
      const rest = names.find((name) => !emptied.includes(name))!
      if (third === 'down') await pgherd('node', 'stop', rest)
      for (const name of emptied) await pgherd('node', 'stop', name)
      if (third === 'frozen') await pgherd('node', 'freeze', rest)
      for (const name of emptied) {
        const store = await storeOf(name)
        renameSync(store, `${store}.away`)
      }
      for (const name of emptied) await pgherd('node', 'start', name)
      let reasons: ClusterStatus['reasons'] = []
      await eventually('status says why', async () => {
        reasons = (await status()).reasons
        return emptied.every((name) =>
          reasons.some(({ message }) => message.includes(`etcd ran on ${name} before`)),
        )
      })
      for (const name of emptied) {
        const store = await storeOf(name)
        expect(existsSync(path.join(store, 'etcd', 'member')), name).toBe(false)
        await pgherd('node', 'stop', name)
        rmSync(store, { recursive: true })
        renameSync(`${store}.away`, store)
        await pgherd('node', 'start', name)
      }
      await pgherd('node', third === 'down' ? 'start' : 'thaw', rest)
      await untilHealthy()
      const after = await query('select count(*)::integer as count from kept')
      expect(after[0]?.['count']).toBe(Number(before[0]?.['count']) + 1)
    },
    180_000,
  )
})
