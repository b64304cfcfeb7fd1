// A lost store on real processes: two of three voters without their disks, then all of them, each
// followed by the one command that brings the cluster back with every acknowledged row.

import { existsSync } from 'node:fs'
import { rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ClusterStatus } from '../../src/core/cluster-status.ts'
import type { RuntimeCluster } from '../../src/runtimes/runtime.ts'
import { eventually } from '../support/eventually.ts'
import { freePortBlock } from '../support/free-ports.ts'
import { openCluster, queryCluster, readStatus } from '../support/home-cluster.ts'
import { makeHome } from '../support/run-pgherd.ts'
import type { Home, RunResult } from '../support/run-pgherd.ts'

const healthyMs = 90_000
const voters = ['pg-0', 'pg-1', 'pg-2'] as const

let home: Home

const pgherd = (...words: readonly string[]): Promise<RunResult> =>
  home.run(words, { timeoutMs: 170_000 })

/** A command that must succeed. */
async function succeed(...words: readonly string[]): Promise<RunResult> {
  const result = await pgherd(...words)
  expect(
    `${words.join(' ')}: ${result.exitCode} ${result.exitCode === 0 ? '' : result.stderr}`,
  ).toBe(`${words.join(' ')}: 0 `)
  return result
}

const open = (): Promise<RuntimeCluster> => openCluster(home)

const status = (): Promise<ClusterStatus> => readStatus(home)

const query = (sql: string): Promise<readonly Record<string, unknown>[]> => queryCluster(home, sql)

const rowCount = async (): Promise<number> =>
  Number((await query('select count(*) from kept'))[0]?.['count'])

const storeFolder = async (node: string): Promise<string> =>
  path.join((await open()).directory, 'nodes', node, 'store')

/** Kills nodes, takes their disks of the store away, and starts the nodes again. */
async function loseStores(nodes: readonly string[]): Promise<void> {
  for (const node of nodes) await succeed('node', 'kill', node)
  for (const node of nodes) {
    const folder = await storeFolder(node)
    expect(existsSync(folder)).toBe(true)
    await rm(folder, { recursive: true })
  }
  for (const node of nodes) await succeed('node', 'start', node)
  await eventually(
    'the store is known to be lost',
    async () => {
      const { verdict, reasons } = await status()
      const isNamed = reasons.some((reason) => reason.next === 'pgherd store recover')
      return verdict === 'no-primary' && isNamed
    },
    healthyMs,
  )
}

beforeAll(async () => {
  home = await makeHome()
  const basePort = await freePortBlock(120)
  const specFile = path.join(home.directory, 'given.yaml')
  const nodes = voters.map((name) => `  - { name: ${name}, role: data }`).join('\n')
  await writeFile(
    specFile,
    `cluster: recover\nbasePort: ${basePort}\nnodes:\n${nodes}\n  - { name: lb-0, role: balancer }\n`,
  )
  await succeed('up', '--spec', specFile)
  await query('create table kept (id int)')
})

afterAll(async () => {
  await home.run(['destroy', '--yes', '--cluster', 'recover'])
  await home.remove()
})

describe('pgherd store recover', () => {
  test('nothing is lost → refused, nothing is changed', async () => {
    const result = await pgherd('store', 'recover', '--yes')
    expect(result.exitCode).toBe(7)
    expect(result.stderr).toContain('the store is not lost')
    expect((await status()).verdict).toBe('healthy')
  })

  test('two of three voters lost their disks → healthy, every acknowledged row is there', async () => {
    await query('insert into kept select generate_series(1, 1000)')
    const before = (await status()).lease!
    const others = voters.filter((name) => name !== before.holder)
    await loseStores([before.holder, others[0]!])
    const dry = await succeed('store', 'recover', '--dry-run')
    expect(dry.stdout).toContain('No acknowledged commit is lost.')
    await succeed('store', 'recover', '--yes')
    const after = await status()
    expect(after.verdict).toBe('healthy')
    expect(after.lease!.epoch).toBeGreaterThan(before.epoch + 1)
    expect(await rowCount()).toBe(1000)
  })

  test('every voter lost its disk → healthy, every acknowledged row is there', async () => {
    await query('insert into kept select generate_series(1, 1000)')
    const before = (await status()).lease!
    await loseStores(voters)
    await succeed('store', 'recover', '--yes')
    const after = await status()
    expect(after.verdict).toBe('healthy')
    expect(after.lease!.epoch).toBeGreaterThan(before.epoch + 1)
    expect(await rowCount()).toBe(2000)
    // Nothing of it is in the way of an ordinary failover.
    await succeed('switchover', '--yes')
    expect(await rowCount()).toBe(2000)
  })

  test('a standby is gone for good as well → refused by name, then given up by name', async () => {
    await query('insert into kept select generate_series(1, 500)')
    const { holder } = (await status()).lease!
    const [first, second] = voters.filter((name) => name !== holder)
    const before = await rowCount()
    await succeed('node', 'kill', second!)
    await succeed('node', 'kill', first!)
    await rm(await storeFolder(first!), { recursive: true })
    await succeed('node', 'start', first!)
    await eventually(
      'no majority answers any more',
      async () => !(await status()).store.isReachable,
      healthyMs,
    )
    const refused = await pgherd('store', 'recover', '--yes')
    expect(refused.exitCode).toBe(7)
    expect(refused.stderr).toContain(`${second!} does not answer`)
    await succeed('store', 'recover', '--yes', '--accept-loss-of', second!)
    expect((await status()).lease!.holder).toBe(holder)
    expect(await rowCount()).toBe(before)
  })
})
