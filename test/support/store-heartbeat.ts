// A lease holder reduced to its heartbeat, and an observer who measures how long the lease stood still:
// what other nodes see while the store is being hurt.

import { setTimeout as pause } from 'node:timers/promises'
import type { TimingPlan } from '../../src/core/timing-plan.ts'
import type { ClusterStore } from '../../src/ports/cluster-store.ts'
import { StoreUnavailableError } from '../../src/ports/cluster-store.ts'
import { leaseRecord } from './store-records.ts'

export type Heartbeat = {
  /** Longest time, in ms, between two changes of the lease as the observer saw them, since `reset`. */
  readonly worstGapMs: () => number
  /** Forgets the gaps so far; resolves after the observer has seen the next change. */
  readonly reset: () => Promise<void>
  /** How long, in ms, each renewal that was answered took. */
  readonly renewalTimesMs: () => readonly number[]
  /** How long, in ms, from sending a renewal until the observer saw it. */
  readonly sightTimesMs: () => readonly number[]
  readonly stop: () => Promise<void>
}

/** Starts to renew the lease through `holder` as an agent does, seen by a watch of `observer`. */
export async function startHeartbeat(
  holder: ClusterStore,
  observer: ClusterStore,
  plan: TimingPlan,
): Promise<Heartbeat> {
  const controller = new AbortController()
  const sentAtMs = new Map<number, number>()
  const renewalTimesMs: number[] = []
  const sightTimesMs: number[] = []
  let gaps: number[] = []
  let seenAtMs = performance.now()
  let onBeat: (() => void) | null = null

  observer.watch((view) => {
    const nowMs = performance.now()
    gaps.push(nowMs - seenAtMs)
    seenAtMs = nowMs
    const sent = sentAtMs.get(view.lease?.value.sequence ?? 0)
    if (sent !== undefined) sightTimesMs.push(nowMs - sent)
    onBeat?.()
  }, controller.signal)

  const reset = async (): Promise<void> => {
    await new Promise<void>((resolve) => (onBeat = resolve))
    gaps = []
    onBeat = null
  }
  const beating = beat(holder, plan, controller.signal, { sentAtMs, renewalTimesMs })
  await reset()
  return {
    worstGapMs: () => Math.max(performance.now() - seenAtMs, ...gaps),
    reset,
    renewalTimesMs: () => renewalTimesMs,
    sightTimesMs: () => sightTimesMs,
    stop: async () => {
      controller.abort()
      await beating
    },
  }
}

/** Every renewal is a compare-and-swap; one with an unknown outcome is tried again with the next number. */
async function beat(
  store: ClusterStore,
  plan: TimingPlan,
  signal: AbortSignal,
  record: { readonly sentAtMs: Map<number, number>; readonly renewalTimesMs: number[] },
): Promise<void> {
  let revision = 0
  for (let sequence = 1; !signal.aborted; sequence += 1) {
    const sentAtMs = performance.now()
    record.sentAtMs.set(sequence, sentAtMs)
    try {
      const lease = leaseRecord({ sequence })
      const transaction = { expect: { lease: revision }, put: { lease } }
      const result = await store.transact(transaction, plan.storeAttemptMs)
      if (result.kind === 'conflict') {
        revision = result.view.lease?.revision ?? 0
        continue
      }
      revision = result.revision
      record.renewalTimesMs.push(performance.now() - sentAtMs)
      await pause(Math.max(0, plan.renewMs - (performance.now() - sentAtMs)))
    } catch (error) {
      if (!(error instanceof StoreUnavailableError)) throw error
      // As the agent does: a refused connection must not become a busy loop.
      await pause(25)
    }
  }
}
