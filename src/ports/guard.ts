// The guard: a small process of its own, parent of the postmaster, that holds the deadline. It stops
// PostgreSQL by itself when the deadline passes, however the agent fares (safety.md 2.2).

import type { MonotonicMs } from '../core/names.ts'

export interface Guard {
  /**
   * As `extend`, but resolves when the guard has confirmed it; from now on PostgreSQL has a deadline.
   * To be awaited before the server is promoted or started as primary.
   * @throws Error when the guard does not confirm in time: then PostgreSQL must not be made a primary
   */
  arm(stopByMs: MonotonicMs): Promise<void>
  /**
   * From now on PostgreSQL may run until `stopByMs`. Deadlines only grow: an earlier one is ignored.
   * Fire and forget: when it does not arrive, the guard stops PostgreSQL, which is the safe outcome.
   */
  extend(stopByMs: MonotonicMs): void
  /** PostgreSQL runs as a standby: no deadline. Resolves when the guard has confirmed it. */
  disarm(): Promise<void>
  /** Monotonic deadline as last confirmed by the guard; null while disarmed. */
  stopByMs(): MonotonicMs | null
  /** True while the guard process answers. A primary without a guard must be stopped. */
  isAlive(): boolean
  /**
   * Whether a PostgreSQL runs that the guard has started, as it said last; null when there is no guard to
   * ask. A server that runs although this is false was started by somebody else.
   */
  holdsServer(): boolean | null
  /**
   * Starts a guard when there is none, or takes over the one that a former agent left behind, with
   * the PostgreSQL that it holds.
   */
  ensure(): Promise<void>
  /** How long the last write and fsync in the data directory took; grows while one hangs. */
  diskProbeMs(): number
  /** Called when PostgreSQL has ended and no process of its data directory is left. */
  onPostgresGone(listener: (cause: PostgresEnd) => void): void
}

export type PostgresEnd = {
  readonly kind: 'exited' | 'killed' | 'fenced' | 'stopped'
  readonly exitCode: number | null
  readonly signal: string | null
}
