// The parts of an agent, joined: ports, memory, lease leaseHold, mirror, locks. Every module of the agent
// gets this one object instead of a dozen arguments.

import type { ClusterLayout, NodeLayout } from '../core/cluster-layout.ts'
import { nodeIn } from '../core/cluster-layout.ts'
import type { Facts } from '../core/facts.ts'
import type { Incarnation, NodeName } from '../core/names.ts'
import { incarnationOf, slotNameOf } from '../core/names.ts'
import type { Protections } from '../core/protections.ts'
import type { ServerConfig, Upstream } from '../core/server.ts'
import { assert } from '../lib/assert.ts'
import type { Clock } from '../ports/clock.ts'
import type { ClusterStore } from '../ports/cluster-store.ts'
import type { Guard } from '../ports/guard.ts'
import type { Journal } from '../ports/journal.ts'
import type { LocalState } from '../ports/local-state.ts'
import type { Peers } from '../ports/peers.ts'
import type { Postgres } from '../ports/postgres.ts'
import type { Random } from '../ports/random.ts'
import type { StoreMember } from '../ports/store-member.ts'
import { Chronicle } from './chronicle.ts'
import { LeaseHold } from './lease-hold.ts'
import type { Memory } from './memory.ts'
import { emptyMemory } from './memory.ts'
import { OperationSlot } from './operation.ts'
import { RivalWatch } from './rival.ts'
import { Serial } from './serial.ts'
import { screenView } from '../core/record-screen.ts'
import type { UnusableRecord } from '../core/store-view.ts'
import type { SyncRecord } from '../core/sync-list.ts'
import { StoreMirror } from './store-mirror.ts'
import { StoreWatch } from './store-watch.ts'
import { Waker } from './waker.ts'

export type AgentPorts = {
  readonly clock: Clock
  readonly random: Random
  readonly store: ClusterStore
  readonly peers: Peers
  readonly journal: Journal
  readonly localState: LocalState
  readonly member: StoreMember
  /** Null on a witness. */
  readonly data: { readonly postgres: Postgres; readonly guard: Guard } | null
}

export type AgentOptions = {
  readonly layout: ClusterLayout
  readonly node: NodeName
  /** Version of this program, for reports. */
  readonly version: string
  /** `allProtections` but in the simulator. */
  readonly protections: Protections
}

export type Node = {
  readonly ports: AgentPorts
  readonly layout: ClusterLayout
  readonly self: NodeLayout
  readonly version: string
  readonly protections: Protections
  readonly memory: Memory
  readonly mirror: StoreMirror
  readonly leaseHold: LeaseHold
  readonly chronicle: Chronicle
  readonly rivals: RivalWatch
  /** Around everything that changes the local PostgreSQL. */
  readonly lock: Serial
  readonly waker: Waker
  /** Wakes the loop that publishes reports and events. */
  readonly reportWaker: Waker
  readonly operation: OperationSlot
  readonly storeWatch: StoreWatch
}

export function createNode(ports: AgentPorts, options: AgentOptions): Node {
  const { clock, random, journal, store } = ports
  const { layout, protections } = options
  const mirror = new StoreMirror(clock, (view) => {
    const { promise, systemId } = ports.localState.get()
    return screenView(view, { promise, systemId })
  })
  const guard = ports.data?.guard ?? null
  const leaseHold = new LeaseHold(
    { clock, store, mirror, guard },
    layout,
    options.node,
    protections,
  )
  const waker = new Waker(clock)
  const chronicle = new Chronicle(clock, random, journal, options.node)
  const node: Node = {
    ports,
    layout,
    self: nodeIn(layout, options.node),
    version: options.version,
    protections,
    memory: emptyMemory(clock),
    mirror,
    leaseHold,
    chronicle,
    rivals: new RivalWatch(chronicle.run),
    lock: new Serial(),
    waker,
    reportWaker: new Waker(clock),
    storeWatch: new StoreWatch(store, mirror),
    operation: new OperationSlot(clock, () => {
      waker.notify()
    }),
  }
  mirror.onSignificantChange(() => {
    waker.notify()
  })
  mirror.onRecordNews((lost, back) => {
    sayRecordNews(node, lost, back)
  })
  leaseHold.onChange(() => {
    waker.notify()
  })
  return node
}

/** PostgreSQL and its guard, on a data node. */
export function dataOf(node: Node): { readonly postgres: Postgres; readonly guard: Guard } {
  assert(node.ports.data !== null, `${node.self.name} holds no data`)
  return node.ports.data
}

