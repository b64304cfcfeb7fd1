// One at a time: the lock around everything that changes the local PostgreSQL, and the queue of writes
// under the lease.

export class Serial {
  #tail: Promise<void> = Promise.resolve()

  /** Runs `work` after everything that was given before; a failure is the caller's alone. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    const before = this.#tail
    let finish = (): void => undefined
    this.#tail = new Promise<void>((resolve) => {
      finish = resolve
    })
    await before
    try {
      return await work()
    } finally {
      finish()
    }
  }
}
