// Keeps the mirror told of the store, and can begin from nothing when the store becomes another one.

import type { ClusterStore } from '../ports/cluster-store.ts'
import type { StoreMirror } from './store-mirror.ts'

export class StoreWatch {
  readonly #store: ClusterStore
  readonly #mirror: StoreMirror
  #present = new AbortController()
  #isOver = false

  constructor(store: ClusterStore, mirror: StoreMirror) {
    this.#store = store
    this.#mirror = mirror
  }

  /** Follows the store from a fresh read on; whatever was followed before is let go. */
  begin(): void {
    this.#present.abort()
    if (this.#isOver) return
    this.#present = new AbortController()
    this.#store.watch((view) => {
      this.#mirror.accept(view)
    }, this.#present.signal)
  }

  /** For good. */
  end(): void {
    this.#isOver = true
    this.#present.abort()
  }
}
