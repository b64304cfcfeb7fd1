// The promise: never again to acknowledge, stream from, be rewound to or cloned from a primary of a
// lower epoch (safety.md 2.3 rule 2, I7). Order: the promise on disk, the receiver gone, WAL read to its
// end, and only then the answer.

import { isEpochJump, seenEpochOf } from '../core/epoch.ts'
import type { Epoch } from '../core/names.ts'
import { systemIdOf } from '../core/store-view.ts'
import type { ConfirmAnswer, ConfirmRequest, SealAnswer, SealRequest } from '../ports/peers.ts'
import type { Node } from './node.ts'
import { configure, count, dataOf } from './node.ts'
import { observe } from './observe.ts'

/** Pause between two looks while a receiver ends. */
const pollMs = 5

/** An epoch that no election can have reached. */
export class EpochJumpError extends Error {
  override readonly name = 'EpochJumpError'

  constructor(epoch: Epoch, promise: Epoch | null) {
    super(
      `epoch ${String(epoch)} is not promised: this node knows ${String(promise ?? 0)}, ` +
        'and no series of elections leads so far',
    )
  }
}

/**
 * Persists the promise of `epoch` unless a higher one is there.
 * @throws EpochJumpError
 */
export async function promiseEpoch(node: Node, epoch: Epoch): Promise<void> {
  const { promise } = node.ports.localState.get()
  if (promise !== null && promise >= epoch) return
  // What is on disk is never taken back: with an epoch that cannot be true no node would ever be primary.
  if (isEpochJump(seenEpochOf(node.mirror.view(), promise), epoch)) {
    throw new EpochJumpError(epoch, promise)
  }
  await node.ports.localState.save({ promise: epoch })
}

/** Seals this node for `request.epoch`, on behalf of itself or of a peer. */
export async function seal(node: Node, request: SealRequest): Promise<SealAnswer> {
  const { ports, leaseHold, mirror, self } = node
  const local = ports.localState.get()
  const known = systemIdOf(mirror.view()) ?? local.systemId
  const promise = local.promise ?? (0 as Epoch)
  if (known !== null && known !== request.systemId) {
    return { kind: 'refused', promise, why: 'another cluster (system identifier)' }
  }
  if (promise > request.epoch) {
    return { kind: 'refused', promise, why: `epoch ${String(promise)} was promised` }
  }
  if (isEpochJump(seenEpochOf(mirror.view(), local.promise), request.epoch)) {
    const why = `epoch ${String(request.epoch)} lies too far above ${String(promise)}`
    return { kind: 'refused', promise, why }
  }
  const tenure = leaseHold.tenure()
  if (tenure !== null && !tenure.isLost) {
    if (tenure.epoch > request.epoch) {
      return { kind: 'refused', promise, why: `this node holds epoch ${String(tenure.epoch)}` }
    }
    if (tenure.epoch < request.epoch) leaseHold.markLost()
  }
  if (ports.data === null) {
    return { kind: 'promised', incarnation: null, why: `${self.name} holds no data` }
  }
  if (!node.protections.seal) return answerWithoutSeal(node)
  // The promise goes to disk while the receiver ends; neither may be missing when the answer is given,
  // nor when the lock is free again for whoever wants to follow a primary.
  const promised = promiseEpoch(node, request.epoch)
  promised.catch(() => undefined)
  if (!node.protections['receiver-gone']) {
    await promised
    const answer = await answerWithoutSeal(node)
    void node.lock.run(() => stopAcknowledging(node, request.epoch))
    return answer
  }
  count(node, 'seals')
  const operation = node.operation.current()?.name
  if (operation === 'clone' || operation === 'rewind') void node.operation.abort()
  return node.lock.run(async () => {
    node.memory.sealingSinceMs = ports.clock.monotonicMs()
    try {
      const answer = await stopAcknowledging(node, request.epoch)
      await promised
      return answer
    } finally {
      node.memory.sealingSinceMs = null
      node.waker.notify()
    }
  })
}

