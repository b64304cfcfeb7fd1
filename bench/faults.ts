// What is done to a primary, and how its node comes back afterwards.

import { readMonotonicMs } from '../src/host/monotonic.ts'
import { signalProcess } from '../src/host/process-table.ts'
import type { ClusterStatus } from '../src/core/cluster-status.ts'
import type { NodeName } from '../src/core/names.ts'
import { votersOf } from '../src/core/cluster-layout.ts'
import type { NodeProcess } from '../src/runtimes/runtime.ts'
import { type BenchCluster, waitFor } from './cluster.ts'
import { labOf, vipHolderOf } from './lab.ts'
import { moveStoreLeader, storeLeaderOf } from './etcd-leader.ts'
import { readArguments, readParent } from './process-usage.ts'

export type Fault = {
  readonly name: FaultName
  readonly title: string
  /**
   * Which figure is the outage: `reign`, from the fault to the first commit of a new reign; or `gap`,
   * the longest silence, for faults that stop nothing by themselves (a switchover prepares while
   * clients write; an agent that comes back in time is not noticed).
   */
  readonly measure: 'reign' | 'gap'
  /** Whether another node, or the same one started again, must serve afterwards. */
  readonly changesReign: boolean
  /** Brings the cluster into the state in which the fault is to happen. @returns the node to hit */
  readonly prepare: (cluster: BenchCluster) => Promise<NodeName>
  /** @returns the monotonic instant just before the first thing was done */
  readonly inject: (cluster: BenchCluster, primary: NodeName) => Promise<number>
  /** Lets the node come back. @returns the instant from which it could */
  readonly heal: (cluster: BenchCluster, node: NodeName, faultAtMs: number) => Promise<number>
}

export const faultNames = [
  'postmaster-kill',
  'node-kill',
  'node-kill-store-leader',
  'agent-freeze',
  'switchover',
  'agent-kill',
  'guard-kill',
  'node-freeze',
  'node-stop',
  'host-off',
  'host-cut',
  'proxy-kill',
  'keepalived-kill',
  'vip-host-off',
] as const
export type FaultName = (typeof faultNames)[number]

const primaryOf = async (cluster: BenchCluster): Promise<NodeName> => (await cluster.primary()).name

const comesBackByItself = async (
  _cluster: BenchCluster,
  _node: NodeName,
  faultAtMs: number,
): Promise<number> => faultAtMs

const startAgain = async (cluster: BenchCluster, node: NodeName): Promise<number> => {
  const backAtMs = readMonotonicMs()
  await cluster.runtime.startNode(node)
  return backAtMs
}

const thaw = async (cluster: BenchCluster, node: NodeName): Promise<number> => {
  const backAtMs = readMonotonicMs()
  await cluster.runtime.thawNode(node)
  return backAtMs
}

async function killOne(
  cluster: BenchCluster,
  node: NodeName,
  find: (processes: readonly NodeProcess[]) => Promise<number | null>,
): Promise<number> {
  const pid = await find((await cluster.processesOf(node)).processes)
  if (pid === null) throw new Error(`${node} has no such process`)
  const faultAtMs = readMonotonicMs()
  signalProcess(pid, 'SIGKILL')
  return faultAtMs
}

/** The postmaster: the `postgres` whose parent is none. */
export async function findPostmaster(processes: readonly NodeProcess[]): Promise<number | null> {
  const servers = processes.filter((each) => each.name === 'postgres').map((each) => each.pid)
  for (const pid of servers) {
    const parent = await readParent(pid)
    if (parent !== null && !servers.includes(parent)) return pid
  }
  return null
}

export async function findGuard(processes: readonly NodeProcess[]): Promise<number | null> {
  for (const { pid, isAgent } of processes) {
    if (isAgent) continue
    const [, ...parameters] = await readArguments(pid)
    if (parameters.some((parameter) => parameter.endsWith('guard.mjs'))) return pid
  }
  return null
}

const killNode: Fault['inject'] = async (cluster, primary) => {
  const faultAtMs = readMonotonicMs()
  await cluster.runtime.killNode(primary)
  return faultAtMs
}

async function killAllNamed(cluster: BenchCluster, node: NodeName, name: string): Promise<number> {
  const { processes } = await cluster.processesOf(node)
  const found = processes.filter((each) => each.name === name)
  if (found.length === 0) throw new Error(`${node} runs no ${name}`)
  const faultAtMs = readMonotonicMs()
  for (const { pid } of found) signalProcess(pid, 'SIGKILL')
  return faultAtMs
}

const powerOff: Fault['inject'] = async (cluster, node) => {
  const faultAtMs = readMonotonicMs()
  await labOf(cluster).powerOff(node)
  return faultAtMs
}

const powerOn = async (cluster: BenchCluster, node: NodeName): Promise<number> => {
  const backAtMs = readMonotonicMs()
  await labOf(cluster).powerOn(node)
  return backAtMs
}

