// Where the time of a failover went, read from the events of the cluster. Agents and bench share one
// machine and therefore one monotonic clock.

import type { EventKind, JournalEvent } from '../src/core/journal-event.ts'
import type { NodeName } from '../src/core/names.ts'

/** Milliseconds since the fault at which each step was done; null for a step that did not happen. */
export type Breakdown = {
  /** The former primary said that it is dead, fenced or has given the lease back. */
  readonly releasedMs: number | null
  readonly acquiredMs: number | null
  readonly electedMs: number | null
  readonly promotedMs: number | null
  readonly openedMs: number | null
  /** How often the lease was taken before somebody opened; 1 is the normal case. */
  readonly acquisitions: number
}

export const phases = [
  'releasedMs',
  'acquiredMs',
  'electedMs',
  'promotedMs',
  'openedMs',
] as const satisfies readonly (keyof Breakdown)[]

const endings: readonly EventKind[] = ['postgres-died', 'lease-released', 'fenced', 'lease-lost']

/**
 * The steps of the epoch that opened first after the fault.
 * @param events of all nodes, in any order
 * @param former who was primary when the fault came
 */
export function breakDown(
  events: readonly JournalEvent[],
  faultAtMs: number,
  former: NodeName,
): Breakdown {
  const later = events
    .filter((event) => event.atMonotonicMs >= faultAtMs)
    .toSorted((left, right) => left.atMonotonicMs - right.atMonotonicMs)
  const opened = later.find((event) => event.kind === 'opened')
  const untilMs = opened?.atMonotonicMs ?? Infinity
  const sinceFault = (find: (event: JournalEvent) => boolean): number | null => {
    const found = later.find((event) => event.atMonotonicMs <= untilMs && find(event))
    return found === undefined ? null : found.atMonotonicMs - faultAtMs
  }
  const ofEpoch = (...kinds: EventKind[]): number | null =>
    sinceFault((event) => kinds.includes(event.kind) && event.epoch === (opened?.epoch ?? null))
  return {
    releasedMs: sinceFault((event) => event.node === former && endings.includes(event.kind)),
    acquiredMs: ofEpoch('lease-acquired'),
    electedMs: ofEpoch('elected'),
    promotedMs: ofEpoch('promoted', 'resumed'),
    openedMs: opened === undefined ? null : opened.atMonotonicMs - faultAtMs,
    acquisitions: later.filter(
      (event) => event.kind === 'lease-acquired' && event.atMonotonicMs <= untilMs,
    ).length,
  }
}

export type RejoinKind = 'follow' | 'rewind' | 'clone' | 'none'

/** The most that a node had to do to come back, by what it said itself since `sinceMs`. */
export function rejoinKindOf(
  events: readonly JournalEvent[],
  node: NodeName,
  sinceMs: number,
): RejoinKind {
  const kinds = new Set(
    events
      .filter((event) => event.node === node && event.atMonotonicMs >= sinceMs)
      .map((event) => event.kind),
  )
  if (kinds.has('cloned')) return 'clone'
  if (kinds.has('rewound')) return 'rewind'
  return kinds.has('following') ? 'follow' : 'none'
}

/** The events since an instant as lines for people. */
export function tellStory(events: readonly JournalEvent[], sinceMs: number): readonly string[] {
  return events
    .filter((event) => event.atMonotonicMs >= sinceMs)
    .toSorted((left, right) => left.atMonotonicMs - right.atMonotonicMs)
    .map((event) => {
      const at = String(Math.round(event.atMonotonicMs - sinceMs)).padStart(6)
      const rule = event.ruleId === null ? '' : ` ${event.ruleId}`
      return `${at} ${event.node} ${event.kind}${rule}: ${event.message} ${JSON.stringify(event.operands)}`
    })
}
