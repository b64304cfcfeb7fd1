// The contract of ports/cluster-store.ts as a suite: every implementation, real or simulated, passes
// it unchanged. Nothing here knows etcd, and nothing here sleeps: time belongs to the harness.

import { describe, expect, it } from 'vitest'
import { StoreUnavailableError } from '../../src/ports/cluster-store.ts'
import { asEpoch, asNodeName } from '../../src/core/names.ts'
import type { JournalEvent } from '../../src/core/journal-event.ts'
import {
  clusterRecord,
  controlRecord,
  journalEvent,
  leaseRecord,
  nodeReport,
  syncRecord,
} from '../support/store-records.ts'
import { contents, naiveStore, randomTransactions } from './naive-store.ts'
import type { Story, StoreHarness } from './store-story.ts'
import { amplyMs, commit, increment, latenessMs, observe, persist } from './store-story.ts'

const pg0 = asNodeName('pg-0')
const pg1 = asNodeName('pg-1')

/** Declares the suite for one implementation. `makeStore` is called once for each test. */
export function describeClusterStore(name: string, makeStore: () => Promise<StoreHarness>): void {
  const story = (title: string, body: (harness: StoreHarness) => Promise<void>): void => {
    it(title, { timeout: 60_000 }, async () => {
      const harness = await makeStore()
      try {
        await harness.drive(body(harness))
      } finally {
        await harness.close()
      }
    })
  }

  describe(`cluster store: ${name}`, () => {
    describe('transactions', () => transactions(story))
    describe('views', () => views(story))
    describe('watch', () => watches(story))
    describe('events', () => events(story))
    describe('a store that does not answer', () => outages(story))
  })
}

function transactions(story: Story): void {
  story('expecting 0 → creates once, then conflicts and shows the winner', async ({ connect }) => {
    const [first, second] = [connect(), connect()]
    const won = await first.transact(
      { expect: { lease: 0 }, put: { lease: leaseRecord({ holder: pg0 }) } },
      amplyMs,
    )
    const lost = await second.transact(
      { expect: { lease: 0 }, put: { lease: leaseRecord({ holder: pg1 }) } },
      amplyMs,
    )
    expect(won.kind).toBe('committed')
    expect(lost.kind).toBe('conflict')
    if (won.kind !== 'committed' || lost.kind !== 'conflict') return
    expect(lost.view.lease).toEqual({
      value: leaseRecord({ holder: pg0 }),
      revision: won.revision,
    })
  })

  story(
    'expecting the revision that was committed → commits; a stale one → conflicts',
    async (h) => {
      const store = h.connect()
      const created = await commit(store, { expect: { lease: 0 }, put: { lease: leaseRecord() } })
      const renewed = await commit(store, {
        expect: { lease: created },
        put: { lease: leaseRecord({ sequence: 2 }) },
      })
      expect(renewed).toBeGreaterThan(created)
      const stale = await store.transact(
        { expect: { lease: created }, put: { lease: leaseRecord({ sequence: 99 }) } },
        amplyMs,
      )
      expect(stale.kind).toBe('conflict')
      const view = await store.read(amplyMs)
      expect(view.lease).toEqual({ value: leaseRecord({ sequence: 2 }), revision: renewed })
    },
  )

  story('expecting a revision of a key that does not exist → conflicts', async ({ connect }) => {
    const store = connect()
    const result = await store.transact(
      { expect: { sync: 1 }, put: { sync: syncRecord() } },
      amplyMs,
    )
    expect(result.kind).toBe('conflict')
    expect((await store.read(amplyMs)).sync).toBeNull()
  })

  story('one expectation of several fails → nothing at all is written', async ({ connect }) => {
    const store = connect()
    const lease = await commit(store, { expect: {}, put: { lease: leaseRecord() } })
    const result = await store.transact(
      {
        expect: { lease, sync: lease },
        put: { lease: leaseRecord({ sequence: 2 }), sync: syncRecord(), control: controlRecord() },
      },
      amplyMs,
    )
    expect(result.kind).toBe('conflict')
    const view = await store.read(amplyMs)
    expect(contents(view)).toEqual({ lease: leaseRecord() })
    expect(view.lease?.revision).toBe(lease)
  })

  story('a key that is not named → is not compared', async ({ connect }) => {
    const store = connect()
    const lease = await commit(store, { expect: {}, put: { lease: leaseRecord() } })
    await commit(store, { expect: { lease }, put: { sync: syncRecord() } })
    await commit(store, { expect: { lease }, put: { sync: syncRecord({ epoch: asEpoch(5) }) } })
    const view = await store.read(amplyMs)
    expect(view.sync?.value.epoch).toBe(5)
    expect(view.lease?.revision).toBe(lease)
  })

  story('several puts → one revision, read back exactly', async ({ connect }) => {
    const put = {
      lease: leaseRecord({ systemId: null, handOverTo: pg1 }),
      sync: syncRecord(),
      cluster: clusterRecord(),
      control: controlRecord({ paused: { reason: '维护 "quoted"\n', sinceMs: 5 as never } }),
    }
    const store = connect()
    const revision = await commit(store, { expect: { lease: 0, sync: 0, cluster: 0 }, put })
    const view = await connect().read(amplyMs)
    expect(contents(view)).toEqual(put)
    for (const key of ['lease', 'sync', 'cluster', 'control'] as const) {
      expect(view[key]?.revision, key).toBe(revision)
    }
    expect(view.revision).toBeGreaterThanOrEqual(revision)
  })

  story('nothing to put → only compares', async ({ connect }) => {
    const store = connect()
    const lease = await commit(store, { expect: { lease: 0 }, put: { lease: leaseRecord() } })
    await commit(store, { expect: { lease }, put: {} })
    const other = await store.transact({ expect: { lease: 0 }, put: {} }, amplyMs)
    expect(other.kind).toBe('conflict')
    expect((await store.read(amplyMs)).lease?.revision).toBe(lease)
  })

  story('two clients race 1000 increments → none is lost', async ({ connect }) => {
    const clients = [connect(), connect()]
    await commit(clients[0]!, {
      expect: { lease: 0 },
      put: { lease: leaseRecord({ sequence: 0 }) },
    })
    const conflicts = await Promise.all(clients.map((client) => increment(client, 500)))
    expect((await clients[0]!.read(amplyMs)).lease?.value.sequence).toBe(1000)
    // Without a single conflict the two did not race, and this test would prove nothing.
    expect(conflicts[0]! + conflicts[1]!).toBeGreaterThan(0)
  })

  story('any sequence of transactions → the same as in a naive store', async ({ connect }) => {
    const store = connect()
    const model = naiveStore()
    for (const draw of randomTransactions(150)) {
      const before = await store.read(amplyMs)
      const transaction = draw(before)
      const expected = model.transact(transaction)
      const result = await store.transact(transaction, amplyMs)
      expect(result.kind).toBe(expected)
      const view = result.kind === 'conflict' ? result.view : await store.read(amplyMs)
      expect(contents(view)).toEqual(model.contents())
      if (result.kind === 'committed') model.stamp(transaction, result.revision)
    }
  })
}

