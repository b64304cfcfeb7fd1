// A lab as a person uses it: hosts with addresses of their own, cables that are cut, power that fails, one
// address for applications. One lab for all; the tests build on each other in this order.

import { readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ClusterStatus } from '../../src/core/cluster-status.ts'
import { parseSpec } from '../../src/config/load.ts'
import type { ProcessInfo } from '../../src/host/process-info.ts'
import { listProcesses } from '../../src/host/process-info.ts'
import { withCut } from '../../src/runtimes/lab/faults.ts'
import { labNetworkOf } from '../../src/runtimes/lab/hosts.ts'
import type { LabNetwork } from '../../src/runtimes/lab/hosts.ts'
import { changeFaults } from '../../src/runtimes/lab/kept-faults.ts'
import { labSpecOf } from '../../src/runtimes/lab/lab-spec.ts'
import type { LabHostState } from '../../src/runtimes/runtime.ts'
import { ensureNetwork, observeNetwork, removeNetwork } from '../../src/runtimes/lab/network.ts'
import { planNetwork } from '../../src/runtimes/lab/network-state.ts'
import { eventually } from '../support/eventually.ts'
import { ip } from '../support/network-namespaces.ts'
import { type Home, type RunResult, makeHome } from '../support/run-pgherd.ts'

/** Exits with 0 when the host is there: nobody listens at its port 9, so it refuses. Needs no `ping`. */
const reachProgram = `
  const socket = require('node:net').connect({ host: '10.77.0.11', port: 9, timeout: 1000 })
  socket.on('error', (error) => process.exit(error.code === 'ECONNREFUSED' ? 0 : 1))
  socket.on('timeout', () => process.exit(1))`

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

function network(): LabNetwork {
  const { layout } = labSpecOf(parseSpec('cluster: lab', 'built-in defaults'))
  return labNetworkOf(path.join(home.directory, 'lab'), layout)
}

/** Namespaces of this lab. */
function namespaces(): readonly string[] {
  return readdirSync('/run/netns').filter((name) => name.startsWith(network().prefix))
}

const inSwitch = (...words: readonly string[]): string =>
  ip('netns', 'exec', network().switchNamespace, ...words)
/** Pairs of ports between which the switch lets nothing pass. */
const cutPairs = (): readonly string[] =>
  inSwitch('nft', 'list', 'set', 'bridge', 'faults', 'cuts').match(/"port\d" \. "port\d"/g) ?? []

const worksInHome = ({ workingDirectory, arguments: words }: ProcessInfo): boolean =>
  [workingDirectory, ...words].some((each) => each?.startsWith(home.directory) === true)

