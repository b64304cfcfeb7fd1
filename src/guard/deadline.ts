// The instant until which PostgreSQL may run. Absolute, so that a frozen machine or a late timer changes
// nothing: whoever wakes first compares. It also counts the time for which the machine was suspended,
// which the monotonic clock leaves out.

export type Clocks = {
  /** CLOCK_MONOTONIC in ms: the clock that deadlines are written in. */
  monotonicMs(): number
  /** Time since boot in ms, time of suspension included. */
  bootMs(): number
}

export type Deadline = {
  /** Sets or raises the deadline; an earlier one is ignored. */
  extend(stopByMs: number): void
  disarm(): void
  stopByMs(): number | null
  /** How long ago the deadline passed, in ms; null while it has not, or there is none. */
  lateMs(): number | null
}

// The two clocks are read one after the other and the second has steps of 10 ms: below this, their
// difference says nothing.
const clockNoiseMs = 50

/** A deadline that is not set. */
export function createDeadline(clocks: Clocks): Deadline {
  let stopByMs: number | null = null
  let offsetMs = 0

  const readOffsetMs = (): number => clocks.bootMs() - clocks.monotonicMs()

  return {
    extend: (candidateMs) => {
      if (stopByMs === null || candidateMs > stopByMs) {
        stopByMs = candidateMs
        offsetMs = readOffsetMs()
      }
    },
    disarm: () => {
      stopByMs = null
    },
    stopByMs: () => stopByMs,
    lateMs: () => {
      if (stopByMs === null) return null
      const jumpMs = readOffsetMs() - offsetMs
      const suspendedMs = jumpMs > clockNoiseMs ? jumpMs : 0
      const lateMs = clocks.monotonicMs() + suspendedMs - stopByMs
      return lateMs >= 0 ? lateMs : null
    },
  }
}