function views(story: Story): void {
  story('an empty store → a view of nothing', async ({ connect }) => {
    const view = await connect().read(amplyMs)
    expect(contents(view)).toEqual({})
    expect(view.reports.size).toBe(0)
  })

  story('a write of another client → seen by the next read', async ({ connect }) => {
    const [writer, reader] = [connect(), connect()]
    for (let sequence = 1; sequence <= 20; sequence += 1) {
      const revision = await commit(writer, {
        expect: {},
        put: { lease: leaseRecord({ sequence }) },
      })
      const view = await reader.read(amplyMs)
      expect(view.lease).toEqual({ value: leaseRecord({ sequence }), revision })
    }
  })

  story('reports → one for each node, the last one counts', async ({ connect }) => {
    const store = connect()
    await store.publish(nodeReport({ name: pg0, isPrimary: true }), amplyMs)
    await store.publish(nodeReport({ name: pg1, state: 'cloning' }), amplyMs)
    await store.publish(nodeReport({ name: pg1, state: 'streaming' }), amplyMs)
    const { reports } = await connect().read(amplyMs)
    expect([...reports.keys()].sort()).toEqual([pg0, pg1])
    expect(reports.get(pg0)?.value).toEqual(nodeReport({ name: pg0, isPrimary: true }))
    expect(reports.get(pg1)?.value).toEqual(nodeReport({ name: pg1, state: 'streaming' }))
    expect(reports.get(pg1)!.revision).toBeGreaterThan(reports.get(pg0)!.revision)
  })

  story('a report → changes no revision that a transaction may expect', async ({ connect }) => {
    const store = connect()
    const lease = await commit(store, { expect: {}, put: { lease: leaseRecord() } })
    await store.publish(nodeReport(), amplyMs)
    await store.appendEvents([journalEvent({ id: 'pg-0-1-1' })], amplyMs)
    await commit(store, { expect: { lease }, put: { lease: leaseRecord({ sequence: 2 }) } })
  })
}

