// The shared address on a real Keepalived: two hosts as network namespaces, each with the adapter and a
// stand-in for HAProxy's health frontend.

import { spawn, spawnSync } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { KeepalivedOptions } from '../../src/adapters/keepalived/process.ts'
import { systemClock } from '../../src/adapters/system/clock.ts'
import { parseSpec } from '../../src/config/load.ts'
import { asNodeName } from '../../src/core/names.ts'
import { isProcessAlive, readCommandLine, signalProcess } from '../../src/host/process-table.ts'
import { listProcesses } from '../../src/host/process-info.ts'
import type { VipState } from '../../src/ports/vip.ts'
import { eventually } from '../support/eventually.ts'
import { ip, makeNetwork, networkHindrance } from '../support/network-namespaces.ts'
import type { TestNetwork } from '../support/network-namespaces.ts'

const hindrance =
  networkHindrance() ??
  (spawnSync('keepalived', ['--version']).status === 0 ? null : 'Keepalived is not installed')
if (hindrance !== null) console.log(`keepalived.test.ts skips: ${hindrance}`)

type HostName = 'one' | 'two'
const hostNames = ['one', 'two'] as const
const other = (host: HostName): HostName => (host === 'one' ? 'two' : 'one')

const families = {
  IPv4: { one: '10.77.0.2', two: '10.77.0.3', vip: '10.77.0.100', prefixLength: 24 },
  IPv6: { one: 'fd77::2', two: 'fd77::3', vip: 'fd77::100', prefixLength: 64 },
} as const

type Sample = { readonly host: HostName; readonly atMs: number; readonly isHere: boolean }
type Agent = {
  readonly child: ChildProcess
  readonly states: VipState[]
  readonly said: string[]
  send(command: string): Promise<void>
}

let directory: string
let network: TestNetwork
let children: ChildProcess[]
let samples: Sample[]
let vip: string