export const faults: Readonly<Record<FaultName, Fault>> = {
  'postmaster-kill': {
    name: 'postmaster-kill',
    title: 'postmaster killed',
    measure: 'reign',
    changesReign: true,
    prepare: primaryOf,
    inject: (cluster, primary) => killOne(cluster, primary, findPostmaster),
    heal: comesBackByItself,
  },
  'node-kill': {
    name: 'node-kill',
    title: 'all processes of the node killed',
    measure: 'reign',
    changesReign: true,
    prepare: primaryOf,
    inject: killNode,
    heal: startAgain,
  },
  'node-kill-store-leader': {
    name: 'node-kill-store-leader',
    title: "the same, with etcd's leader on it",
    measure: 'reign',
    changesReign: true,
    prepare: primaryThatVotes,
    inject: async (cluster, primary) => {
      for (;;) {
        await moveStoreLeader(cluster.runtime.layout, primary)
        // The agent moves it away again as soon as it notices; it must be there at the very end.
        if ((await storeLeaderOf(cluster.runtime.layout)) === primary) break
      }
      return killNode(cluster, primary)
    },
    heal: startAgain,
  },
  'agent-freeze': {
    name: 'agent-freeze',
    title: 'agent frozen (SIGSTOP)',
    measure: 'reign',
    changesReign: true,
    prepare: primaryOf,
    inject: async (cluster, primary) => {
      const faultAtMs = readMonotonicMs()
      await cluster.runtime.freezeNode(primary, 'agent')
      return faultAtMs
    },
    heal: thaw,
  },
  switchover: {
    name: 'switchover',
    title: 'switchover',
    measure: 'gap',
    changesReign: true,
    prepare: primaryOf,
    inject: async (cluster, primary) => {
      const faultAtMs = readMonotonicMs()
      await cluster.requestSwitchover(primary, null)
      return faultAtMs
    },
    heal: comesBackByItself,
  },
  'agent-kill': {
    name: 'agent-kill',
    title: 'agent killed, started again at once',
    measure: 'gap',
    changesReign: false,
    prepare: primaryOf,
    inject: (cluster, primary) =>
      killOne(
        cluster,
        primary,
        async (processes) => processes.find((each) => each.isAgent)?.pid ?? null,
      ),
    heal: comesBackByItself,
  },
  'guard-kill': {
    name: 'guard-kill',
    title: 'guard killed',
    measure: 'reign',
    changesReign: true,
    prepare: primaryOf,
    inject: (cluster, primary) => killOne(cluster, primary, findGuard),
    heal: comesBackByItself,
  },
  'node-freeze': {
    name: 'node-freeze',
    title: 'all processes of the node frozen',
    measure: 'reign',
    changesReign: true,
    prepare: primaryOf,
    inject: async (cluster, primary) => {
      const faultAtMs = readMonotonicMs()
      await cluster.runtime.freezeNode(primary, 'node')
      return faultAtMs
    },
    heal: thaw,
  },
  'node-stop': {
    name: 'node-stop',
    title: 'node stopped as asked',
    measure: 'gap',
    changesReign: true,
    prepare: primaryOf,
    inject: async (cluster, primary) => {
      const faultAtMs = readMonotonicMs()
      await cluster.runtime.stopNode(primary)
      return faultAtMs
    },
    heal: startAgain,
  },
  'host-off': {
    name: 'host-off',
    title: "the primary's host loses power",
    measure: 'reign',
    changesReign: true,
    prepare: primaryOf,
    inject: powerOff,
    heal: powerOn,
  },
  'host-cut': {
    name: 'host-cut',
    title: 'the primary is cut off from everything',
    measure: 'reign',
    changesReign: true,
    prepare: primaryOf,
    inject: async (cluster, primary) => {
      const faultAtMs = readMonotonicMs()
      await labOf(cluster).cut(primary, null, false)
      return faultAtMs
    },
    heal: async (cluster, primary) => {
      const backAtMs = readMonotonicMs()
      await labOf(cluster).heal(primary, null)
      return backAtMs
    },
  },
  'proxy-kill': {
    name: 'proxy-kill',
    title: 'HAProxy killed where the VIP is',
    measure: 'gap',
    changesReign: false,
    prepare: vipHolderOf,
    inject: (cluster, node) => killAllNamed(cluster, node, 'haproxy'),
    heal: comesBackByItself,
  },
  'keepalived-kill': {
    name: 'keepalived-kill',
    title: 'Keepalived killed where the VIP is',
    measure: 'gap',
    changesReign: false,
    prepare: vipHolderOf,
    inject: (cluster, node) => killAllNamed(cluster, node, 'keepalived'),
    heal: comesBackByItself,
  },
  'vip-host-off': {
    name: 'vip-host-off',
    title: 'the host of the VIP loses power',
    measure: 'gap',
    changesReign: false,
    prepare: vipHolderOf,
    inject: powerOff,
    heal: powerOn,
  },
}

/** Only a voter can carry etcd's leader: the primary goes to one first when it is on none. */
async function primaryThatVotes(cluster: BenchCluster): Promise<NodeName> {
  const primary = await primaryOf(cluster)
  const voters = votersOf(cluster.runtime.layout).filter((node) => node.role === 'data')
  const [first] = voters
  if (first === undefined) throw new Error('no data node votes')
  if (voters.some((node) => node.name === primary)) return primary
  // A standby that has just come back is listed a moment after the cluster is healthy.
  await waitFor(
    () => `commits wait for ${first.name}`,
    async () => isListed(await cluster.status(), first.name),
    30_000,
    100,
  )
  await cluster.requestSwitchover(primary, first.name)
  await waitFor(
    () => `${first.name} is the primary`,
    async () => (await cluster.status()).lease?.holder === first.name,
    30_000,
    100,
  )
  await cluster.waitUntilHealthy(30_000)
  return first.name
}

function isListed({ nodes }: ClusterStatus, name: NodeName): boolean {
  return nodes.find((node) => node.name === name)?.sync === 'quorum'
}
