// The promise file of a node. A save that was interrupted by a crash happened or did not.

import type { NodeName } from '../src/core/names.ts'
import type { LocalState, LocalStateRecord } from '../src/ports/local-state.ts'
import type { Spread } from './physics.ts'
import type { SimRandom } from './random.ts'
import type { SimProcess } from './simulator.ts'
import type { WorldEvent } from './world-event.ts'

/** What is on disk. */
export class LocalStateFile {
  readonly node: NodeName
  record: LocalStateRecord = {
    promise: null,
    incarnation: null,
    systemId: null,
    suspendedUntil: null,
    primaryEpoch: null,
  }

  constructor(node: NodeName) {
    this.node = node
  }
}

/** The port of one agent process: reads the file once, at its start. */
export class SimLocalState implements LocalState {
  readonly #file: LocalStateFile
  readonly #process: SimProcess
  readonly #random: SimRandom
  readonly #fsync: Spread
  readonly #emit: (event: WorldEvent) => void
  #saved: LocalStateRecord
  #queue: Promise<void> = Promise.resolve()

  constructor(options: {
    readonly file: LocalStateFile
    readonly process: SimProcess
    readonly random: SimRandom
    readonly fsync: Spread
    readonly emit: (event: WorldEvent) => void
  }) {
    this.#file = options.file
    this.#process = options.process
    this.#random = options.random
    this.#fsync = options.fsync
    this.#emit = options.emit
    this.#saved = options.file.record
  }

  get(): LocalStateRecord {
    return this.#saved
  }

  save(changes: Partial<LocalStateRecord>): Promise<void> {
    this.#queue = this.#queue.then(() => this.#write(changes))
    return this.#queue
  }

  async #write(changes: Partial<LocalStateRecord>): Promise<void> {
    const before = this.#file.record
    const promise = higher(before.promise, changes.promise ?? null)
    const next = { ...before, ...changes, promise }
    // The rename becomes durable at some moment before the call returns.
    const durableMs = this.#random.duration(this.#fsync.typicalMs, this.#fsync.worstMs)
    await this.#process.sleep(durableMs)
    this.#file.record = next
    if (next.promise !== before.promise) {
      const { node } = this.#file
      this.#emit({ kind: 'promise-saved', node, before: before.promise, after: next.promise })
    }
    await this.#process.sleep(this.#random.duration(0.3, 10))
    this.#saved = next
  }
}

function higher<T extends number>(one: T | null, other: T | null): T | null {
  if (one === null || other === null) return one ?? other
  return one > other ? one : other
}
