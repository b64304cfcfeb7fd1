// Every record × deleted, garbled, maximal, foreign: what is decided and what is said about it.

import { describe, expect, it } from 'vitest'
import {
  facts,
  incarnation,
  primary,
  report,
  standby,
  storeView,
  syncRecord,
  systemId,
  tenure,
} from '../../test/support/facts.ts'
import { classify } from './classify.ts'
import { decide } from './decide.ts'
import { epochJumpMax, epochMax, nextEpochOf, unseenEpochsMax } from './epoch.ts'
import type { Facts } from './facts.ts'
import type { SystemId } from './names.ts'
import { asEpoch, asMonotonic, asNodeName, asTimeline } from './names.ts'
import { plan } from './plan.ts'
import { screenView } from './record-screen.ts'
import type { RecordKey, StoreView } from './store-view.ts'
import { emptyStoreView, revisionOf } from './store-view.ts'
import { emptyList, makeList } from './sync-list.ts'
import { timingPlans } from './timing-plan.ts'

const own = { promise: asEpoch(1), systemId }
const other = '7999999999999999999' as SystemId
const expired = asMonotonic(100_000 - timingPlans.fast.ttlMs - 1)

const good = storeView()

function deleted(key: RecordKey): StoreView {
  return { ...good, [key]: null }
}

function garbled(key: RecordKey): StoreView {
  return { ...deleted(key), unusable: [{ key, why: 'is not JSON', revision: 77 }] }
}

const keys = ['lease', 'sync', 'cluster'] as const
const poisons: readonly (readonly [string, RecordKey, StoreView])[] = [
  ...keys.map((key) => ['deleted', key, deleted(key)] as const),
  ...keys.map((key) => ['garbled', key, garbled(key)] as const),
  ['maximal', 'lease', storeView({ lease: { epoch: asEpoch(epochMax) } })],
  ['far above', 'lease', storeView({ lease: { epoch: asEpoch(epochJumpMax + 2) } })],
  ['maximal', 'sync', storeView({ sync: { epoch: asEpoch(epochMax) } })],
  ['foreign', 'lease', storeView({ lease: { systemId: other } })],
  ['foreign', 'sync', storeView({ sync: { systemId: other } })],
  [
    'foreign',
    'cluster',
    { ...good, cluster: { value: { systemId: other, createdAtMs: 0 as never }, revision: 10 } },
  ],
  ['above the lease', 'sync', storeView({ sync: { epoch: asEpoch(2) } })],
  ['without lists', 'sync', storeView({ sync: { lists: [] } })],
  ['target of no list', 'sync', storeView({ sync: { target: emptyList } })],
  ['timeline never reserved', 'sync', storeView({ sync: { timeline: asTimeline(9) } })],
  [
    'waits for too many',
    'sync',
    storeView({
      sync: {
        lists: [{ count: 3, members: [incarnation('pg-1')] }],
        target: { count: 3, members: [incarnation('pg-1')] },
      },
    }),
  ],
]

function ruleOf(given: Facts): string {
  return decide(classify(given)).rule.id
}

