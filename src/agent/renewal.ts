// Renews the lease on its own schedule, whatever the loop is doing, and asks the other nodes when the
// store does not answer (safety.md 2.5, "store unreachable").

import type { ClusterLayout } from '../core/cluster-layout.ts'
import type { NodeName } from '../core/names.ts'
import { systemIdOf } from '../core/store-view.ts'
import type { Clock } from '../ports/clock.ts'
import type { Peers } from '../ports/peers.ts'
import type { LeaseHold } from './lease-hold.ts'
import type { StoreMirror } from './store-mirror.ts'
import { Waker } from './waker.ts'

/** Pause between two attempts when the store refuses at once. */
const retryMs = 25

export type RenewalPorts = {
  readonly clock: Clock
  readonly peers: Peers
  readonly leaseHold: LeaseHold
  readonly mirror: StoreMirror
}

/** Runs until `signal` aborts. */
export async function keepRenewing(
  ports: RenewalPorts,
  layout: ClusterLayout,
  self: NodeName,
  signal: AbortSignal,
): Promise<void> {
  const { clock, leaseHold } = ports
  const { plan } = layout
  const waker = new Waker(clock)
  leaseHold.onChange(() => {
    waker.notify()
  })
  signal.addEventListener('abort', () => {
    waker.notify()
  })
  while (!signal.aborted) {
    const tenure = leaseHold.tenure()
    if (tenure === null || !leaseHold.isRenewed()) {
      await waker.wait(plan.ttlMs)
      continue
    }
    // Any other write under the lease has renewed it as well.
    const dueAtMs = (leaseHold.renewedAtMs() ?? 0) + plan.renewMs
    const earlyMs = dueAtMs - clock.monotonicMs()
    if (earlyMs > 0) {
      await clock.sleep(earlyMs, signal)
      continue
    }
    const outcome = await leaseHold.write({})
    if (outcome === 'unknown') {
      const leftMs = tenure.stopByMs - clock.monotonicMs()
      const holdMs = plan.ttlMs - plan.marginMs
      if (leftMs < holdMs / 2) await askPeers(ports, layout, self)
      await clock.sleep(retryMs, signal)
      continue
    }
    if (outcome !== 'done') await clock.sleep(retryMs, signal)
  }
}

/**
 * Without the store a holder may stay only while **every** other node confirms that it knows no newer
 * lease and has not been sealed; each of them then refrains from taking the lease for its whole time.
 */
async function askPeers(ports: RenewalPorts, layout: ClusterLayout, self: NodeName): Promise<void> {
  const { clock, leaseHold, mirror, peers } = ports
  const tenure = leaseHold.tenure()
  const systemId = systemIdOf(mirror.view())
  if (tenure === null || systemId === null || tenure.state !== 'serving') return
  const others = layout.nodes.filter((node) => node.name !== self && node.role !== 'balancer')
  const sentAtMs = clock.monotonicMs()
  const request = { systemId, epoch: tenure.epoch, holder: self, ttlMs: layout.plan.ttlMs }
  const answers = await Promise.all(
    others.map((node) =>
      peers.confirm(node.name, request, layout.plan.storeAttemptMs).catch(() => null),
    ),
  )
  if (answers.every((answer) => answer?.isConfirmed === true)) leaseHold.extendByPeers(sentAtMs)
}
