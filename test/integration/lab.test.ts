// A lab as a person uses it: hosts with addresses of their own, cables that are cut, power that fails, one
// address for applications. One lab for all; the tests build on each other in this order.

import { readdirSync, rmSync, symlinkSync } from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ClusterStatus } from '../../src/core/cluster-status.ts'
import { parseSpec } from '../../src/config/load.ts'
import type { ProcessInfo } from '../../src/host/process-info.ts'
import { listProcesses } from '../../src/host/process-info.ts'
import { labNetworkOf } from '../../src/runtimes/lab/hosts.ts'
import { labSpecOf } from '../../src/runtimes/lab/lab-spec.ts'
import type { LabHostState } from '../../src/runtimes/runtime.ts'
import { eventually } from '../support/eventually.ts'
import { type Home, type RunResult, makeHome } from '../support/run-pgherd.ts'

/** Null: it can run here. */
const obstacle = process.getuid?.() === 0 ? null : 'only root can make network namespaces'
if (obstacle !== null) console.warn(`The tests of the lab are skipped: ${obstacle}.`)

const vip = '10.77.0.100'
let home: Home

const pgherd = (...words: string[]): Promise<RunResult> =>
  home.run([...words], { timeoutMs: 120_000 })

async function json<T>(...words: string[]): Promise<T> {
  const { stdout } = await pgherd(...words, '--json')
  return JSON.parse(stdout) as T
}

const status = () => json<ClusterStatus>('status')
const hosts = async () => (await json<{ hosts: LabHostState[] }>('lab', 'show')).hosts

async function vipHolders(): Promise<readonly string[]> {
  const holding = (host: LabHostState) => host.hasPower && host.extraAddresses.includes(vip)
  return (await hosts()).filter(holding).map((host) => host.name)
}

async function untilVipIsSomewhere(): Promise<string> {
  let holders: readonly string[] = []
  await eventually('one balancer has the address', async () => {
    holders = await vipHolders()
    return holders.length === 1
  })
  return holders[0] ?? ''
}

async function untilHealthy(): Promise<ClusterStatus> {
  const seen: ClusterStatus[] = []
  await eventually(
    'the cluster is healthy',
    async () => {
      seen.push(await status())
      return seen.at(-1)?.verdict === 'healthy'
    },
    60_000,
  )
  return seen.at(-1)!
}

const write = () => pgherd('psql', '-qAtc', 'create table if not exists t (); select 1')

/** Namespaces of this lab. */
function namespaces(): readonly string[] {
  const { layout } = labSpecOf(parseSpec('cluster: lab', 'built-in defaults'))
  const { prefix } = labNetworkOf(path.join(home.directory, 'lab'), layout)
  return readdirSync('/run/netns').filter((name) => name.startsWith(prefix))
}

const worksInHome = ({ workingDirectory, arguments: words }: ProcessInfo): boolean =>
  [workingDirectory, ...words].some((each) => each?.startsWith(home.directory) === true)

