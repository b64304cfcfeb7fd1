// Lets anything wake a loop that otherwise sleeps. Wakes only shorten the sleep; what is done then is
// decided from a fresh look at everything.

import type { Clock } from '../ports/clock.ts'

/** Given as the reason, because a default one is an error object with a stack trace each time. */
const woken = 'woken'

export class Waker {
  readonly #clock: Clock
  #isNotified = false
  #isWaiting = false
  /** Used again until it was aborted: most waits end by themselves. */
  #controller = new AbortController()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Ends the present wait, or the next one at once. */
  notify(): void {
    this.#isNotified = true
    if (this.#isWaiting) this.#controller.abort(woken)
  }

  /** Returns after `durationMs`, or as soon as somebody notifies. One wait at a time. */
  async wait(durationMs: number): Promise<void> {
    if (!this.#isNotified) {
      if (this.#controller.signal.aborted) this.#controller = new AbortController()
      this.#isWaiting = true
      await this.#clock.sleep(durationMs, this.#controller.signal)
      this.#isWaiting = false
    }
    this.#isNotified = false
  }
}
