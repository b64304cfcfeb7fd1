// What the stories of the contract suite are told with: the harness, and small steps on a store.

import type { ClusterStore, StoreTransaction, StoreView } from '../../src/ports/cluster-store.ts'
import { StoreUnavailableError } from '../../src/ports/cluster-store.ts'
import { leaseRecord } from '../support/store-records.ts'

/** One store, empty at first, and the world around it. */
export type StoreHarness = {
  /** Another client of the same store. */
  readonly connect: () => ClusterStore
  /** Lets time pass, real or virtual, until `work` is settled; gives its outcome. */
  readonly drive: <T>(work: Promise<T>) => Promise<T>
  /** The clock that deadlines are measured by, in ms. */
  readonly nowMs: () => number
  /** From now on the store answers nobody: frozen, cut off, whatever is worst. Until `heal`. */
  readonly cutOff: () => Promise<void>
  readonly heal: () => Promise<void>
  /** Ends all clients and watches of this harness. */
  readonly close: () => Promise<void>
}

/** Ample on a busy machine: used where a deadline is not what is tested. */
export const amplyMs = 10_000
/** How late, in ms, a call may be in noticing its deadline. */
export const latenessMs = 400

/** One test: gets a harness of its own. */
export type Story = (title: string, body: (harness: StoreHarness) => Promise<void>) => void

/** Commits or fails the test; gives the revision. */
export async function commit(store: ClusterStore, transaction: StoreTransaction): Promise<number> {
  const result = await store.transact(transaction, amplyMs)
  if (result.kind !== 'committed') throw new Error('conflict where none was expected')
  return result.revision
}

/** Adds 1 to the lease's sequence `times` times, by compare-and-swap. Gives the number of conflicts. */
export async function increment(store: ClusterStore, times: number): Promise<number> {
  let { lease } = await store.read(amplyMs)
  let conflicts = 0
  for (let done = 0; done < times;) {
    const next = leaseRecord({ sequence: lease!.value.sequence + 1 })
    const result = await store.transact(
      { expect: { lease: lease!.revision }, put: { lease: next } },
      amplyMs,
    )
    if (result.kind === 'committed') {
      done += 1
      lease = { value: next, revision: result.revision }
    } else {
      conflicts += 1
      lease = result.view.lease
    }
  }
  return conflicts
}

/** Calls again while the store is unavailable; the test's own time limit ends it. */
export async function persist<T>(call: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await call()
    } catch (error) {
      if (!(error instanceof StoreUnavailableError)) throw error
    }
  }
}

export type Observer = {
  readonly seen: StoreView[]
  /** The first view, past or future, for which `condition` holds. */
  readonly until: (condition: (view: StoreView) => boolean) => Promise<StoreView>
  readonly stop: () => void
}

/** Watches `store` and keeps every view it is given. */
export function observe(store: ClusterStore): Observer {
  const seen: StoreView[] = []
  const waiting = new Set<(view: StoreView) => void>()
  const controller = new AbortController()
  store.watch((view) => {
    seen.push(view)
    for (const check of waiting) check(view)
  }, controller.signal)
  return {
    seen,
    until: (condition) =>
      new Promise((resolve) => {
        const known = seen.find(condition)
        if (known !== undefined) {
          resolve(known)
          return
        }
        const check = (view: StoreView): void => {
          if (!condition(view)) return
          waiting.delete(check)
          resolve(view)
        }
        waiting.add(check)
      }),
    stop: () => controller.abort(),
  }
}
