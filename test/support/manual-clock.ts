// A clock that only moves when the test says so.

import { asMonotonic } from '../../src/core/names.ts'
import type { WallClockMs } from '../../src/core/names.ts'
import type { Clock } from '../../src/ports/clock.ts'

/** Lets all promise jobs run. */
export const settle = () => new Promise<void>((resolve) => setImmediate(resolve))

export type ManualClock = {
  readonly clock: Clock
  /** Wakes sleepers in steps of 50 ms and lets all promise jobs run after each. */
  advance(durationMs: number): Promise<void>
  /** Time passes and nobody wakes, as in a frozen process. */
  skip(durationMs: number): void
}

export function manualClock(): ManualClock {
  let nowMs = 1000
  const sleepers: { untilMs: number; wake: () => void }[] = []
  const clock: Clock = {
    monotonicMs: () => asMonotonic(nowMs),
    wallClockMs: () => (1_700_000_000_000 + nowMs) as WallClockMs,
    sleep: (durationMs, signal) =>
      new Promise((resolve) => {
        const wake = (): void => {
          signal?.removeEventListener('abort', wake)
          resolve()
        }
        signal?.addEventListener('abort', wake)
        sleepers.push({ untilMs: nowMs + durationMs, wake })
        if (signal?.aborted === true) wake()
      }),
  }
  const advance = async (durationMs: number): Promise<void> => {
    const targetMs = nowMs + durationMs
    while (nowMs < targetMs) {
      nowMs = Math.min(targetMs, nowMs + 50)
      for (const sleeper of sleepers.filter((each) => each.untilMs <= nowMs)) sleeper.wake()
      await settle()
    }
  }
  const skip = (durationMs: number): void => {
    nowMs += durationMs
  }
  return { clock, advance, skip }
}
