// Folders that people copy, on real processes: the agent of such a node refuses with a sentence that status
// repeats, nothing is made up, and what was acknowledged is there. Every variant: directory-parts.test.ts.

import { execFile } from 'node:child_process'
import { readFile, rename, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ClusterStatus } from '../../src/core/cluster-status.ts'
import { asNodeName } from '../../src/core/names.ts'
import type { RuntimeCluster } from '../../src/runtimes/runtime.ts'
import { createRuntime } from '../../src/wiring.ts'
import { eventually } from '../support/eventually.ts'
import { freePortBlock } from '../support/free-ports.ts'
import { openCluster, queryCluster, readStatus } from '../support/home-cluster.ts'
import { makeHome } from '../support/run-pgherd.ts'
import type { Home } from '../support/run-pgherd.ts'

const pg2 = asNodeName('pg-2')
const healthyMs = 90_000

let home: Home
let acknowledged = 0

const open = (): Promise<RuntimeCluster> => openCluster(home)

const status = (): Promise<ClusterStatus> => readStatus(home)

const untilHealthy = () =>
  eventually('healthy', async () => (await status()).verdict === 'healthy', healthyMs)

const query = (sql: string): Promise<readonly Record<string, unknown>[]> => queryCluster(home, sql)

/**
 * One more acknowledged row. While pg-1 and pg-2 are both down the store has no majority, so on a busy
 * machine the primary gives way once, and a session is cut: what was not acknowledged is tried again.
 */
async function commit(): Promise<void> {
  await eventually('a row is acknowledged', () =>
    query(`insert into kept values (${String(acknowledged + 1)})`).then(
      () => true,
      () => false,
    ),
  )
  acknowledged += 1
}

const folder = (node: string, ...parts: string[]): string =>
  path.join(home.directory, 'copied', 'nodes', node, ...parts)

/** As a person does it: with owners, which Node's own copy does not keep. */
async function copyFolder(from: string, to: string): Promise<void> {
  await promisify(execFile)('cp', ['-a', from, to])
}

beforeAll(async () => {
  home = await makeHome()
  const basePort = await freePortBlock(120)
  const specFile = path.join(home.directory, 'given.yaml')
  const nodes = ['pg-0', 'pg-1', 'pg-2'].map((name) => `  - { name: ${name}, role: data }\n`)
  const text = `cluster: copied\nbasePort: ${basePort}\nnodes:\n${nodes.join('')}  - { name: lb-0, role: balancer }\n`
  await writeFile(specFile, text)
  const { exitCode, stderr } = await home.run(['up', '--spec', specFile], { timeoutMs: 110_000 })
  expect(`${String(exitCode)} ${exitCode === 0 ? '' : stderr}`).toBe('0 ')
  await query('create table kept (n int)')
}, 120_000)

afterAll(async () => {
  for (const { name } of await createRuntime({ PGHERD_HOME: home.directory }).clusters()) {
    await home.run(['destroy', '--yes', '--cluster', name])
  }
  await home.remove()
})

describe('the folder of pg-2', () => {
  test.each<[string, string, () => Promise<void>]>([
    [
      'is that of pg-1, without identity.json',
      'identity.json is missing',
      async () => {
        await copyFolder(folder('pg-1'), folder('pg-2'))
        await rm(folder('pg-2', 'identity.json'))
      },
    ],
    [
      'is that of pg-1, with its own identity.json',
      'holds parts that are not of pg-2',
      async () => {
        await copyFolder(folder('pg-1'), folder('pg-2'))
        await rm(folder('pg-2', 'identity.json'))
        await rename(folder('pg-2.aside', 'identity.json'), folder('pg-2', 'identity.json'))
      },
    ],
    [
      'has the data directory of pg-1',
      'was copied or put back from a backup',
      async () => {
        await rename(folder('pg-2.aside'), folder('pg-2'))
        await rm(folder('pg-2', 'pgdata'), { recursive: true })
        await copyFolder(folder('pg-1', 'pgdata'), folder('pg-2', 'pgdata'))
      },
    ],
    [
      'is put back from a copy',
      'was copied or put back from a backup',
      () => copyFolder(folder('pg-2.aside'), folder('pg-2')),
    ],
  ])(
    '%s → refused with a sentence, status is true, nothing is lost',
    async (_what, says, act) => {
      const cluster = await open()
      await commit()
      await cluster.stopNode(pg2)
      // The sources of the copies stand still, so that these are whole.
      await rename(folder('pg-2'), folder('pg-2.aside'))
      const pg1 = asNodeName('pg-1')
      await cluster.stopNode(pg1)
      await act()
      await cluster.startNode(pg1)
      const state = await readFile(folder('pg-2', 'state.json'), 'utf8')
      await expect(cluster.startNode(pg2)).rejects.toMatchObject({
        code: 'PGHERD_AGENT_FAILED',
      })
      await eventually(
        'status says why pg-2 does not run',
        async () => {
          const { reasons, verdict } = await status()
          // Busy machines may elect once more in between.
          return (
            verdict === 'degraded' &&
            reasons.some(({ node, message }) => node === pg2 && message.includes(says))
          )
        },
        30_000,
      )
      expect(await readFile(folder('pg-2', 'state.json'), 'utf8')).toBe(state)
      await commit()
      await cluster.killNode(asNodeName('pg-0'))
      await cluster.startNode(asNodeName('pg-0'))
      await cluster.stopNode(pg2)
      await rm(folder('pg-2'), { recursive: true })
      // As the message says: set aside, it is cloned anew.
      await rm(folder('pg-2.aside'), { recursive: true, force: true })
      await cluster.startNode(pg2)
      await untilHealthy()
      expect(await query('select count(distinct n)::int as n from kept')).toEqual([
        { n: acknowledged },
      ])
    },
    180_000,
  )
})
