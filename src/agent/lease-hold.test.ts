// The lease under ambiguous writes: what is adopted, what counts as lost, and from when time is counted.

import { describe, expect, it } from 'vitest'
import { layout, node, systemId } from '../../test/support/facts.ts'
import type { MonotonicMs, WallClockMs } from '../core/names.ts'
import { unseenEpochsMax } from '../core/epoch.ts'
import { asEpoch, asNodeName } from '../core/names.ts'
import { allProtections } from '../core/protections.ts'
import type { StoreView } from '../core/store-view.ts'
import { emptyStoreView, revisionOf } from '../core/store-view.ts'
import type { Clock } from '../ports/clock.ts'
import type { ClusterStore, StoreTransaction, TransactionResult } from '../ports/cluster-store.ts'
import { StoreUnavailableError } from '../ports/cluster-store.ts'
import type { Guard } from '../ports/guard.ts'
import { LeaseHold } from './lease-hold.ts'
import { StoreMirror } from './store-mirror.ts'

const { ttlMs, marginMs } = layout().plan
const holdMs = ttlMs - marginMs

/** A store whose next answers can be made to fail before or after the write, and a clock set by hand. */
function world(): {
  hold: LeaseHold
  mirror: StoreMirror
  view: () => StoreView
  transact: (transaction: StoreTransaction) => TransactionResult
  failNext: (how: 'before' | 'after') => void
  setTime: (ms: number) => void
  /** Somebody changes what lies in the store. */
  poison: (changes: Partial<StoreView>) => void
  deadlines: number[]
} {
  let nowMs = 1000
  let view: StoreView = emptyStoreView
  const failures: ('before' | 'after')[] = []
  const deadlines: number[] = []
  const clock: Clock = {
    monotonicMs: () => nowMs as MonotonicMs,
    wallClockMs: () => 0 as WallClockMs,
    sleep: () => Promise.resolve(),
  }
  const transact = (transaction: StoreTransaction): TransactionResult => {
    const expected = transaction.expect.lease
    if (expected !== undefined && revisionOf(view, 'lease') !== expected) {
      return { kind: 'conflict', view }
    }
    const revision = view.revision + 1
    const { lease } = transaction.put
    view = {
      ...view,
      revision,
      lease: lease === undefined ? view.lease : { value: lease, revision },
      unusable: [],
    }
    return { kind: 'committed', revision }
  }
  const store = {
    read: () => Promise.resolve(view),
    transact: (transaction: StoreTransaction) => {
      const failure = failures.shift()
      if (failure === 'before') return Promise.reject(new StoreUnavailableError('lost on the way'))
      const result = transact(transaction)
      if (failure === 'after') return Promise.reject(new StoreUnavailableError('answer lost'))
      return Promise.resolve(result)
    },
  } as unknown as ClusterStore
  const guard = {
    arm: (stopByMs: number) => {
      deadlines.push(stopByMs)
      return Promise.resolve()
    },
    extend: (stopByMs: number) => {
      deadlines.push(stopByMs)
    },
    disarm: () => Promise.resolve(),
  } as unknown as Guard
  const mirror = new StoreMirror(clock)
  mirror.accept(view)
  const hold = new LeaseHold(
    { clock, store, mirror, guard },
    layout(),
    node('pg-0'),
    allProtections,
  )
  return {
    hold,
    mirror,
    view: () => view,
    transact,
    failNext: (how) => {
      failures.push(how)
    },
    poison: (changes) => {
      view = { ...view, ...changes, revision: view.revision + 1 }
    },
    setTime: (ms) => {
      nowMs = ms
    },
    deadlines,
  }
}