/** A Node program of this repository inside the namespace of a host. */
function startInside(host: HostName, ...words: readonly string[]): ChildProcess {
  const program = path.resolve(import.meta.dirname, '../support/vip-host.ts')
  const node = [process.execPath, '--import', 'tsx', program, ...words]
  const child = spawn('ip', ['netns', 'exec', network.namespaceOf(host), ...node], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  children.push(child)
  return child
}

function startAgent(
  host: HostName,
  family: keyof typeof families,
  advertMs: number,
  binary = 'keepalived',
): Agent {
  const addresses = families[family]
  const { layout } = parseSpec(
    `nodes:
  - { name: pg-0, role: data, host: "${addresses.one}" }
  - { name: one, role: balancer, host: "${addresses.one}" }
  - { name: two, role: balancer, host: "${addresses.two}" }
balancer:
  vip: "${addresses.vip}/${String(addresses.prefixLength)}"
  advertMs: ${String(advertMs)}
  interface: eth0`,
    'test',
  )
  const folder = path.join(directory, host)
  const file = (name: string): string => path.join(folder, name)
  const options: KeepalivedOptions = {
    binary,
    layout,
    node: asNodeName(host),
    directory: folder,
    configFile: file('keepalived.conf'),
    scriptFile: file('check-haproxy.sh'),
    trackFile: file('fitness'),
    pidFile: file('keepalived.pid'),
    ownPidFile: file('parent.pid'),
    vrrpPidFile: file('vrrp.pid'),
    logFile: path.join(directory, `${host}.log`),
  }
  const child = startInside(host, 'run', JSON.stringify(options))
  const states: VipState[] = []
  const said: string[] = []
  createInterface(child.stdout!).on('line', (line) => {
    const told = JSON.parse(line) as { state?: VipState; text?: string; done?: string }
    if (told.state !== undefined) states.push(told.state)
    said.push(told.text ?? told.done ?? '')
  })
  const send = async (command: string): Promise<void> => {
    const before = said.length
    child.stdin!.write(`${command}\n`)
    await eventually(`${host} did ${command}`, () => said.slice(before).includes(command))
  }
  return { child, states, said, send }
}

async function startBoth(
  family: keyof typeof families = 'IPv4',
  advertMs = 250,
): Promise<Readonly<Record<HostName, Agent>>> {
  vip = families[family].vip
  for (const host of hostNames) {
    const child = startInside(host, 'watch', vip)
    createInterface(child.stdout!).on('line', (line) => {
      samples.push({ host, ...(JSON.parse(line) as Omit<Sample, 'host'>) })
    })
  }
  const agents = {
    one: startAgent('one', family, advertMs),
    two: startAgent('two', family, advertMs),
  }
  for (const host of hostNames) {
    await eventually(
      `Keepalived runs on ${host}`,
      () => agents[host].states.at(-1)?.kind === 'running',
    )
  }
  await eventually('both are watched', () => hostNames.every((host) => lastOf(host) !== null))
  return agents
}

const lastOf = (host: HostName): Sample | null =>
  samples.findLast((sample) => sample.host === host) ?? null
const whoHas = (): readonly HostName[] => hostNames.filter((host) => lastOf(host)?.isHere === true)

async function untilOnlyOn(host: HostName): Promise<void> {
  await eventually(`only ${host} has the address`, () => whoHas().join() === host, 10_000)
}

async function untilOneHasIt(): Promise<HostName> {
  await eventually('one host has the address', () => whoHas().length === 1, 10_000)
  return whoHas()[0]!
}

/** From the last moment at which somebody had the address until another one has it. */
function gapMs(to: HostName): number {
  const came = samples.findLast((sample) => sample.host === to && sample.isHere)!
  const left = samples.findLast((sample) => sample.host === other(to) && !sample.isHere)!
  return Math.round(came.atMs - left.atMs)
}

/** The longest time in a row for which two hosts had it. */
function overlapMs(): number {
  const here = new Set<HostName>()
  let sinceMs: number | null = null
  let longestMs = 0
  for (const sample of samples.toSorted((left, right) => left.atMs - right.atMs)) {
    if (sinceMs !== null) longestMs = Math.max(longestMs, sample.atMs - sinceMs)
    if (sample.isHere) here.add(sample.host)
    else here.delete(sample.host)
    sinceMs = here.size > 1 ? sample.atMs : null
  }
  return sinceMs === null ? longestMs : Infinity
}

const keepalivedPids = (host: HostName): readonly number[] =>
  listProcesses()
    .filter((each) => each.arguments.includes(path.join(directory, host, 'keepalived.conf')))
    .filter((each) => each.name === 'keepalived')
    .map((each) => each.pid)

beforeEach(() => {
  if (hindrance !== null) return
  // In a place that belongs to root: Keepalived runs no script below one that does not.
  directory = mkdtempSync(path.join(os.tmpdir(), 'pgherd-keepalived-'))
  children = []
  samples = []
  network = makeNetwork({
    stranger: ['10.77.0.9/24'],
    one: [`${families.IPv4.one}/24`, `${families.IPv6.one}/64`],
    two: [`${families.IPv4.two}/24`, `${families.IPv6.two}/64`],
  })
})

afterEach(() => {
  if (hindrance !== null) return
  for (const child of children) child.kill('SIGKILL')
  network.remove()
  rmSync(directory, { recursive: true, force: true })
})

describe.skipIf(hindrance !== null)('keepalived: two balancers', () => {
  it.each(['IPv4', 'IPv6'] as const)(
    '%s: nobody has the address before it is fit, then one, and it moves and stays away',
    async (family) => {
      const agents = await startBoth(family)
      await systemClock.sleep(1500)
      expect(whoHas()).toEqual([])
      await Promise.all(hostNames.map((host) => agents[host].send('fit')))
      const first = await untilOneHasIt()
      const second = other(first)
      await eventually('its agent knows', () => isHere(agents[first]))
      await agents[first].send('unfit')
      await untilOnlyOn(second)
      console.log(`${family}: not fit → moved in ${String(gapMs(second))} ms`)
      // No pre-emption: the first one comes back, and the address stays.
      await agents[first].send('fit')
      await systemClock.sleep(1500)
      expect(whoHas()).toEqual([second])
      expect(overlapMs()).toBeLessThanOrEqual(20)
    },
  )

  it('HAProxy is dead or serves nobody → the address moves, without any agent', async () => {
    const agents = await startBoth()
    for (const host of hostNames) await agents[host].send('fit')
    const first = await untilOneHasIt()
    const startedAtMs = systemClock.monotonicMs()
    await agents[first].send('sick')
    await untilOnlyOn(other(first))
    console.log(`HAProxy serves nobody → moved after ${String(since(startedAtMs))} ms`)
    await agents[first].send('healthy')
    await systemClock.sleep(2500)
    // The agent and with it the health frontend of the second one die.
    signalProcess(insidePid(agents[other(first)]), 'SIGKILL')
    await untilOnlyOn(first)
    expect(overlapMs()).toBeLessThanOrEqual(20)
  })

  it('Keepalived is killed, one process or all → never two, and it runs again', async () => {
    const agents = await startBoth()
    for (const host of hostNames) await agents[host].send('fit')
    for (const victims of ['parent', 'vrrp', 'all'] as const) {
      const host = await untilOneHasIt()
      const pidOf = (name: string) => Number(readFileSync(path.join(directory, host, name), 'utf8'))
      const pids = victims === 'all' ? keepalivedPids(host) : [pidOf(`${victims}.pid`)]
      const startedAtMs = systemClock.monotonicMs()
      for (const pid of pids) process.kill(pid, 'SIGKILL')
      await eventually('the dead one has it no longer', () => !whoHas().includes(host), 3000)
      const now = await untilOneHasIt()
      console.log(`kill -9 of ${victims}: one has it again after ${String(since(startedAtMs))} ms`)
      expect(pids.some(isProcessAlive) && now === host).toBe(false)
      await eventually('runs again', () => keepalivedPids(host).length === 2)
    }
    expect(overlapMs()).toBeLessThanOrEqual(20)
  })

  it('a stale address is removed at start; the next agent takes over; stop gives it up', async () => {
    ip('-n', network.namespaceOf('one'), 'address', 'add', '10.77.0.100/24', 'dev', 'eth0')
    const agents = await startBoth()
    expect(whoHas()).toEqual([])
    expect(agents.one.said.join()).toContain('left behind')
    await agents.one.send('fit')
    await untilOnlyOn('one')
    const before = keepalivedPids('one')
    // The health frontend dies with this agent; the next one is there before that is noticed twice.
    signalProcess(insidePid(agents.one), 'SIGKILL')
    const next = startAgent('one', 'IPv4', 250)
    await eventually('it is known to the next agent', () => isHere(next))
    expect(keepalivedPids('one')).toEqual(before)
    await agents.two.send('fit')
    const startedAtMs = systemClock.monotonicMs()
    next.child.stdin!.write('stop\n')
    await untilOnlyOn('two')
    console.log(`stop → moved after ${String(since(startedAtMs))} ms`)
    await eventually('nothing of it runs', () => keepalivedPids('one').length === 0)
    expect(overlapMs()).toBeLessThanOrEqual(20)
  })

  it('an address that a stranger has is not taken until it is free', async () => {
    const stranger = network.namespaceOf('stranger')
    ip('-n', stranger, 'address', 'add', '10.77.0.100/24', 'dev', 'eth0')
    const agent = startAgent('one', 'IPv4', 250)
    const failed = () => agent.states.at(-1)?.kind === 'failed'
    await eventually('it says so', failed)
    expect(JSON.stringify(agent.states.at(-1))).toMatch(
      /10\.77\.0\.100 is in use already: [0-9a-f:]{17} answers/,
    )
    await agent.send('fit')
    expect(keepalivedPids('one')).toEqual([])
    ip('-n', stranger, 'address', 'del', '10.77.0.100/24', 'dev', 'eth0')
    await eventually('then it is', () => isHere(agent))
  })

  it('a configuration that it rejects → the one that runs stays, with the address', async () => {
    const first = startAgent('one', 'IPv4', 250)
    await first.send('fit')
    await eventually('the address is here', () => isHere(first))
    const before = keepalivedPids('one')
    const config = readFileSync(path.join(directory, 'one', 'keepalived.conf'), 'utf8')
    signalProcess(insidePid(first), 'SIGKILL')
    // Another period of adverts, in the eyes of a program that takes no configuration.
    const picky = path.join(directory, 'picky')
    const script = '#!/bin/sh\necho "(keepalived.conf: Line 7) it does not please" >&2\nexit 4\n'
    writeFileSync(picky, script, { mode: 0o755 })
    const next = startAgent('one', 'IPv4', 300, picky)
    await eventually('it is known to the next agent', () => isHere(next))
    expect(JSON.stringify(next.states.at(-1))).toContain('Line 7) it does not please')
    expect(keepalivedPids('one')).toEqual(before)
    expect(readFileSync(path.join(directory, 'one', 'keepalived.conf'), 'utf8')).toBe(config)
  })

  it('an agent that was killed before it told of a new configuration → the next one tells', async () => {
    const configFile = path.join(directory, 'one', 'keepalived.conf')
    const reloadCount = () =>
      readFileSync(path.join(directory, 'one.log'), 'utf8').split('Reloading').length - 1
    const configOf = async (advertMs: number): Promise<string> => {
      const agent = startAgent('one', 'IPv4', advertMs)
      await agent.send('fit')
      await eventually('the address is here', () => isHere(agent))
      signalProcess(insidePid(agent), 'SIGKILL')
      return readFileSync(configFile, 'utf8')
    }
    const wanted = await configOf(300)
    expect(await configOf(250)).not.toBe(wanted)
    await eventually('the change was read', () => reloadCount() > 0)
    const before = reloadCount()
    const pids = keepalivedPids('one')
    writeFileSync(configFile, wanted)
    const next = startAgent('one', 'IPv4', 300)
    await eventually('it is known to the next agent', () => isHere(next))
    await eventually('the other configuration is read', () => reloadCount() > before)
    expect(keepalivedPids('one')).toEqual(pids)
  })

  it('an agent that was killed before it recorded its Keepalived → the next one finds it', async () => {
    const first = startAgent('one', 'IPv4', 250)
    await first.send('fit')
    await eventually('the address is here', () => isHere(first))
    const before = keepalivedPids('one')
    signalProcess(insidePid(first), 'SIGKILL')
    rmSync(path.join(directory, 'one', 'keepalived.pid'))
    const next = startAgent('one', 'IPv4', 250)
    await eventually('it is known to the next agent', () => isHere(next))
    expect(keepalivedPids('one')).toEqual(before)
    next.child.stdin!.write('stop\n')
    await eventually('nothing of it runs', () => keepalivedPids('one').length === 0)
  })

  it.each(['parent', 'vrrp', 'both'] as const)(
    'Keepalived is frozen (%s) → it does not keep the address beside the other host',
    async (victims) => {
      const agents = await startBoth()
      for (const host of hostNames) await agents[host].send('fit')
      const first = await untilOneHasIt()
      const pidOf = (name: string) =>
        Number(readFileSync(path.join(directory, first, `${name}.pid`), 'utf8'))
      const pids = victims === 'both' ? keepalivedPids(first) : [pidOf(victims)]
      const startedAtMs = systemClock.monotonicMs()
      for (const pid of pids) process.kill(pid, 'SIGSTOP')
      await eventually('it is gone there', () => !whoHas().includes(first), 3000)
      console.log(`frozen ${victims} → given up after ${String(since(startedAtMs))} ms`)
      await untilOneHasIt()
      await eventually('runs again', () => keepalivedPids(first).length === 2)
      expect(keepalivedPids(first)).not.toContain(pids[0])
      expect(overlapMs()).toBeLessThanOrEqual(20)
    },
  )

  it('a host falls silent, as when its power fails → taken within 1.5 s', async () => {
    const agents = await startBoth()
    for (const host of hostNames) await agents[host].send('fit')
    const first = await untilOneHasIt()
    const pids = [insidePid(agents[first]), ...keepalivedPids(first)]
    const startedAtMs = systemClock.monotonicMs()
    // Frozen, it says no word of farewell, and nothing on its host takes the address away.
    for (const pid of pids) process.kill(pid, 'SIGSTOP')
    await eventually('the other has it', () => whoHas().includes(other(first)), 5000)
    console.log(`silence → taken after ${String(since(startedAtMs))} ms`)
    expect(since(startedAtMs)).toBeLessThan(1500)
    for (const pid of pids) process.kill(pid, 'SIGCONT')
  })
})

const since = (startedAtMs: number): number => Math.round(systemClock.monotonicMs() - startedAtMs)

function isHere(agent: Agent): boolean {
  const state = agent.states.at(-1)
  return state?.kind === 'running' && state.isHere
}

/** The Node process behind `ip netns exec`, which becomes it. */
function insidePid(agent: Agent): number {
  const { pid = 0 } = agent.child
  expect(readCommandLine(pid).join(' ')).toContain('vip-host')
  return pid
}
