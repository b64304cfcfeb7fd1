// Time. The only source of it for the agent, so that the simulator can own it.

import type { MonotonicMs, WallClockMs } from '../core/names.ts'

export interface Clock {
  /** Never goes back; counts from an arbitrary instant, the same for all processes of this machine. */
  monotonicMs(): MonotonicMs
  /** For people and file names; may jump. */
  wallClockMs(): WallClockMs
  /** Resolves after `durationMs`, or as soon as `signal` aborts (it never rejects). */
  sleep(durationMs: number, signal?: AbortSignal): Promise<void>
}
