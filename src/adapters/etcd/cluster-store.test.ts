// What the store sends to etcd where the contract on real etcd cannot see it: how a report is kept from
// being overwritten by a delayed copy of an earlier one.

import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { FakeEtcd } from '../../../test/support/fake-etcd.ts'
import { startFakeEtcd } from '../../../test/support/fake-etcd.ts'
import { nodeReport } from '../../../test/support/store-records.ts'
import { asEpoch } from '../../core/names.ts'
import type { ClusterName } from '../../core/names.ts'
import type { EtcdClusterStore } from './cluster-store.ts'
import { createEtcdClusterStore } from './cluster-store.ts'

type Sent = {
  readonly compare: readonly { readonly mod_revision: string; readonly target: string }[]
  readonly success: readonly { readonly request_put?: { readonly value: string } }[]
}

let fake: FakeEtcd
let store: EtcdClusterStore
let sent: Sent[]
/** The report's key as etcd has it. */
let held: { value: string; revision: number } | null

/** Carries out compare-and-swaps of one key, as etcd does. */
const oneKeyStore = (response: { end: (text: string) => void }, body: unknown): void => {
  const request = body as Sent
  sent.push(request)
  const isMet = request.compare.every(
    ({ mod_revision: revision }) => Number(revision) === (held?.revision ?? 0),
  )
  if (isMet) held = { value: valueOf(request), revision: (held?.revision ?? 10) + 1 }
  const kvs =
    held === null ? [] : [{ key: '', value: held.value, mod_revision: String(held.revision) }]
  const answer = isMet
    ? { succeeded: true, responses: [{ response_put: {} }] }
    : { responses: [{ response_range: { kvs, count: '1' } }] }
  response.end(JSON.stringify({ header: { revision: String(held?.revision ?? 0) }, ...answer }))
}
const valueOf = (request: Sent): string => request.success[0]?.request_put?.value ?? ''

beforeEach(async () => {
  sent = []
  held = null
  fake = await startFakeEtcd(oneKeyStore)
  store = createEtcdClusterStore({
    cluster: 'app' as ClusterName,
    endpoints: [fake.endpoint],
    plan: { renewMs: 150, storeAttemptMs: 200, storeHedgeMs: 70 },
  })
})
afterEach(async () => {
  store.close()
  await fake.stop()
})

describe('publish', () => {
  it('every report → put only over the one before it', async () => {
    for (const promise of [1, 2, 3]) {
      await store.publish(nodeReport({ promise: asEpoch(promise) }), 2000)
    }
    expect(sent.map(({ compare }) => compare)).toMatchObject([
      [{ target: 'MOD', mod_revision: '0' }],
      [{ target: 'MOD', mod_revision: '11' }],
      [{ target: 'MOD', mod_revision: '12' }],
    ])
  })

  it('after a restart, over an unknown revision → learns it and puts', async () => {
    held = { value: 'b2xk', revision: 40 }
    await store.publish(nodeReport(), 2000)
    expect(sent.map(({ compare }) => compare[0]?.mod_revision)).toEqual(['0', '40'])
    expect(held.revision).toBe(41)
  })

  it('a copy of the same report was there first → that is success, nothing is put again', async () => {
    await store.publish(nodeReport(), 2000)
    const { value } = held!
    held = { value, revision: 77 }
    await store.publish(nodeReport(), 2000)
    expect(held).toEqual({ value, revision: 77 })
    expect(sent).toHaveLength(2)
  })
})
