// What people do to the hosts and cables of a lab. What is wrong is kept in one small file, so that it can
// be shown and a switch that is made anew knows it.

import path from 'node:path'
import { readFileIfPresent, writeFileAtomic } from '../../host/files.ts'
import { signalProcess } from '../../host/process-table.ts'
import { PgherdError } from '../../lib/errors.ts'
import type { NodeName } from '../../core/names.ts'
import type { Lab, LabHostState } from '../runtime.ts'
import { runProgram } from './command.ts'
import {
  hasFault,
  noFaults,
  renderSwitchRules,
  withCut,
  withDelay,
  withLoss,
  withoutCut,
} from './faults.ts'
import type { LabFaults } from './faults.ts'
import { hostInterface, labHostOf } from './hosts.ts'
import type { LabHost, LabNetwork } from './hosts.ts'
import {
  addressesOf,
  assertRoot,
  enterWords,
  forgetAddresses,
  hasCable,
  processesOn,
  setCable,
} from './network.ts'

/** What the lab needs of the runtime that runs the nodes. */
export type NodePower = {
  /** Nobody starts the node's agent again, and whatever is left of the node is killed. */
  cutOff(node: NodeName): Promise<number>
  /** Starts the agent and waits until it answers. */
  start(node: NodeName): Promise<boolean>
}

/**
 * @param stateFolder where the file with the faults lies
 */
export function createLab(network: LabNetwork, stateFolder: string, power: NodePower): Lab {
  const file = faultsFileIn(stateFolder)
  const find = (name: string): LabHost => {
    const host = labHostOf(network, name)
    if (host === null) throw unknownHost(network, name)
    return host
  }
  const change = async (of: (faults: LabFaults) => LabFaults): Promise<boolean> => {
    assertRoot()
    const before = await readFaults(file)
    const after = of(before)
    if (JSON.stringify(before) === JSON.stringify(after)) return false
    await applyFaults(network, after)
    await writeFileAtomic(file, `${JSON.stringify(after)}\n`, { mode: 0o644 })
    return true
  }
  const othersThan = (host: LabHost, from: readonly string[] | null): readonly string[] => {
    const others = from === null ? network.hosts : from.map(find)
    return others.map((each) => each.name).filter((name) => name !== host.name)
  }
  return {
    hosts: () => describeHosts(network, file),
    enter: (name) => enterWords(find(name)),
    cut: async (name, from, isOneWay) => {
      const host = find(name)
      return change((faults) => withCut(faults, host.name, othersThan(host, from), isOneWay))
    },
    heal: async (name, from) => {
      const host = find(name)
      return change((faults) => {
        const open = withoutCut(faults, host.name, othersThan(host, from))
        return from === null ? withLoss(withDelay(open, host.name, 0), host.name, 0) : open
      })
    },
    setLoss: async (name, percent) =>
      change((faults) => withLoss(faults, find(name).name, percent)),
    setDelay: async (name, delayMs) =>
      change((faults) => withDelay(faults, find(name).name, delayMs)),
    powerOff: async (name) => {
      assertRoot()
      const host = find(name)
      // The cable first: a host without power says goodbye to nobody.
      await setCable(network, host, 'down')
      const counts = await Promise.all(host.nodes.map((node) => power.cutOff(node)))
      const killed = await killOn(host)
      await forgetAddresses(network, host)
      return counts.reduce((sum, count) => sum + count, killed)
    },
    powerOn: async (name) => {
      assertRoot()
      const host = find(name)
      const wasOff = !(await hasCable(network, host))
      await setCable(network, host, 'up')
      const started = await Promise.all(host.nodes.map((node) => power.start(node)))
      return wasOff || started.includes(true)
    },
  }
}

/** Brings the cables into the state that was kept; a lab that is made anew begins without faults. */
export async function restoreFaults(network: LabNetwork, stateFolder: string): Promise<void> {
  await applyFaults(network, await readFaults(faultsFileIn(stateFolder)))
}

export function faultsFileIn(stateFolder: string): string {
  return path.join(stateFolder, 'faults.json')
}

