// Events: what happened, why, by which rule, with which operands (I9). They are sentences for people
// and data for `pgherd why`.

import type { Epoch, MonotonicMs, NodeName, WallClockMs } from './names.ts'

export type EventKind =
  | 'agent-started'
  | 'bootstrapped'
  | 'lease-acquired'
  | 'lease-released'
  | 'lease-lost'
  | 'sealed'
  | 'elected'
  | 'promoted'
  | 'resumed'
  | 'opened'
  | 'refused'
  | 'fenced'
  | 'postgres-died'
  | 'list-changing'
  | 'list-changed'
  | 'durability-degraded'
  | 'contradiction'
  | 'following'
  | 'rewound'
  | 'cloned'
  | 'diverged-wal-kept'
  | 'switchover-requested'
  | 'switchover-done'
  | 'switchover-cancelled'
  | 'sync-wait-cancelled'
  | 'store-member'
  | 'vip-taken'
  | 'vip-left'
  | 'automation-paused'
  | 'automation-resumed'
  | 'record-unusable'
  | 'record-usable'
  | 'record-restored'
  | 'failed'

export type JournalEvent = {
  /** `<node>-<epoch>-<number>`: short enough to type after `pgherd why`. */
  readonly id: string
  readonly kind: EventKind
  readonly node: NodeName
  readonly epoch: Epoch | null
  /** The rule that decided, when one did. */
  readonly ruleId: string | null
  /** One sentence for people. */
  readonly message: string
  /** The numbers and answers that decided. Never a secret. */
  readonly operands: Readonly<Record<string, unknown>>
  readonly atMs: WallClockMs
  readonly atMonotonicMs: MonotonicMs
}
