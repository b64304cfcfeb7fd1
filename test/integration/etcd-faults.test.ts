// The lease's heartbeat through real etcd that is being hurt, in the timing of plan fast: as long as two
// of three members live, the holder must never come near its deadline.

import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createEtcdClusterStore } from '../../src/adapters/etcd/cluster-store.ts'
import type { ClusterName, NodeName } from '../../src/core/names.ts'
import { asEpoch } from '../../src/core/names.ts'
import { timingPlans } from '../../src/core/timing-plan.ts'
import type { ClusterStore } from '../../src/ports/cluster-store.ts'
import { StoreUnavailableError } from '../../src/ports/cluster-store.ts'
import type { EtcdTestCluster } from '../support/etcd.ts'
import { startEtcdCluster } from '../support/etcd.ts'
import { eventually } from '../support/eventually.ts'
import { startHeartbeat } from '../support/store-heartbeat.ts'
import { leaseRecord, nodeReport } from '../support/store-records.ts'

const plan = timingPlans.fast
/** The holder's own time between its last confirmed renewal and its deadline. */
const holdMs = plan.ttlMs - plan.marginMs

let etcd: EtcdTestCluster
const open: { close: () => void }[] = []

beforeEach(async () => {
  etcd = await startEtcdCluster({ size: 3, plan })
})

afterEach(async () => {
  for (const store of open.splice(0)) store.close()
  await etcd.stop()
})

/** A client that prefers the member at `first`. */
function connect(first: number, log?: (message: string) => void): ClusterStore {
  const endpoints = [...etcd.endpoints.slice(first), ...etcd.endpoints.slice(0, first)]
  const cluster = 'faults' as ClusterName
  const store = createEtcdClusterStore({ cluster, plan, endpoints, ...(log && { log }) })
  open.push(store)
  return store
}

describe('heartbeat', () => {
  const cases = [
    ['kill', 'leader'],
    ['kill', 'follower'],
    ['freeze', 'leader'],
    ['freeze', 'follower'],
  ] as const

  for (const [fault, victim] of cases) {
    it(`${fault} of the etcd ${victim} that holder and observer talk to → gap below the deadline`, async () => {
      const leader = await etcd.leader()
      const index = victim === 'leader' ? leader : (leader + 1) % 3
      const heartbeat = await startHeartbeat(connect(index), connect(index), plan)
      try {
        const countBefore = heartbeat.renewalTimesMs().length
        if (fault === 'kill') await etcd.member(index).kill()
        else etcd.member(index).freeze()
        await eventually(
          'ten more renewals',
          () => heartbeat.renewalTimesMs().length >= countBefore + 10,
        )
        expect(heartbeat.worstGapMs()).toBeLessThan(holdMs)
      } finally {
        await heartbeat.stop()
      }
    })
  }
})

describe('a frozen endpoint', () => {
  it('read → answered by another endpoint within one hedge and a bit', async () => {
    const store = connect(0)
    await store.read(2000)
    etcd.member(0).freeze()
    // A frozen leader costs an election first; after it the endpoint is still frozen, and preferred.
    await eventually('the others have a leader', () => canRead(connect(1)))
    const startedAtMs = performance.now()
    await store.read(2000)
    expect(performance.now() - startedAtMs).toBeLessThan(plan.storeHedgeMs + plan.storeAttemptMs)
  })

  it('write → sent once, unknown; when the endpoint thaws it does not overwrite', async () => {
    const leader = await etcd.leader()
    const follower = (leader + 1) % 3
    const [slow, quick] = [connect(follower), connect(leader)]
    const created = await slow.transact({ expect: {}, put: { lease: leaseRecord() } }, 2000)
    expect(created.kind).toBe('committed')
    etcd.member(follower).freeze()
    // Without a comparison nothing in the store would stop a second copy: it must not be sent.
    const attempt = slow.transact({ expect: {}, put: { lease: leaseRecord({ sequence: 2 }) } }, 300)
    await expect(attempt).rejects.toBeInstanceOf(StoreUnavailableError)
    expect((await quick.read(2000)).lease?.value.sequence).toBe(1)
    await quick.transact({ expect: {}, put: { lease: leaseRecord({ sequence: 3 }) } }, 2000)
    etcd.member(follower).thaw()
    await eventually('the thawed endpoint serves', async () => canRead(connect(follower)))
    const seen = await versionOf(leader, '/pgherd/faults/lease')
    // Created, perhaps the delayed copy, and the third write: never more.
    expect(seen).toBeGreaterThanOrEqual(2)
    expect(seen).toBeLessThanOrEqual(3)
  })

  it('report delayed in it → does not overwrite a later one', async () => {
    const leader = await etcd.leader()
    const follower = (leader + 1) % 3
    const store = connect(follower)
    await store.publish(nodeReport({ promise: asEpoch(1) }), 2000)
    etcd.member(follower).freeze()
    await store.publish(nodeReport({ promise: asEpoch(2) }), 2000)
    await store.publish(nodeReport({ promise: asEpoch(3) }), 2000)
    etcd.member(follower).thaw()
    await eventually('the thawed endpoint serves', async () => canRead(connect(follower)))
    const { reports } = await connect(leader).read(2000)
    expect(reports.get('pg-1' as NodeName)?.value.promise).toBe(3)
  })
})

