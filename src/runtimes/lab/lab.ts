// What people do to the hosts and cables of a lab.

import { signalProcess } from '../../host/process-table.ts'
import { PgherdError } from '../../lib/errors.ts'
import type { NodeName } from '../../core/names.ts'
import type { CableChange, Lab, LabHostState } from '../runtime.ts'
import { hasFault, noFaults, withCut, withDelay, withLoss, withoutCut } from './faults.ts'
import type { LabFaults } from './faults.ts'
import { labHostOf } from './hosts.ts'
import type { LabHost, LabNetwork } from './hosts.ts'
import { changeFaults, readFaults } from './kept-faults.ts'
import { addressesOf, hasPower } from './network-state.ts'
import {
  assertNetwork,
  assertRoot,
  enter,
  forgetAddresses,
  hasCable,
  hasNetwork,
  observeNetwork,
  processesOn,
  setCable,
} from './network.ts'
import { hostsWithoutPower } from './power.ts'

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
  const find = (name: string): LabHost => {
    const host = labHostOf(network, name)
    if (host === null) throw unknownHost(network, name)
    return host
  }
  const change = async (
    host: LabHost,
    of: (faults: LabFaults) => LabFaults,
  ): Promise<CableChange> => ({
    isChanged: await changeFaults(network, stateFolder, of),
    hasPower: await hasCable(network, host),
  })
  const othersThan = (name: string, from: readonly string[] | null): readonly string[] => {
    const host = find(name)
    const others = from === null ? network.hosts.filter((each) => each !== host) : from.map(find)
    const same = others.indexOf(host)
    if (same !== -1) throw sameHost(host, name, from?.[same] ?? name)
    // Two nodes of one host are one host.
    return [...new Set(others.map((each) => each.name))]
  }
  return {
    isDown: async () => !(await hasNetwork(network)),
    hostNames: network.hosts.map((host) => host.name),
    hosts: () => describeHosts(network, stateFolder),
    enter: (name) => enter(network, find(name)),
    cut: async (name, from, isOneWay) => {
      const host = find(name)
      const others = othersThan(name, from)
      return change(host, (faults) => withCut(faults, host.name, others, isOneWay))
    },
    heal: async (name, from) => {
      const host = find(name)
      const others = othersThan(name, from)
      return change(host, (faults) => {
        const open = withoutCut(faults, host.name, others)
        return from === null ? withLoss(withDelay(open, host.name, 0), host.name, 0) : open
      })
    },
    healAll: async () => {
      const isChanged = await changeFaults(network, stateFolder, () => noFaults)
      const dark = await hostsWithoutPower(network)
      return { isChanged, withoutPower: dark.map((host) => host.name) }
    },
    setLoss: async (name, percent) => {
      const host = find(name)
      return change(host, (faults) => withLoss(faults, host.name, percent))
    },
    setDelay: async (name, delayMs) => {
      const host = find(name)
      return change(host, (faults) => withDelay(faults, host.name, delayMs))
    },
    powerOff: async (name) => {
      assertRoot()
      const host = find(name)
      await assertNetwork(network)
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
      await assertNetwork(network)
      const wasOff = !(await hasCable(network, host))
      await setCable(network, host, 'up')
      const started = await Promise.all(host.nodes.map((node) => power.start(node)))
      return wasOff || started.includes(true)
    },
  }
}

async function describeHosts(
  network: LabNetwork,
  stateFolder: string,
): Promise<readonly LabHostState[]> {
  assertRoot()
  const state = await observeNetwork(network.prefix)
  // Faults end with the network that has them.
  const isThere = state.has(network.switchNamespace)
  const faults = isThere ? await readFaults(stateFolder) : noFaults
  return Promise.all(
    network.hosts.map(async (host) => ({
      name: host.name,
      nodes: host.nodes,
      address: host.address,
      extraAddresses: addressesOf(state, host).filter((address) => address !== host.address),
      hasPower: hasPower(network, state, host),
      processCount: state.has(host.namespace) ? (await processesOn(host)).length : 0,
      isFaulty: hasFault(faults, host.name),
      unheardBy: faults.cuts.filter(({ from }) => from === host.name).map(({ to }) => to),
      lossPercent: faults.lossPercent[host.name] ?? 0,
      delayMs: faults.delayMs[host.name] ?? 0,
    })),
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

/** @param name as the person wrote it; `other` too */
function sameHost(host: LabHost, name: string, other: string): PgherdError {
  return new PgherdError({
    code: 'PGHERD_LAB_SAME_HOST',
    reason: 'usage',
    message: `there is no cable between ${name} and ${other}`,
    because: `both are on the host ${host.name}`,
    hint: 'see which node is on which host with: pgherd lab show',
  })
}
