// What an agent does for an operator who brings a lost store back: tells what its node knows, ends its
// own right to write, gives its copy of the old store up, or begins the new one. Nothing is judged here.

import type { TimelineId } from '../core/names.ts'
import type { TimelineHistory } from '../core/position.ts'
import type { FirstRecords, SeenRecords, StoreEvidence } from '../core/store-recovery.ts'
import type { StoreView } from '../core/store-view.ts'
import type { StoreCopy } from '../ports/store-member.ts'
import type { Node } from './node.ts'
import { isStoreReachable, reportOf } from './report.ts'
import type { KeptRecords } from './store-mirror.ts'

/** Pause between two looks at a primary that is being stopped. */
const pollMs = 20

/** What this node knows, looked at now. */
export async function storeEvidence(node: Node): Promise<StoreEvidence> {
  const { ports, self, mirror, memory } = node
  const local = ports.localState.get()
  const inspected = (await ports.data?.postgres.inspect().catch(() => null)) ?? null
  const present = inspected?.kind === 'present' ? inspected : null
  const { position } = reportOf(node)
  const timeline = position?.timeline ?? present?.timeline ?? null
  const { copy, seen } = seenOf(mirror.view(), await ports.member.ownCopy())
  const kept = mirror.kept()
  return {
    node: self.name,
    systemId: present?.systemId ?? null,
    incarnation: local.incarnation,
    promise: local.promise,
    primaryEpoch: local.primaryEpoch,
    isSuspended: local.suspendedUntil !== null,
    directory:
      present === null ? null : { timeline: present.timeline, isStandby: present.isStandby },
    isPrimary: memory.server.kind === 'primary',
    position,
    timelines: timeline === null ? [] : await timelinesBelow(node, timeline),
    isStoreWhole: isStoreReachable(node) && (mirror.view()?.sync ?? null) !== null,
    copy,
    seen: kept === null ? seen : [...seen, keptRecords(kept)],
  }
}

/** The part that every agent has, a balancer's too. */
export function seenOf(
  view: StoreView | null,
  copy: StoreCopy | null,
): Pick<StoreEvidence, 'copy' | 'seen'> {
  const remembered: SeenRecords | null =
    view === null
      ? null
      : {
          lease: view.lease?.value ?? null,
          sync: view.sync?.value ?? null,
          cluster: view.cluster?.value ?? null,
          control: view.control?.value ?? null,
        }
  return {
    copy: copy === null ? null : { hasData: copy.hasData, raftIndex: copy.raftIndex },
    seen: [remembered, copy?.records ?? null].filter((records) => records !== null),
  }
}

/** A record that was deleted since: this agent still knows what it said. */
function keptRecords({ sync, cluster }: KeptRecords): SeenRecords {
  return { lease: null, sync, cluster, control: null }
}

async function timelinesBelow(node: Node, timeline: TimelineId): Promise<readonly TimelineId[]> {
  const history: TimelineHistory =
    (await node.ports.data?.postgres.history(timeline).catch(() => null)) ?? []
  return [...history.map((entry) => entry.timeline), timeline]
}

/**
 * Ends this node's right to write, waits until no primary runs, and puts its copy of the store aside unless
 * the new store begins here.
 * @returns what the node knows after that
 */
export async function yieldToRecovery(node: Node, isFounder: boolean): Promise<StoreEvidence> {
  const { leaseHold, memory, ports, layout } = node
  leaseHold.markLost()
  node.waker.notify()
  const untilMs = ports.clock.monotonicMs() + layout.plan.ttlMs * 2
  while (memory.server.kind === 'primary' && ports.clock.monotonicMs() < untilMs) {
    await ports.clock.sleep(pollMs)
  }
  if (!isFounder) await ports.member.giveUpCopy()
  // The numbers of the next store begin anew: what was followed of this one is no beginning for it.
  node.storeWatch.begin()
  return storeEvidence(node)
}

/** Begins the new store on this node. */
export async function foundStore(node: Node, records: FirstRecords): Promise<void> {
  await node.ports.member.foundAnew(records)
  node.storeWatch.begin()
  node.chronicle.say({
    kind: 'store-member',
    epoch: records.lease.epoch,
    message:
      `An operator began the lost store anew on ${node.self.name}: ${records.lease.holder} owns every ` +
      'commit that is left, and commits wait for nobody until a standby has caught up.',
    operands: { owner: records.sync.owner, timelines: records.sync.timelines },
  })
}
