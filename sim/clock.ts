// The clock of one node: its own offset and its own rate, within a few per cent of true time.

import type { Clock } from '../src/ports/clock.ts'
import { asMonotonic, type MonotonicMs, type WallClockMs } from '../src/core/names.ts'
import type { SimProcess, Simulator } from './simulator.ts'

// 2030-01-01T00:00:00Z
const simulatedStartMs = 1_893_456_000_000

/** The hardware clock of a node; all processes of the node share it. */
export class NodeClock {
  readonly #simulator: Simulator
  readonly #offsetMs: number
  readonly #wallOffsetMs: number
  /** Milliseconds of this clock per true millisecond. */
  readonly rate: number

  constructor(
    simulator: Simulator,
    options: { readonly offsetMs: number; readonly wallOffsetMs: number; readonly rate: number },
  ) {
    this.#simulator = simulator
    this.#offsetMs = options.offsetMs
    this.#wallOffsetMs = options.wallOffsetMs
    this.rate = options.rate
  }

  monotonicMs(): MonotonicMs {
    return asMonotonic(this.#offsetMs + this.#simulator.nowMs * this.rate)
  }

  wallClockMs(): WallClockMs {
    return Math.floor(simulatedStartMs + this.#wallOffsetMs + this.#simulator.nowMs) as WallClockMs
  }

  /** True milliseconds in which this clock advances by `durationMs`. */
  trueMs(durationMs: number): number {
    return durationMs / this.rate
  }
}

/** The clock port of one process. */
export class SimClock implements Clock {
  readonly #clock: NodeClock
  readonly #process: SimProcess

  constructor(clock: NodeClock, process: SimProcess) {
    this.#clock = clock
    this.#process = process
  }

  monotonicMs(): MonotonicMs {
    return this.#clock.monotonicMs()
  }

  wallClockMs(): WallClockMs {
    return this.#clock.wallClockMs()
  }

  sleep(durationMs: number, signal?: AbortSignal): Promise<void> {
    return this.#process.sleep(this.#clock.trueMs(Math.max(0, durationMs)), signal)
  }
}