describe('a poisoned record', () => {
  it('good records → the same view', () => {
    expect(screenView(good, own)).toBe(good)
    expect(screenView(emptyStoreView, own)).toBe(emptyStoreView)
  })

  it.each(poisons)('%s %s → named, taken out, and its revision is kept', (_, key, poisoned) => {
    const view = screenView(poisoned, own)
    expect(view.unusable.map((record) => record.key)).toEqual([key])
    expect(view[key]).toBeNull()
    const there = poisoned[key]?.revision ?? poisoned.unusable[0]?.revision ?? 0
    expect(revisionOf(view, key)).toBe(there)
    expect(screenView(view, own)).toBe(view)
  })

  const holder = { tenure: tenure(1, 'serving'), server: primary(), keptRecord: syncRecord() }

  it.each(poisons)(
    '%s %s, the primary serves → it goes on, and puts it back',
    (_, key, poisoned) => {
      const given = facts('pg-0', { ...holder, store: screenView(poisoned, own) })
      // The lease is put back by its renewal, which is beside the loop.
      expect(ruleOf(given)).toBe(key === 'lease' ? 'R406' : 'R340')
      expect(() => plan(decide(classify(given)), given)).not.toThrow()
    },
  )

  it.each(poisons)(
    '%s %s, the primary is dead → never promoted without the record',
    (_, key, poisoned) => {
      const store = screenView(poisoned, own)
      const given = facts('pg-1', { store, leaseSeenAtMs: expired, server: standby() })
      expect(ruleOf(given)).toBe(key === 'sync' ? 'R350' : 'R600')
      const now = { ...given, leaseSeenAtMs: asMonotonic(99_900) }
      if (key === 'lease') expect(ruleOf(now)).toBe('R352')
      const empty = { ...given, server: { kind: 'absent' }, directory: { kind: 'absent' } } as const
      const cleared = { ...empty, bootstrapCheck: 'clear', noLeaseSinceMs: asMonotonic(0) } as const
      expect(plan(decide(classify(cleared)), cleared).map(({ kind }) => kind)).not.toContain(
        'bootstrap',
      )
      if (key === 'sync') expect(ruleOf(cleared)).toBe('R350')
    },
  )

  it('sync lost, and nothing kept: the primary stays open, an unopened one stays closed, a candidate gives up', () => {
    const store = screenView(deleted('sync'), own)
    const of = (changes: Partial<Facts>) => ruleOf(facts('pg-0', { store, ...changes }))
    expect(of({ tenure: tenure(1, 'serving'), server: primary() })).toBe('R342')
    expect(of({ tenure: tenure(1, 'preparing'), server: primary() })).toBe('R344')
    // It was an assertion in a loop: the seals are asked with the system identifier of the record.
    expect(of({ tenure: tenure(1, 'preparing'), server: standby() })).toBe('R346')
  })

  it('a record of an epoch that this node has promised → the lease below it is wrong', () => {
    const view = storeView({ lease: { epoch: asEpoch(1) }, sync: { epoch: asEpoch(5) } })
    const knows = screenView(view, { promise: asEpoch(5), systemId })
    expect(knows.unusable.map(({ key }) => key)).toEqual(['lease'])
  })
})

describe('names that the spec does not have', () => {
  it('the holder → a row, no RangeError; free when it is silent', () => {
    const ghost = asNodeName('ghost')
    const store = storeView({
      lease: { holder: ghost, epoch: asEpoch(2) },
      sync: { owner: incarnation('ghost'), epoch: asEpoch(2) },
      reports: [report('ghost', { isPrimary: true, epoch: asEpoch(2), history: [] })],
    })
    expect(ruleOf(facts('pg-1', { store }))).toBe('R714')
    expect(ruleOf(facts('pg-1', { store, leaseSeenAtMs: expired }))).toBe('R600')
    const server = standby({ isReceiving: true, isStreaming: true, isAtEndOfWal: false })
    expect(ruleOf(facts('pg-1', { store, server }))).toBe('R704')
  })

  it('the successor of a released lease, a member of the list, the target of a switchover', () => {
    const ghost = asNodeName('ghost')
    const list = makeList(1, [incarnation('ghost'), incarnation('pg-1')])
    const released = storeView({
      lease: { state: 'released', handOverTo: ghost },
      sync: { lists: [list], target: list },
    })
    const given = facts('pg-1', { store: released, leaseSeenAtMs: expired })
    expect(ruleOf(given)).toBe('R600')
    const control = {
      switchover: { id: 's', to: ghost, requestedAtMs: 0 as never },
      paused: null,
    }
    const asked = { tenure: tenure(1, 'serving'), server: primary(), store: storeView({ control }) }
    expect(ruleOf(facts('pg-0', asked))).toBe('R404')
  })
})

describe('the next epoch', () => {
  it('a deleted lease → above the promise, the record and every report that can be true', () => {
    const reports = [
      report('pg-1', { promise: asEpoch(9) }),
      report('pg-2', { promise: asEpoch(epochMax) }),
    ]
    const view = { ...storeView({ reports }), lease: null }
    expect(nextEpochOf(view, asEpoch(3))).toBe(10 + unseenEpochsMax)
    expect(nextEpochOf(view, asEpoch(12))).toBe(13 + unseenEpochsMax)
  })

  it('lease and sync record vouch for each other, a promise for neither → both are unusable', () => {
    const view = storeView({})
    const lease = { ...view.lease!, value: { ...view.lease!.value, epoch: asEpoch(epochMax) } }
    const sync = { ...view.sync!, value: { ...view.sync!.value, epoch: asEpoch(epochMax) } }
    const screened = screenView({ ...view, lease, sync }, { promise: asEpoch(3), systemId })
    expect(screened.unusable.map(({ key }) => key)).toEqual(['sync', 'lease'])
  })
})