describe('holding the lease', () => {
  it('deadline: counted from before the write was sent, minus the margin', async () => {
    const { hold } = world()
    expect(await hold.acquire(null, systemId)).toBe('done')
    expect(hold.tenure()).toEqual({
      epoch: 1,
      state: 'preparing',
      stopByMs: 1000 + holdMs,
      isLost: false,
    })
  })

  it('epoch: above every promise of this node, also when the store was restored', async () => {
    const { hold } = world()
    await hold.acquire(asEpoch(41), systemId)
    expect(hold.tenure()?.epoch).toBe(42 + unseenEpochsMax)
  })

  it('a renewal whose answer was lost is adopted, with the time at which it was sent', async () => {
    const { hold, failNext, setTime } = world()
    await hold.acquire(null, systemId)
    setTime(1100)
    failNext('after')
    expect(await hold.write({})).toBe('unknown')
    expect(hold.tenure()?.stopByMs).toBe(1000 + holdMs)
    setTime(1300)
    expect(await hold.write({})).toBe('done')
    expect(hold.tenure()?.stopByMs).toBe(1300 + holdMs)
  })

  it('a renewal that never arrived changes nothing', async () => {
    const { hold, failNext, setTime, view } = world()
    await hold.acquire(null, systemId)
    setTime(1100)
    failNext('before')
    expect(await hold.write({ state: 'serving' })).toBe('unknown')
    expect(view().lease?.value.state).toBe('preparing')
    expect(await hold.write({ state: 'serving' })).toBe('done')
    expect(view().lease?.value.state).toBe('serving')
  })

  it('another holder → lost, and nothing is written any more', async () => {
    const { hold, transact, view } = world()
    await hold.acquire(null, systemId)
    const lease = view().lease
    if (lease === null) throw new Error('there is a lease')
    const other = { ...lease.value, holder: asNodeName('pg-1'), epoch: asEpoch(2) }
    transact({ expect: {}, put: { lease: other } })
    expect(await hold.write({ state: 'serving' })).toBe('lost')
    expect(hold.isHeld()).toBe(false)
    expect(view().lease?.value.holder).toBe('pg-1')
    expect(await hold.write({})).toBe('lost')
  })

  it('guard: renewals extend its deadline only after it was armed, and never after it has passed', async () => {
    const { hold, setTime, deadlines } = world()
    await hold.acquire(null, systemId)
    await hold.write({})
    expect(deadlines).toEqual([])
    expect(await hold.arm()).toBe(true)
    setTime(1200)
    await hold.write({})
    expect(deadlines).toEqual([1000 + holdMs, 1200 + holdMs])
    setTime(1200 + holdMs)
    expect(await hold.write({})).toBe('done')
    expect(hold.isHeld()).toBe(false)
    expect(deadlines).toEqual([1000 + holdMs, 1200 + holdMs])
  })

  it('released → held no longer, and the store asks another to go first', async () => {
    const { hold, view } = world()
    await hold.acquire(null, systemId)
    expect(await hold.release(asNodeName('pg-2'))).toBe('done')
    expect(hold.tenure()).toBeNull()
    expect(view().lease?.value).toMatchObject({ state: 'released', handOverTo: 'pg-2' })
  })

  it('a lease that this node holds by the store only is taken over by writing it', async () => {
    const { hold, mirror, view, transact } = world()
    await hold.acquire(null, systemId)
    hold.forget()
    const lease = view().lease
    if (lease === null) throw new Error('there is a lease')
    expect(await hold.reclaim()).toBe('done')
    expect(hold.tenure()?.epoch).toBe(1)
    hold.forget()
    transact({ expect: {}, put: { lease: { ...lease.value, holder: asNodeName('pg-1') } } })
    expect(await hold.reclaim()).toBe('conflict')
    expect(mirror.view()?.lease?.value.holder).toBe('pg-1')
    expect(await hold.reclaim()).toBe('conflict')
  })
})

describe('a lease that was deleted or garbled', () => {
  const garbled = [{ key: 'lease', why: 'is not JSON', revision: 2 }] as const

  it.each([
    ['deleted', { lease: null }],
    ['garbled', { lease: null, unusable: garbled }],
  ])('%s, its holder lives → written again under the same epoch', async (_, poison) => {
    const { hold, view, poison: apply } = world()
    await hold.acquire(null, systemId)
    apply(poison)
    expect(await hold.write({})).toBe('done')
    expect(view().lease?.value).toMatchObject({ epoch: 1, holder: 'pg-0' })
  })

  it('deleted, and the deadline of its holder has passed → lost', async () => {
    const { hold, view, poison, setTime } = world()
    await hold.acquire(null, systemId)
    poison({ lease: null })
    setTime(1000 + holdMs)
    expect(await hold.write({})).toBe('lost')
    expect(view().lease).toBeNull()
  })

  it('another has taken it since, with a higher epoch → lost', async () => {
    const { hold, view, poison } = world()
    await hold.acquire(null, systemId)
    const mine = view().lease?.value
    if (mine === undefined) throw new RangeError('it was acquired')
    const theirs = { ...mine, holder: asNodeName('pg-1'), epoch: asEpoch(2) }
    poison({ lease: { value: theirs, revision: 9 } })
    expect(await hold.write({})).toBe('lost')
  })

  it('garbled, nobody holds it → taken when its time is over, above every epoch that was seen', async () => {
    const { hold, view, poison, setTime, mirror } = world()
    await hold.acquire(asEpoch(4), systemId)
    hold.forget()
    poison({ lease: null, unusable: garbled })
    setTime(5000)
    mirror.accept(view())
    expect(await hold.acquire(null, systemId)).toBe('conflict')
    setTime(5000 + ttlMs + 1)
    expect(await hold.acquire(null, systemId)).toBe('done')
    expect(view().lease?.value.epoch).toBe(6 + 2 * unseenEpochsMax)
  })
})