test.skipIf(obstacle !== null)(
  'a network that was cut short after any command → made whole, and nothing but that',
  async () => {
    const spec = 'nodes:\n  - { name: pg-0, role: data, host: 10.77.0.11 }\n'
    const directory = `/nowhere/${String(process.pid)}`
    const small = labNetworkOf(directory, parseSpec(spec, 'test').layout)
    const commands = planNetwork(small, new Map()).flatMap((batch) =>
      batch.commands.map((line) => [
        ...(batch.namespace === null ? [] : ['-n', batch.namespace]),
        ...line.split(' '),
      ]),
    )
    try {
      for (const [count] of commands.entries()) {
        for (const command of commands.slice(0, count)) ip(...command)
        expect(await ensureNetwork(small), `after ${String(count)}`).toBe(true)
        expect(planNetwork(small, await observeNetwork(small.prefix))).toEqual([])
        ip('netns', 'exec', `${small.prefix}client`, process.execPath, '-e', reachProgram)
        await removeNetwork(small.prefix)
      }
      // What a restart of the machine leaves: names without a namespace.
      for (const name of ['switch', 'pg-0']) writeFileSync(`/run/netns/${small.prefix}${name}`, '')
      expect(await ensureNetwork(small)).toBe(true)
      expect(await ensureNetwork(small)).toBe(false)
      ip('-n', small.switchNamespace, 'link', 'set', 'port0', 'down')
      expect(await ensureNetwork(small), 'a host without power is finished').toBe(false)
    } finally {
      await removeNetwork(small.prefix)
    }
  },
)

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
    const ended = async (script: string) =>
      (await pgherd('lab', 'exec', 'pg-1', '--', 'sh', '-c', script)).exitCode
    expect(await ended('exit 3')).toBe(3)
    expect(await ended('kill -TERM $$')).toBe(143)
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

  test('cuts that are made at once are all in force, and what nobody knows of can be healed', async () => {
    const cut = ['pg-0', 'pg-1', 'pgw-0']
    const state = path.join(home.directory, 'lab', 'state')
    const changes = cut.map((host) =>
      changeFaults(network(), state, (faults) => withCut(faults, host, ['client'], true)),
    )
    expect(await Promise.all(changes)).toEqual([true, true, true])
    const unheard = (await hosts()).filter(({ unheardBy }) => unheardBy.includes('client'))
    expect(unheard.map((host) => host.name)).toEqual(cut)
    expect(cutPairs()).toHaveLength(3)
    expect((await pgherd('lab', 'heal', '--all')).stderr).toContain('every cable is whole again')
    // As when somebody, or a command that was killed, has left more than the file says.
    inSwitch('nft', 'add', 'element', 'bridge', 'faults', 'cuts', '{ "port5" . "port0" }')
    await pgherd('lab', 'heal', 'lb-1')
    expect(cutPairs()).toEqual([])
  })

  test('a loss of everything; a line that the kernel cannot make is not kept', async () => {
    expect(await pgherd('lab', 'loss', 'pg-2', '100')).toMatchObject({ exitCode: 0 })
    const { stdout, exitCode } = await pgherd('lab', 'delay', 'pg-2', '0.4ms')
    const shown = (await hosts()).find((host) => host.name === 'pg-2')
    expect(shown).toMatchObject({ lossPercent: 100, delayMs: exitCode === 0 ? 0.4 : 0 })
    expect(stdout).toBe('')
    expect(inSwitch('nft', 'list', 'ruleset')).toContain('iifname "port2" drop')
    await pgherd('lab', 'heal', 'pg-2')
    expect(inSwitch('nft', 'list', 'ruleset')).not.toContain('port2')
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
    // It stays off, and nobody waits for it.
    const again = await pgherd('up')
    expect(again.exitCode).toBe(0)
    expect(again.stderr).toContain(`its host has no power: pgherd lab power-on ${holder}`)
    expect(await pgherd('node', 'start', holder)).toMatchObject({ exitCode: 6 })
    expect((await pgherd('lab', 'cut', holder)).stderr).toContain('it has no power')
    expect((await pgherd('lab', 'heal', holder)).stderr).toContain(
      'is whole again; it has no power',
    )
    expect((await hosts()).find((host) => host.name === holder)).toMatchObject({
      hasPower: false,
      processCount: 0,
    })
    await pgherd('lab', 'power-on', holder)
    await untilHealthy()
    expect(await vipHolders()).not.toContain(holder)
  })

  test('wrong inputs name what there is', async () => {
    const unknown = await pgherd('lab', 'cut', 'pg-7')
    expect(unknown.stderr).toContain('its hosts are pg-0, pg-1')
    expect(unknown.exitCode).toBe(2)
    expect((await pgherd('lab', 'loss', 'pg-0', 'much')).stderr).toContain('is no percentage')
    const same = await pgherd('lab', 'cut', 'pg-0', '--from', 'pg-0')
    expect(same.stderr).toContain('both are on the host pg-0')
    expect((await pgherd('up', '--runtime', 'moon')).stderr).toContain('there is no runtime moon')
  })

  test('down takes the network away, up makes it again, data stays', async () => {
    expect(await pgherd('down')).toMatchObject({ exitCode: 0 })
    expect(namespaces()).toEqual([])
    const shown = await json<{ isDown: boolean; hosts: LabHostState[] }>('lab', 'show')
    expect(shown.isDown).toBe(true)
    expect(shown.hosts.map((host) => host.hasPower)).toEqual(Array(7).fill(false))
    const { stderr, exitCode } = await pgherd('lab', 'power-on', 'pg-0')
    expect(stderr).toMatch(/the lab of cluster lab is down.*pgherd up/s)
    expect(stderr).not.toContain('destroy')
    expect(exitCode).toBe(6)
    for (const line of [
      ['psql'],
      ['lab', 'shell', 'pg-0'],
      ['lab', 'exec', 'client', '--', 'true'],
    ]) {
      const entered = await pgherd(...line)
      expect(entered.stderr).toMatch(/the lab of cluster lab is down.*pgherd up/s)
      expect(entered).toMatchObject({ exitCode: 6, stdout: '' })
    }
    // As after an \`up\` that was killed while it made the network.
    ip('netns', 'add', network().switchNamespace)
    ip('netns', 'add', `${network().prefix}pg-1`)
    expect(await pgherd('up')).toMatchObject({ exitCode: 0 })
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