/** What this agent knows at this instant. */
export function factsOf(node: Node): Facts {
  const { memory, mirror, leaseHold, ports } = node
  return {
    nowMs: ports.clock.monotonicMs(),
    self: node.self,
    layout: node.layout,
    protections: node.protections,
    wish: memory.wish,
    operation: node.operation.current()?.name ?? null,
    store: mirror.view(),
    keptRecord: keptRecordOf(node),
    leaseSeenAtMs: mirror.leaseSeenAtMs(),
    tenure: leaseHold.tenure(),
    local: ports.localState.get(),
    directory: memory.directory,
    server: memory.server,
    serverSilentSinceMs: memory.serverSilentSinceMs,
    lastWalsenders: memory.lastWalsenders,
    diskProbeMs: ports.data?.guard.diskProbeMs() ?? 0,
    isGuardAlive: ports.data?.guard.isAlive() ?? true,
    isServerUnguarded: memory.isServerUnguarded,
    guardStopByMs: ports.data?.guard.stopByMs() ?? null,
    election: memory.election,
    promotionFailsSinceMs: memory.promotionFailsSinceMs,
    gateLsn: memory.gateLsn,
    startedBy: memory.startedBy,
    following: memory.following,
    rewindFailedEpoch: memory.rewindFailedEpoch,
    switchover: memory.switchover,
    backoffUntilMs: memory.backoffUntilMs,
    deferUntilMs: memory.deferUntilMs,
    bootstrapCheck: memory.bootstrapCheck,
    noLeaseSinceMs: memory.noLeaseSinceMs,
  }
}

/**
 * The sync record as it was last seen under the lease that this agent still holds. Nobody else can have
 * written it since, and what this agent asked for without an answer only ever made it wider in use: before
 * PostgreSQL changes, the record has been seen.
 */
function keptRecordOf({ mirror, leaseHold, self }: Node): SyncRecord | null {
  const kept = mirror.kept()
  const tenure = leaseHold.tenure()
  if (kept === null || tenure === null || !leaseHold.isHeld()) return null
  return kept.holder === self.name && kept.epoch === tenure.epoch ? kept.sync : null
}

/** The holder of the lease speaks for all; the others only about what they cannot see any more. */
function sayRecordNews(
  node: Node,
  lost: readonly UnusableRecord[],
  back: readonly UnusableRecord[],
): void {
  const epoch = node.leaseHold.tenure()?.epoch ?? null
  for (const { key, why } of lost) {
    node.chronicle.say({
      kind: 'record-unusable',
      epoch,
      message: `The record "${key}" in etcd ${why}: ${node.self.name} does not use it.`,
      operands: { key, why },
    })
  }
  for (const { key, why } of back) {
    node.chronicle.say({
      kind: 'record-usable',
      epoch,
      message: `The record "${key}" in etcd is usable again.`,
      operands: { key, why },
    })
  }
  node.reportWaker.notify()
}

/** This node's incarnation; a volume without one gets it now. */
export async function ensureIncarnation(node: Node): Promise<Incarnation> {
  const known = node.ports.localState.get().incarnation
  if (known !== null) return known
  const incarnation = incarnationOf(node.self.name, node.ports.random.hex(8))
  await node.ports.localState.save({ incarnation })
  return incarnation
}

/** How this node streams from `source`. */
export function upstreamTo(node: Node, source: NodeLayout): Upstream {
  const { incarnation } = node.ports.localState.get()
  assert(incarnation !== null, 'only a node with an incarnation follows')
  assert(source.postgresPort !== null, `${source.name} runs PostgreSQL`)
  return {
    node: source.name,
    host: source.host,
    port: source.postgresPort,
    slotName: slotNameOf(node.self.name),
    applicationName: incarnation,
  }
}

/**
 * Writes the server's configuration and remembers it. What was remembered is forgotten first: a call
 * that fails may have had its effect, or have it later, and an upstream that is believed to be gone
 * would make the answer to a seal false evidence (safety.md 2.3 rule 2).
 * @throws PostgresError with an unknown outcome; then memory says nothing about the configuration
 */
export async function configure(node: Node, config: ServerConfig): Promise<void> {
  const { memory } = node
  if (config.gate === 'open') memory.isShut = false
  memory.config = null
  memory.isConfigOfOurs = true
  memory.following = null
  await dataOf(node).postgres.configure(config)
  memory.config = config
}

/** Counts something for metrics. */
export function count(node: Node, name: string): void {
  node.memory.counters[name] = (node.memory.counters[name] ?? 0) + 1
}