async function applyFaults(network: LabNetwork, faults: LabFaults): Promise<void> {
  const enter = ['netns', 'exec', network.switchNamespace, 'nft', '-f', '-']
  await runProgram('ip', enter, renderSwitchRules(network, faults))
  const before = await delaysOf(network)
  for (const host of network.hosts) {
    const wantedMs = faults.delayMs[host.name] ?? 0
    if (wantedMs === (before.get(host.name) ?? 0)) continue
    await setDelay(network, host, wantedMs)
  }
}

/** One way at the switch, the other at the host's own card. */
async function setDelay(network: LabNetwork, host: LabHost, delayMs: number): Promise<void> {
  const ends = [
    ['-n', network.switchNamespace, 'qdisc', delayMs === 0 ? 'del' : 'replace', 'dev', host.port],
    ['-n', host.namespace, 'qdisc', delayMs === 0 ? 'del' : 'replace', 'dev', hostInterface],
  ]
  const how = delayMs === 0 ? ['root'] : ['root', 'netem', 'delay', `${String(delayMs)}ms`]
  for (const words of ends) {
    await runProgram('tc', [...words, ...how]).catch((error: unknown) => {
      throw explainDelay(error)
    })
  }
}

/** Delays as the kernel has them now. */
async function delaysOf(network: LabNetwork): Promise<ReadonlyMap<string, number>> {
  const output = await runProgram('tc', ['-n', network.switchNamespace, '-json', 'qdisc', 'show'])
  const queues = JSON.parse(output === '' ? '[]' : output) as readonly {
    readonly kind: string
    readonly dev: string
    readonly options?: { readonly delay?: { readonly delay: number } }
  }[]
  const delays = new Map<string, number>()
  for (const { kind, dev, options } of queues) {
    const host = network.hosts.find((each) => each.port === dev)
    const seconds = options?.delay?.delay
    if (kind === 'netem' && host !== undefined && seconds !== undefined) {
      delays.set(host.name, Math.round(seconds * 1000))
    }
  }
  return delays
}

function explainDelay(error: unknown): unknown {
  if (!(error instanceof PgherdError) || !/kind is unknown/.test(error.because ?? '')) return error
  return new PgherdError({
    code: 'PGHERD_LAB_NO_DELAY',
    reason: 'system',
    message: 'this kernel cannot delay packets',
    because: 'it was built without sch_netem',
    hint: 'use `pgherd lab loss` instead, or a kernel with that module (Debian has it)',
    cause: error,
  })
}

async function readFaults(file: string): Promise<LabFaults> {
  const text = await readFileIfPresent(file)
  return text === null ? noFaults : { ...noFaults, ...(JSON.parse(text) as LabFaults) }
}

async function describeHosts(network: LabNetwork, file: string): Promise<readonly LabHostState[]> {
  assertRoot()
  const faults = await readFaults(file)
  return Promise.all(
    network.hosts.map(async (host) => {
      const addresses = await addressesOf(host)
      return {
        name: host.name,
        nodes: host.nodes,
        address: host.address,
        extraAddresses: addresses.filter((address) => address !== host.address),
        hasPower: await hasCable(network, host),
        processCount: (await processesOn(host)).length,
        isFaulty: hasFault(faults, host.name),
        unheardBy: faults.cuts.filter(({ from }) => from === host.name).map(({ to }) => to),
        lossPercent: faults.lossPercent[host.name] ?? 0,
        delayMs: faults.delayMs[host.name] ?? 0,
      }
    }),
  )
}

/** Shells and other programs of people too: the power is gone for all. */
async function killOn(host: LabHost): Promise<number> {
  const hit = new Set<number>()
  for (;;) {
    const alive = (await processesOn(host)).filter((pid) => pid !== process.pid)
    if (alive.every((pid) => hit.has(pid))) return hit.size
    for (const pid of alive) {
      hit.add(pid)
      signalProcess(pid, 'SIGKILL')
    }
  }
}

function unknownHost(network: LabNetwork, name: string): PgherdError {
  return new PgherdError({
    code: 'PGHERD_LAB_HOST_UNKNOWN',
    reason: 'usage',
    message: `the lab has no host ${name}`,
    because: `its hosts are ${network.hosts.map((host) => host.name).join(', ')}`,
    hint: 'see them with: pgherd lab show',
  })
}