async function stopAcknowledging(node: Node, epoch: Epoch): Promise<SealAnswer> {
  const { ports, memory, layout } = node
  const { clock } = ports
  const untilMs = clock.monotonicMs() + layout.plan.sealTimeoutMs
  const promised = (why: string): SealAnswer => ({
    kind: 'promised',
    incarnation: ports.localState.get().incarnation,
    why,
  })
  // Usually known without another look: a standby that follows somebody.
  if (memory.server.kind === 'standby') await dropUpstream(node)
  for (;;) {
    const { promise } = ports.localState.get()
    if (promise !== null && promise > epoch) {
      return { kind: 'refused', promise, why: `epoch ${String(promise)} was promised meanwhile` }
    }
    await observe(node)
    const { server } = memory
    if (server.kind === 'primary') {
      // The loop gives the server another life as a standby; until then it is no evidence.
      memory.isOpen = false
      await dataOf(node).postgres.stop('immediate', layout.plan.ttlMs)
      node.waker.notify()
      return promised('it ran as a primary and was stopped')
    }
    if (server.kind === 'standby') {
      if (await dropUpstream(node)) continue
      if (!server.isReceiving && server.isAtEndOfWal) return evidence(node)
    } else if (server.kind === 'absent' || server.kind === 'stopped') {
      return promised(`PostgreSQL is ${server.kind} there`)
    }
    if (clock.monotonicMs() >= untilMs) return promised('it did not finish reading its WAL in time')
    await clock.sleep(pollMs)
  }
}

/** Clears the upstream. @returns false when there was none */
async function dropUpstream(node: Node): Promise<boolean> {
  const { memory } = node
  if (memory.config?.upstream === null) return false
  await configure(node, {
    upstream: null,
    sync: { kind: 'nobody' },
    // Unknown is not open: a former primary may hold commits that nobody was to see yet.
    gate: memory.config?.gate ?? 'closed',
  })
  return true
}

/** The answer of a standby whose receiver is gone and whose WAL is read to its end. */
function evidence(node: Node): SealAnswer {
  const { memory, ports, self, protections } = node
  const { incarnation, suspendedUntil } = ports.localState.get()
  const { server } = memory
  if (incarnation === null || server.kind !== 'standby') {
    return { kind: 'promised', incarnation, why: 'it has no identity yet' }
  }
  if (node.rivals.rival() !== null && protections['one-incarnation']) {
    return { kind: 'promised', incarnation, why: `another agent runs as ${self.name}` }
  }
  if (suspendedUntil !== null && protections['clone-no-evidence']) {
    return {
      kind: 'promised',
      incarnation,
      why: 'its directory was replaced and has not caught up',
    }
  }
  return {
    kind: 'sealed',
    incarnation,
    position: server.position,
    canBePrimary: !self.noFailover,
  }
}

/** Only with a protection taken away: a position from a node that goes on receiving. */
async function answerWithoutSeal(node: Node): Promise<SealAnswer> {
  await observe(node)
  const { server } = node.memory
  const { incarnation } = node.ports.localState.get()
  if (server.kind !== 'standby')
    return { kind: 'promised', incarnation, why: `it is ${server.kind}` }
  return evidence(node)
}

/**
 * Answers a holder that cannot reach the store. Who confirms does not take the lease for its whole
 * time from now, as if the holder had renewed it.
 */
export function confirm(node: Node, request: ConfirmRequest): ConfirmAnswer {
  const { ports, leaseHold, mirror, memory } = node
  const promise = ports.localState.get().promise ?? (0 as Epoch)
  const lease = mirror.view()?.lease?.value
  const isNewer = lease !== undefined && lease.epoch > request.epoch
  const isOther = lease?.epoch === request.epoch && lease.holder !== request.holder
  const isReleased = lease?.epoch === request.epoch && lease.state === 'released'
  const systemId = systemIdOf(mirror.view()) ?? ports.localState.get().systemId
  const isConfirmed =
    request.systemId === systemId &&
    promise <= request.epoch &&
    !isNewer &&
    !isOther &&
    !isReleased &&
    leaseHold.tenure() === null
  if (isConfirmed) {
    const untilMs = ports.clock.monotonicMs() + request.ttlMs
    memory.deferUntilMs = Math.max(memory.deferUntilMs, untilMs) as typeof memory.deferUntilMs
  }
  return { isConfirmed, promise }
}