function watches(story: Story): void {
  story('a watch on a filled store → is given what is there', async ({ connect }) => {
    const store = connect()
    await commit(store, { expect: {}, put: { lease: leaseRecord(), sync: syncRecord() } })
    await store.publish(nodeReport(), amplyMs)
    const observer = observe(connect())
    const view = await observer.until((seen) => seen.reports.size === 1)
    expect(contents(view)).toEqual({ lease: leaseRecord(), sync: syncRecord() })
    expect(view.reports.get(pg1)?.value).toEqual(nodeReport())
    observer.stop()
  })

  story('many writes → views only get newer, none is torn, the last one arrives', async (h) => {
    const observer = observe(h.connect())
    const writer = h.connect()
    let last = 0
    for (let step = 1; step <= 200; step += 1) {
      const put = {
        lease: leaseRecord({ sequence: step }),
        sync: syncRecord({ epoch: asEpoch(step) }),
      }
      last = await commit(writer, { expect: {}, put })
      if (step % 10 === 0) await writer.publish(nodeReport({ promise: asEpoch(step) }), amplyMs)
    }
    const view = await observer.until((seen) => seen.reports.get(pg1)?.value.promise === 200)
    expect(view.lease?.revision).toBe(last)
    observer.stop()

    const { seen } = observer
    expect(seen.length).toBeGreaterThan(1)
    for (const [index, current] of seen.entries()) {
      // Both keys are written together: a view that shows one without the other never held.
      expect(current.lease?.value.sequence ?? 0).toBe(current.sync?.value.epoch ?? 0)
      expect(current.lease?.revision ?? 0).toBeLessThanOrEqual(current.revision)
      const previous = seen[index - 1]
      if (previous === undefined) continue
      expect(current.revision).toBeGreaterThan(previous.revision)
      expect(current.lease?.revision ?? 0).toBeGreaterThanOrEqual(previous.lease?.revision ?? 0)
    }
  })

  story('a view, once given → never changes', async ({ connect }) => {
    const store = connect()
    await commit(store, { expect: {}, put: { lease: leaseRecord({ sequence: 1 }) } })
    await store.publish(nodeReport({ state: 'cloning' }), amplyMs)
    const observer = observe(connect())
    const early = await observer.until((seen) => seen.reports.size === 1)
    const copy = structuredClone(early)
    await commit(store, { expect: {}, put: { lease: leaseRecord({ sequence: 2 }) } })
    await store.publish(nodeReport({ state: 'streaming' }), amplyMs)
    await store.publish(nodeReport({ name: pg0 }), amplyMs)
    await observer.until((seen) => seen.reports.size === 2 && seen.lease?.value.sequence === 2)
    expect(early).toEqual(copy)
    observer.stop()
  })

  story('aborted → the listener is not called again', async ({ connect }) => {
    const store = connect()
    const [stopped, other] = [observe(connect()), observe(connect())]
    await commit(store, { expect: {}, put: { lease: leaseRecord({ sequence: 1 }) } })
    await stopped.until((seen) => seen.lease !== null)
    stopped.stop()
    const count = stopped.seen.length
    await commit(store, { expect: {}, put: { lease: leaseRecord({ sequence: 2 }) } })
    await other.until((seen) => seen.lease?.value.sequence === 2)
    expect(stopped.seen.length).toBe(count)
    other.stop()
  })

  story(
    'the store was away → the watch comes back by itself',
    async ({ connect, cutOff, heal }) => {
      const store = connect()
      const observer = observe(connect())
      await commit(store, { expect: {}, put: { lease: leaseRecord({ sequence: 1 }) } })
      await observer.until((seen) => seen.lease?.value.sequence === 1)
      await cutOff()
      await expect(store.read(100)).rejects.toBeInstanceOf(StoreUnavailableError)
      await heal()
      await persist(() => store.publish(nodeReport({ promise: asEpoch(77) }), 500))
      await observer.until((seen) => seen.reports.get(pg1)?.value.promise === 77)
      observer.stop()
    },
  )
}