describe.skipIf(obstacle !== null)('a lab', () => {
  beforeAll(async () => {
    home = await makeHome()
  })
  afterAll(async () => {
    await home.run(['destroy', '--yes', '--cluster', 'lab'], { timeoutMs: 60_000 })
    await home.remove()
  })

  test('up: hosts, a cluster on them, one address for applications', async () => {
    const { exitCode, stdout, stderr } = await pgherd('up', '--runtime', 'lab', '--cluster', 'lab')
    expect(stderr).toContain('Cluster lab is up after')
    expect(exitCode).toBe(0)
    expect(stdout).toContain(`postgresql://app:********@${vip}:5000/app`)
    expect((await write()).stdout).toBe('1\n')
    expect((await hosts()).map((host) => host.name)).toEqual([
      'pg-0',
      'pg-1',
      'pg-2',
      'pgw-0',
      'lb-0',
      'lb-1',
      'client',
    ])
    expect(namespaces()).toHaveLength(8)
  })

  test('up again: nothing to change; another runtime is refused', async () => {
    expect(await json('up')).toMatchObject({ isChanged: false })
    const { exitCode, stderr } = await pgherd('up', '--runtime', 'local', '--cluster', 'lab')
    expect(exitCode).toBe(3)
    expect(stderr).toContain('there already, in the runtime lab')
  })

  test('a host is what its name says: its own address, and programs see its network', async () => {
    const { stdout } = await pgherd('lab', 'exec', 'pg-1', '--', 'ip', '-brief', 'address')
    expect(stdout).toMatch(/eth0\S*\s+UP\s+10\.77\.0\.12\/24/)
    expect(await pgherd('lab', 'exec', 'pg-1', '--', 'false')).toMatchObject({ exitCode: 6 })
  })

  test('the primary is cut off: another one serves, and the old one has stopped', async () => {
    const { lease } = await untilHealthy()
    const old = lease?.holder ?? ''
    expect(await json('lab', 'cut', old)).toMatchObject({ isChanged: true })
    expect(await json('lab', 'cut', old)).toMatchObject({ isChanged: false })
    await eventually('another node serves', async () => {
      const now = await status()
      return now.lease?.holder !== old && now.verdict === 'degraded'
    })
    expect((await write()).stdout).toBe('1\n')
    const trapped = await pgherd('lab', 'exec', old, '--', 'ss', '-Htln', 'sport = :5432')
    expect(trapped.stdout).toBe('')
    await pgherd('lab', 'heal', old)
    const { nodes } = await untilHealthy()
    expect(nodes.find((node) => node.name === old)?.role).toBe('standby')
  })

  test('one way: the host hears and is not heard', async () => {
    await pgherd('lab', 'cut', 'pgw-0', '--from', 'client', '--one-way')
    const ping = (from: string, to: string) =>
      pgherd('lab', 'exec', from, '--', 'bash', '-c', `exec 3<>/dev/tcp/${to}/8008`)
    expect((await hosts()).find((host) => host.name === 'pgw-0')?.unheardBy).toEqual(['client'])
    expect((await ping('pg-0', '10.77.0.21')).exitCode).toBe(0)
    await pgherd('lab', 'heal', 'pgw-0', '--from', 'client')
    expect((await ping('client', '10.77.0.21')).exitCode).toBe(0)
  })

  test('the host of the address loses power: the other balancer has it, then keeps it', async () => {
    await untilHealthy()
    const holder = await untilVipIsSomewhere()
    expect((await pgherd('lab', 'power-off', holder)).stderr).toContain('has no power')
    await eventually('the other one has it', async () => {
      const holders = await vipHolders()
      return holders.length === 1 && holders[0] !== holder
    })
    expect((await write()).stdout).toBe('1\n')
    await pgherd('lab', 'power-on', holder)
    await untilHealthy()
    expect(await vipHolders()).not.toContain(holder)
  })

  test('wrong inputs name what there is', async () => {
    const unknown = await pgherd('lab', 'cut', 'pg-7')
    expect(unknown.stderr).toContain('its hosts are pg-0, pg-1')
    expect(unknown.exitCode).toBe(2)
    expect((await pgherd('lab', 'loss', 'pg-0', 'much')).stderr).toContain('is no percentage')
    expect((await pgherd('up', '--runtime', 'moon')).stderr).toContain('there is no runtime moon')
  })

  test('down takes the network away, up makes it again, data stays', async () => {
    expect((await pgherd('down')).exitCode).toBe(0)
    expect(namespaces()).toEqual([])
    expect((await pgherd('up')).exitCode).toBe(0)
    expect((await write()).stdout).toBe('1\n')
  })

  test('destroy, through a link to the same home, leaves no process and no namespace', async () => {
    const link = `${home.directory}-link`
    symlinkSync(home.directory, link)
    try {
      const { exitCode } = await home.run(['destroy', '--yes', '--cluster', 'lab'], {
        environment: { PGHERD_HOME: link },
        timeoutMs: 60_000,
      })
      expect(exitCode).toBe(0)
    } finally {
      rmSync(link)
    }
    expect(listProcesses().filter(worksInHome)).toEqual([])
    expect(namespaces()).toEqual([])
    expect(readdirSync(home.directory)).toEqual([])
  })
})
