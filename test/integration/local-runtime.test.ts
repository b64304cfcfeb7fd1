// The local runtime on real processes: what `up`, `down`, `destroy` and the node verbs promise, also when
// a command or the supervisor is killed in the middle. Failovers themselves are failover.test.ts.

import { existsSync } from 'node:fs'
import { readFile, readdir, stat, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { findPostmaster } from '../../bench/faults.ts'
import { processesIn } from '../../bench/inventory.ts'
import type { ClusterStatus } from '../../src/core/cluster-status.ts'
import { asNodeName } from '../../src/core/names.ts'
import { listeningPorts } from '../../src/host/listening-ports.ts'
import { readProcess } from '../../src/host/process-info.ts'
import {
  parseRecord,
  parseSharedMemory,
  removeRecordedMemory,
  sharedMemoryRecordName,
} from '../../src/host/shared-memory.ts'
import type { SharedMemory } from '../../src/host/shared-memory.ts'
import { portsOfNode } from '../../src/runtimes/local/port-check.ts'
import type { NodeProcesses, RuntimeCluster } from '../../src/runtimes/runtime.ts'
import { createRuntime } from '../../src/wiring.ts'
import { eventually } from '../support/eventually.ts'
import { freePortBlock } from '../support/free-ports.ts'
import { openCluster, queryCluster, readStatus } from '../support/home-cluster.ts'
import { makeHome } from '../support/run-pgherd.ts'
import type { Home, RunResult } from '../support/run-pgherd.ts'

const pg0 = asNodeName('pg-0')
const pg1 = asNodeName('pg-1')
const healthyMs = 90_000

let home: Home
let specFile: string
let specText: string

/** A real `pgherd` command that must succeed. */
async function pgherd(...words: readonly string[]): Promise<RunResult> {
  const result = await home.run(words, { timeoutMs: 110_000 })
  expect(
    `${words.join(' ')}: ${result.exitCode} ${result.exitCode === 0 ? '' : result.stderr}`,
  ).toBe(`${words.join(' ')}: 0 `)
  return result
}

const open = (name: string | null = null): Promise<RuntimeCluster> => openCluster(home, name)

const status = (): Promise<ClusterStatus> => readStatus(home)

const untilHealthy = () =>
  eventually(
    'the cluster is healthy',
    async () => (await status()).verdict === 'healthy',
    healthyMs,
  )

async function nodeProcesses(node: string): Promise<NodeProcesses> {
  const found = (await (await open()).processes()).find((each) => each.node === node)
  if (found === undefined) throw new Error(`there is no ${node}`)
  return found
}

const query = (sql: string): Promise<readonly Record<string, unknown>[]> => queryCluster(home, sql)

/** What the servers of the cluster use of the machine's shared memory. */
async function sharedMemoryOfNodes(): Promise<SharedMemory> {
  const nodes = [await nodeProcesses('pg-0'), await nodeProcesses('pg-1')]
  const servers = nodes.flatMap(({ processes }) =>
    processes.filter(({ name }) => name === 'postgres'),
  )
  const maps = servers.map(({ pid }) => readFile(`/proc/${String(pid)}/maps`, 'utf8'))
  return parseSharedMemory((await Promise.all(maps)).join('\n'))
}

beforeAll(async () => {
  home = await makeHome()
  const basePort = await freePortBlock(120)
  specText = `cluster: runtime\nbasePort: ${basePort}\nnodes:
  - { name: pg-0, role: data }
  - { name: pg-1, role: data }
  - { name: pgw-0, role: witness }
  - { name: lb-0, role: balancer }\n`
  specFile = path.join(home.directory, 'given.yaml')
  await writeFile(specFile, specText)
})

afterAll(async () => {
  for (const { name } of await createRuntime({ PGHERD_HOME: home.directory }).clusters()) {
    await home.run(['destroy', '--yes', '--cluster', name])
  }
  await home.remove()
})

describe('up', () => {
  test('killed in the middle, then run again → goes on and says so', async () => {
    const killed = await home.run(['up', '--spec', specFile], {
      onOutput: (text) => (text.includes('agent answers') ? 'SIGKILL' : undefined),
    })
    expect(killed.exitCode).toBe(-2)
    const { stdout, stderr } = await pgherd('up', '--spec', specFile)
    expect(stdout).toContain('Healthy: ')
    expect(stderr).toContain('An earlier command did not finish')
  })

  test('again → nothing to change, at once, without the spec file too', async () => {
    const before = await (await open()).processes()
    const { stderr, tookMs } = await pgherd('up')
    expect(stderr).toContain('Nothing to change')
    expect((await pgherd('up', '--spec', specFile)).stderr).toContain('Nothing to change')
    const after = await (await open()).processes()
    expect(after.map((each) => each.agentPid)).toEqual(before.map((each) => each.agentPid))
    console.log(`up with nothing to change: ${tookMs.toFixed(0)} ms`)
    expect(tookMs).toBeLessThan(10_000)
  })

  test('settings that changed → agents start again, PostgreSQL and the lease stay', async () => {
    const before = await status()
    const serverPid = async () => findPostmaster((await nodeProcesses('pg-0')).processes)
    const pid = await serverPid()
    expect(pid).not.toBeNull()
    await writeFile(specFile, `${specText}balancer: { connectionsMax: 77 }\n`)
    const { stderr } = await pgherd('up', '--spec', specFile)
    expect(stderr).toContain('changed: balancer')
    const after = await status()
    expect(after.lease?.epoch).toBe(before.lease?.epoch)
    expect(await serverPid()).toBe(pid)
    const { directory } = await open()
    const config = path.join(directory, 'nodes', 'lb-0', 'haproxy', 'haproxy.cfg')
    expect(await readFile(config, 'utf8')).toContain('maxconn 77')
  })

  test.each([
    ['another port', (text: string) => text.replace(/basePort: \d+/, 'basePort: 23456')],
    ['a node less', (text: string) => text.replace(/.*pgw-0.*\n/, '')],
    ['another database', (text: string) => `${text}postgres: { database: other }\n`],
  ])('%s than the running cluster has → refused, nothing changed', async (_what, change) => {
    const other = path.join(home.directory, 'other.yaml')
    await writeFile(other, change(specText))
    const before = await readFile((await open()).specFile, 'utf8')
    const { exitCode, stderr } = await home.run(['up', '--spec', other])
    expect(exitCode).toBe(3)
    expect(stderr).toContain('(PGHERD_SPEC_FIXED)')
    expect(await readFile((await open()).specFile, 'utf8')).toBe(before)
    expect((await status()).verdict).toBe('healthy')
  })
})

describe('secrets', () => {
  test('are in no command line, no output, no log, and in no file that others may read', async () => {
    const { directory } = await open()
    const folder = path.join(directory, 'secrets')
    const names = (await readdir(folder)).filter((name) => /\.(password|secret)$/.test(name))
    expect(names.length).toBeGreaterThanOrEqual(5)
    const secrets = await Promise.all(
      names.map(async (name) => (await readFile(path.join(folder, name), 'utf8')).trim()),
    )
    const leaks = (text: string) => secrets.some((secret) => text.includes(secret))
    for (const node of await (await open()).processes()) {
      for (const { pid } of node.processes) {
        expect(leaks(readProcess(pid)?.arguments.join(' ') ?? ''), `pid ${pid}`).toBe(false)
      }
    }
    for (const words of [['status', '--json'], ['events', '--json'], ['url'], ['spec'], ['logs']]) {
      const { stdout, stderr } = await pgherd(...words)
      expect(leaks(stdout + stderr), words.join(' ')).toBe(false)
    }
    expect(leaks((await pgherd('url', '--show-secret')).stdout)).toBe(true)
    for (const entry of await readdir(directory, { recursive: true, withFileTypes: true })) {
      const file = path.join(entry.parentPath, entry.name)
      if (!entry.isFile() || file.includes('/pgdata/') || file.includes('/store/')) continue
      const { mode, size } = await stat(file)
      if (size > 1_000_000 || !leaks(await readFile(file, 'utf8'))) continue
      expect(file).not.toMatch(/\.log/)
      expect(`${file} ${(mode & 0o077).toString(8)}`).toBe(`${file} 0`)
    }
  })
})

describe('nodes', () => {
  test('an agent that dies is started again; nobody had to do anything', async () => {
    const before = await nodeProcesses('pgw-0')
    process.kill(before.agentPid!, 'SIGKILL')
    await eventually('another agent runs', async () => {
      const { agentPid } = await nodeProcesses('pgw-0')
      return agentPid !== null && agentPid !== before.agentPid
    })
    expect((await nodeProcesses('pgw-0')).restartCount).toBe(before.restartCount + 1)
    await untilHealthy()
  })

  test('kill → nothing of the node is left, and it stays dead; start → back', async () => {
    await query('create table if not exists kept (n int)')
    const cluster = await open()
    expect(await cluster.killNode(pg1)).toBeGreaterThan(3)
    expect(await nodeProcesses('pg-1')).toMatchObject({ state: 'stopped', processes: [] })
    expect(await cluster.killNode(pg1)).toBe(0)
    expect(await cluster.startNode(pg1)).toBe(true)
    expect(await cluster.startNode(pg1)).toBe(false)
    await untilHealthy()
  })

  test('stop → ends cleanly and stays stopped, also over a restart of the supervisor', async () => {
    const cluster = await open()
    expect(await cluster.stopNode(pg1)).toBe(true)
    expect(await cluster.stopNode(pg1)).toBe(false)
    expect(await nodeProcesses('pg-1')).toMatchObject({ wanted: 'stopped', processes: [] })
    const supervisor = JSON.parse(
      await readFile(path.join(cluster.directory, 'state', 'supervisor.json'), 'utf8'),
    ) as { pid: number }
    process.kill(supervisor.pid, 'SIGKILL')
    await eventually('the supervisor is gone', async () => !(await cluster.isSupervised()))
    const agent = (await nodeProcesses('pg-0')).agentPid
    // A command that needs the supervisor starts one, and that one takes over what runs.
    await cluster.startNode(pg1)
    expect(await cluster.isSupervised()).toBe(true)
    expect((await nodeProcesses('pg-0')).agentPid).toBe(agent)
    await untilHealthy()
  })

  test('freeze and thaw: the whole node, or its agent alone', async () => {
    const cluster = await open()
    const all = await cluster.freezeNode(pg1, 'node')
    expect(all).toBeGreaterThan(3)
    const frozen = await nodeProcesses('pg-1')
    expect(frozen.state).toBe('frozen')
    expect(frozen.processes.every((each) => each.isFrozen)).toBe(true)
    expect(await cluster.freezeNode(pg1, 'node')).toBe(0)
    expect(await cluster.thawNode(pg1)).toBeGreaterThanOrEqual(all)
    expect(await cluster.freezeNode(pg1, 'agent')).toBe(1)
    const half = await nodeProcesses('pg-1')
    expect(half.processes.filter((each) => each.isFrozen).map((each) => each.isAgent)).toEqual([
      true,
    ])
    expect(await cluster.thawNode(pg1)).toBe(1)
    await untilHealthy()
  })

  test('the primary killed → another one serves what was written; the dead one comes back', async () => {
    await query('insert into kept values (1)')
    const before = await status()
    const primary = before.nodes.find((node) => node.role === 'primary')!.name
    const other = primary === 'pg-0' ? pg1 : pg0
    const cluster = await open()
    await cluster.killNode(primary)
    await eventually(
      'the other node serves',
      async () => (await status()).nodes.find((node) => node.name === other)?.role === 'primary',
      30_000,
    )
    await eventually('writes go on', async () => {
      return query('insert into kept values (2) returning n').then(
        (rows) => rows.length === 1,
        () => false,
      )
    })
    expect(await query('select distinct n from kept order by n')).toEqual([{ n: 1 }, { n: 2 }])
    await cluster.startNode(primary)
    await untilHealthy()
  })
})

describe('an agent in the wrong place', () => {
  const agent = (node: string, directory: string) =>
    home.run([
      'agent',
      ...['--spec', path.join(home.directory, 'runtime', 'cluster.yaml')],
      ...['--node', node, '--data-dir', directory],
    ])

  test('a directory of another node is refused, exit code 9', async () => {
    const { directory } = await open()
    const cluster = await open()
    await cluster.stopNode(pg1)
    const { exitCode, stderr } = await agent('pg-0', path.join(directory, 'nodes', 'pg-1'))
    await cluster.startNode(pg1)
    expect(exitCode).toBe(9)
    expect(stderr).toContain('its identity.json says pg-1 in cluster runtime')
    await untilHealthy()
  })

  test('a directory that another agent works on is refused', async () => {
    const { directory } = await open()
    const { exitCode, stderr } = await agent('pg-0', path.join(directory, 'nodes', 'pg-0'))
    expect(exitCode).toBe(6)
    expect(stderr).toContain('(PGHERD_DIRECTORY_IN_USE)')
  })

  test('an unknown node is named, with what was probably meant', async () => {
    const { exitCode, stderr } = await agent('pg-9', path.join(home.directory, 'never'))
    expect(exitCode).toBe(2)
    expect(stderr).toContain('pg-9')
    expect(existsSync(path.join(home.directory, 'never'))).toBe(false)
  })
})

describe('down and destroy', () => {
  test('down → no process, data stays; up → the same data', async () => {
    await pgherd('down')
    const { directory, layout } = await open()
    expect(await processesIn(directory)).toEqual([])
    expect((await home.run(['down'])).stderr).toContain('Nothing to change')
    const ports = layout.nodes.flatMap((node) => portsOfNode(layout, node))
    expect(ports.filter((port) => listeningPorts().has(port))).toEqual([])
    await pgherd('up')
    expect(await query('select distinct n from kept order by n')).toEqual([{ n: 1 }, { n: 2 }])
  })

  test('a second cluster beside it takes other ports by itself', async () => {
    const small = path.join(home.directory, 'small.yaml')
    await writeFile(small, 'cluster: small\nnodes: [{ name: pg-0, role: data }]\n')
    await pgherd('up', '--spec', small)
    const [first, second] = [await open('runtime'), await open('small')]
    const portsOf = ({ layout }: RuntimeCluster) =>
      layout.nodes.flatMap((node) => portsOfNode(layout, node))
    expect(portsOf(first).filter((port) => portsOf(second).includes(port))).toEqual([])
    expect((await home.run(['status'])).stderr).toContain('(PGHERD_CLUSTER_AMBIGUOUS)')
    await pgherd('destroy', '--yes', '--cluster', 'small')
    expect(existsSync(second.directory)).toBe(false)
    expect((await status()).verdict).toBe('healthy')
  })

  test('destroy → no process, no port, no file', async () => {
    const { directory, layout } = await open()
    const memory = await sharedMemoryOfNodes()
    const isThere = (file: string) => existsSync(file)
    expect(memory.files.length).toBeGreaterThanOrEqual(4)
    // What a server uses is not removed, whatever a record says.
    const record = path.join(directory, 'nodes', 'pg-0', sharedMemoryRecordName)
    expect(parseRecord(await readFile(record, 'utf8')).files.every(isThere)).toBe(true)
    await removeRecordedMemory(record)
    expect(memory.files.every(isThere)).toBe(true)
    // One that was removed while it is in use stays in the list, without its key.
    const segmentsNow = await readFile('/proc/sysvipc/shm', 'utf8')
    for (const { id, key } of memory.segments) {
      expect(segmentsNow).toMatch(new RegExp(`^ *${String(key)} +${String(id)} `, 'm'))
    }
    // One that is killed cannot remove what it has, and nobody starts it again.
    await pgherd('node', 'kill', 'pg-1')
    await pgherd('destroy', '--yes', '--cluster', 'runtime')
    expect(existsSync(directory)).toBe(false)
    expect(memory.files.filter(isThere)).toEqual([])
    const segments = await readFile('/proc/sysvipc/shm', 'utf8')
    expect(memory.segments).toHaveLength(2)
    for (const { id } of memory.segments) expect(segments).not.toContain(` ${String(id)} `)
    expect(await processesIn(home.directory)).toEqual([])
    const ports = layout.nodes.flatMap((node) => portsOfNode(layout, node))
    expect(ports.filter((port) => listeningPorts().has(port))).toEqual([])
  })
})
