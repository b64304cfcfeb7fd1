// The dullest possible store: an oracle for transactions, and a seeded source of them.

import fc from 'fast-check'
import type { StoreTransaction, StoreView } from '../../src/ports/cluster-store.ts'
import { clusterRecord, controlRecord, leaseRecord, syncRecord } from '../support/store-records.ts'

const keys = ['lease', 'sync', 'cluster', 'control'] as const

type Key = (typeof keys)[number]

/** The records of a view without their revisions; keys that do not exist are left out. */
export function contents(view: StoreView): Readonly<Partial<Record<Key, unknown>>> {
  return Object.fromEntries(
    keys.flatMap((key) => (view[key] === null ? [] : [[key, view[key].value]])),
  )
}

export type NaiveStore = {
  /** Carries the transaction out when all its expectations hold. */
  readonly transact: (transaction: StoreTransaction) => 'committed' | 'conflict'
  /** Tells the model which revision the real store gave to the transaction it just committed. */
  readonly stamp: (transaction: StoreTransaction, revision: number) => void
  readonly contents: () => Readonly<Partial<Record<Key, unknown>>>
}

export function naiveStore(): NaiveStore {
  const records = new Map<Key, { value: unknown; revision: number }>()
  return {
    transact: ({ expect, put }) => {
      const holds = keys.every(
        (key) => expect[key] === undefined || expect[key] === (records.get(key)?.revision ?? 0),
      )
      if (!holds) return 'conflict'
      for (const key of keys) {
        if (put[key] !== undefined) records.set(key, { value: put[key], revision: -1 })
      }
      return 'committed'
    },
    stamp: ({ put }, revision) => {
      for (const key of keys) {
        if (put[key] !== undefined) records.set(key, { value: put[key], revision })
      }
    },
    contents: () => Object.fromEntries([...records].map(([key, { value }]) => [key, value])),
  }
}

type Expectation = 'absent' | 'current' | 'stale' | 'zero' | 'future'

/** `count` transactions, the same in each run; what they expect depends on the view they are made for. */
export function randomTransactions(count: number): ((view: StoreView) => StoreTransaction)[] {
  // `current` is the most frequent, or nearly every transaction would be a conflict.
  const expectation = fc.oneof(
    { weight: 8, arbitrary: fc.constantFrom<Expectation[]>('absent', 'current') },
    { weight: 1, arbitrary: fc.constantFrom<Expectation[]>('stale', 'zero', 'future') },
  )
  const one = fc.record({
    number: fc.integer({ min: 0, max: 1_000_000 }),
    expect: fc.array(expectation, { minLength: keys.length, maxLength: keys.length }),
    put: fc.array(fc.boolean(), { minLength: keys.length, maxLength: keys.length }),
  })
  return fc.sample(one, { numRuns: count, seed: 20 }).map((draw) => (view) => {
    const values = {
      lease: leaseRecord({ sequence: draw.number }),
      // Above the epochs of its timelines: what a store may hold is for the codec to judge.
      sync: syncRecord({ epoch: (draw.number + 100) as never }),
      cluster: clusterRecord({ createdAtMs: draw.number as never }),
      control: controlRecord({ paused: { reason: String(draw.number), sinceMs: 0 as never } }),
    }
    const expect = keys.flatMap((key, index) => {
      const revision = expectedRevision(
        draw.expect[index]!,
        view[key]?.revision ?? 0,
        view.revision,
      )
      return revision === null ? [] : [[key, revision] as const]
    })
    const put = keys.flatMap((key, index) =>
      draw.put[index]! ? [[key, values[key]] as const] : [],
    )
    return { expect: Object.fromEntries(expect), put: Object.fromEntries(put) }
  })
}

function expectedRevision(
  kind: Expectation,
  currentRevision: number,
  storeRevision: number,
): number | null {
  switch (kind) {
    case 'absent':
      return null
    case 'current':
      return currentRevision
    case 'stale':
      return Math.max(0, currentRevision - 1)
    case 'zero':
      return 0
    case 'future':
      return storeRevision + 1
  }
}
