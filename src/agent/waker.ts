// Lets anything wake a loop that otherwise sleeps. Wakes only shorten the sleep; what is done then is
// decided from a fresh look at everything.

import type { Clock } from '../ports/clock.ts'

/** Given as the reason, because a default one is an error object with a stack trace each time. */
const woken = 'woken'

export class Waker {
  readonly #clock: Clock
  #isNotified = false
  #sleeping: AbortController | null = null

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Ends the present wait, or the next one at once. */
  notify(): void {
    this.#isNotified = true
    this.#sleeping?.abort(woken)
  }

  /** Returns after `durationMs`, or as soon as somebody notifies. */
  async wait(durationMs: number): Promise<void> {
    if (!this.#isNotified) {
      const controller = new AbortController()
      this.#sleeping = controller
      await this.#clock.sleep(durationMs, controller.signal)
      this.#sleeping = null
    }
    this.#isNotified = false
  }
}