describe('watch', () => {
  it('on a member cut off by SIGSTOP, nothing closed → continues elsewhere within two silences', async () => {
    const leader = await etcd.leader()
    const follower = (leader + 1) % 3
    const writer = connect(leader)
    const seen: number[] = []
    const controller = new AbortController()
    connect(follower).watch((view) => {
      seen.push(view.lease?.value.sequence ?? 0)
    }, controller.signal)
    await writer.transact({ expect: {}, put: { lease: leaseRecord({ sequence: 1 }) } }, 2000)
    await eventually('the watch has begun', () => seen.includes(1))
    etcd.member(follower).freeze()
    const writtenAtMs = performance.now()
    await writer.transact({ expect: {}, put: { lease: leaseRecord({ sequence: 2 }) } }, 2000)
    await eventually('the change is seen', () => seen.includes(2))
    const silenceMs = plan.renewMs * 2 + plan.storeHedgeMs
    expect(performance.now() - writtenAtMs).toBeLessThan(silenceMs * 2 + plan.storeAttemptMs)
    controller.abort()
  })

  it('history compacted while its only endpoint was away → reads again and goes on', async () => {
    const leader = await etcd.leader()
    const other = (leader + 1) % 3
    const writer = connect(leader)
    const seen: number[] = []
    const problems: string[] = []
    const controller = new AbortController()
    const observer = createEtcdClusterStore({
      cluster: 'faults' as ClusterName,
      plan,
      endpoints: [etcd.member(other).endpoint],
      log: (message) => problems.push(message),
    })
    open.push(observer)
    observer.watch((view) => seen.push(view.lease?.value.sequence ?? 0), controller.signal)
    await writer.transact({ expect: {}, put: { lease: leaseRecord({ sequence: 1 }) } }, 2000)
    await eventually('the watch has begun', () => seen.includes(1))

    await etcd.member(other).kill()
    let revision = 0
    for (let sequence = 2; sequence <= 20; sequence += 1) {
      const put = { lease: leaseRecord({ sequence }) }
      const result = await writer.transact({ expect: {}, put }, 2000)
      if (result.kind === 'committed') revision = result.revision
    }
    await etcd.post(leader, '/v3/kv/compaction', { revision: String(revision), physical: true })
    await etcd.member(other).start()
    await eventually('the last change is seen', () => seen.at(-1) === 20)
    expect(problems.join('\n')).toContain('compacted')
    expect([...seen].sort((left, right) => left - right)).toEqual(seen)
    controller.abort()
  })
})

describe('a record that cannot be read', () => {
  it('written by a newer format → every call says so, nothing is decided', async () => {
    const key = Buffer.from('/pgherd/faults/lease').toString('base64')
    const value = Buffer.from('{"format":2,"record":{}}').toString('base64')
    await etcd.post(0, '/v3/kv/put', { key, value })
    await expect(connect(0).read(2000)).rejects.toThrow(/format 2.*upgrade pgherd on this node/)
  })
})

function canRead(store: ClusterStore): Promise<boolean> {
  return store.read(500).then(
    () => true,
    () => false,
  )
}

/** How often the key was written. */
async function versionOf(index: number, key: string): Promise<number> {
  const answer = await etcd.post(index, '/v3/kv/range', {
    key: Buffer.from(key).toString('base64'),
  })
  return Number((answer['kvs'] as { version: string }[])[0]?.version)
}