function events(story: Story): void {
  story('appended → read oldest first, the newest when not all are asked for', async (h) => {
    const store = h.connect()
    await store.appendEvents([event(1), event(2)], amplyMs)
    await h.connect().appendEvents([event(3)], amplyMs)
    await store.appendEvents([event(4), event(5), event(6)], amplyMs)
    expect(await store.readEvents(100, amplyMs)).toEqual([1, 2, 3, 4, 5, 6].map(event))
    expect(await h.connect().readEvents(4, amplyMs)).toEqual([3, 4, 5, 6].map(event))
  })

  story('none → an empty list, and appending none does nothing', async ({ connect }) => {
    const store = connect()
    await store.appendEvents([], amplyMs)
    expect(await store.readEvents(10, amplyMs)).toEqual([])
  })

  story('an id that is there already → is left as it is, in its place', async ({ connect }) => {
    const store = connect()
    await store.appendEvents([event(1), event(2)], amplyMs)
    const again = { ...event(1), message: 'said differently' }
    await store.appendEvents([again, event(3)], amplyMs)
    await store.appendEvents([event(2)], amplyMs)
    expect(await store.readEvents(10, amplyMs)).toEqual([event(1), event(2), event(3)])
  })

  story('thousands → old ones are dropped, hundreds of the newest stay', async ({ connect }) => {
    const store = connect()
    const total = 2500
    for (let start = 0; start < total; start += 250) {
      const batch = Array.from({ length: 250 }, (_, index) => event(start + index))
      await store.appendEvents(batch, amplyMs)
    }
    const left = await store.readEvents(total, amplyMs)
    expect(left.length).toBeGreaterThanOrEqual(200)
    expect(left.length).toBeLessThan(1000)
    const newest = Array.from({ length: left.length }, (_, index) => total - left.length + index)
    expect(left.map((entry) => entry.id)).toEqual(newest.map((number) => event(number).id))
  })

  story('events → are in no view', async ({ connect }) => {
    const store = connect()
    const observer = observe(connect())
    await commit(store, { expect: {}, put: { lease: leaseRecord({ sequence: 1 }) } })
    await observer.until((seen) => seen.lease !== null)
    await store.appendEvents([event(1)], amplyMs)
    await commit(store, { expect: {}, put: { lease: leaseRecord({ sequence: 2 }) } })
    const view = await observer.until((seen) => seen.lease?.value.sequence === 2)
    expect(contents(view)).toEqual({ lease: leaseRecord({ sequence: 2 }) })
    observer.stop()
  })
}

function outages(story: Story): void {
  story('every call → StoreUnavailableError at its deadline, and works again after', async (h) => {
    const store = h.connect()
    await commit(store, { expect: {}, put: { lease: leaseRecord({ sequence: 1 }) } })
    await h.cutOff()
    const calls: Readonly<Record<string, (deadlineMs: number) => Promise<unknown>>> = {
      read: (deadlineMs) => store.read(deadlineMs),
      transact: (deadlineMs) =>
        store.transact({ expect: {}, put: { sync: syncRecord() } }, deadlineMs),
      publish: (deadlineMs) => store.publish(nodeReport(), deadlineMs),
      appendEvents: (deadlineMs) => store.appendEvents([event(1)], deadlineMs),
      readEvents: (deadlineMs) => store.readEvents(10, deadlineMs),
    }
    for (const [call, invoke] of Object.entries(calls)) {
      const startedAtMs = h.nowMs()
      await expect(invoke(300), call).rejects.toBeInstanceOf(StoreUnavailableError)
      expect(h.nowMs() - startedAtMs, call).toBeLessThan(300 + latenessMs)
    }
    await h.heal()
    const view = await persist(() => store.read(500))
    expect(view.lease?.value.sequence).toBe(1)
  })

  story('an increment with an unknown outcome → happened once or not at all', async (h) => {
    const store = h.connect()
    const start = await commit(store, { expect: {}, put: { lease: leaseRecord({ sequence: 0 }) } })
    await h.cutOff()
    const attempt = store.transact(
      { expect: { lease: start }, put: { lease: leaseRecord({ sequence: 1 }) } },
      300,
    )
    await expect(attempt).rejects.toBeInstanceOf(StoreUnavailableError)
    await h.heal()
    const { lease } = await persist(() => store.read(500))
    expect([0, 1]).toContain(lease?.value.sequence)
    expect(lease?.revision === start).toBe(lease?.value.sequence === 0)
  })
}

const event = (number: number): JournalEvent =>
  journalEvent({ id: `pg-1-2-${String(number)}`, operands: { number } })
