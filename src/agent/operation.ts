// The one slot for long work: start, clone, rewind, bootstrap. It is a fact for the decisions, can be
// ended from outside, and shows its progress.

import type { MonotonicMs } from '../core/names.ts'
import type { Clock } from '../ports/clock.ts'
import type { CopyProgress } from '../ports/postgres.ts'

export type RunningOperation = {
  readonly name: string
  readonly sinceMs: MonotonicMs
  readonly progress: CopyProgress | null
}

export type OperationHandle = {
  readonly signal: AbortSignal
  readonly onProgress: (progress: CopyProgress) => void
}

/** Pause after a failed operation. */
const failurePauseMs = 1000

export class OperationSlot {
  readonly #clock: Clock
  readonly #onEnd: () => void
  #running: { info: RunningOperation; controller: AbortController; done: Promise<void> } | null =
    null

  constructor(clock: Clock, onEnd: () => void) {
    this.#clock = clock
    this.#onEnd = onEnd
  }

  current(): RunningOperation | null {
    return this.#running?.info ?? null
  }

  /**
   * Starts `work` unless something runs already. Its failure goes to `onFailure`, also the one that
   * `abort` causes, which is nobody's fault.
   */
  begin(
    name: string,
    work: (handle: OperationHandle) => Promise<void>,
    onFailure: (error: unknown, wasAborted: boolean) => void,
  ): void {
    if (this.#running !== null) return
    const controller = new AbortController()
    const info = { name, sinceMs: this.#clock.monotonicMs(), progress: null }
    const entry = { info: info as RunningOperation, controller, done: Promise.resolve() }
    const handle: OperationHandle = {
      signal: controller.signal,
      onProgress: (progress) => {
        entry.info = { ...entry.info, progress }
      },
    }
    this.#running = entry
    entry.done = work(handle)
      .catch(async (error: unknown) => {
        onFailure(error, controller.signal.aborted)
        // The slot stays taken for a moment, so that what cannot work is not tried without a pause.
        await this.#clock.sleep(failurePauseMs, controller.signal)
      })
      .finally(() => {
        this.#running = null
        this.#onEnd()
      })
  }

  /** Asks the running operation to end and waits until it has. */
  async abort(): Promise<void> {
    const running = this.#running
    if (running === null) return
    running.controller.abort()
    await running.done
  }
}
