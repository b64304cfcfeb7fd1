// The real clock. `systemClock` is stateless: one object serves the whole process.

import type { MonotonicMs, WallClockMs } from '../../core/names.ts'
import { readMonotonicMs } from '../../host/monotonic.ts'
import type { Clock } from '../../ports/clock.ts'

export const systemClock: Clock = {
  monotonicMs: () => readMonotonicMs() as MonotonicMs,
  wallClockMs: () => Date.now() as WallClockMs,
  sleep: (durationMs, signal) =>
    new Promise((resolve) => {
      if (signal?.aborted === true) {
        resolve()
        return
      }
      const finish = (): void => {
        clearTimeout(timer)
        signal?.removeEventListener('abort', finish)
        resolve()
      }
      const timer = setTimeout(finish, Math.max(0, durationMs))
      signal?.addEventListener('abort', finish)
    }),
}
