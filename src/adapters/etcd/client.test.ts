import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { eventually } from '../../../test/support/eventually.ts'
import type { FakeEtcd } from '../../../test/support/fake-etcd.ts'
import { committed, refusing, silent, startFakeEtcd } from '../../../test/support/fake-etcd.ts'
import { StoreUnavailableError } from '../../ports/cluster-store.ts'
import type { EtcdClient } from './client.ts'
import { createEtcdClient } from './client.ts'
import { grpcCodes } from './errors.ts'

const timing = { storeAttemptMs: 200, storeHedgeMs: 70 }
const request = { compare: [], success: [], failure: [] }

let first: FakeEtcd
let second: FakeEtcd
let client: EtcdClient

beforeEach(async () => {
  first = await startFakeEtcd()
  second = await startFakeEtcd()
  client = createEtcdClient([first.endpoint, second.endpoint], timing)
})
afterEach(async () => {
  client.close()
  await Promise.all([first.stop(), second.stop()])
})

describe('a transaction that must not be repeated', () => {
  it('unknown outcome → thrown, and nobody else is asked', async () => {
    first.behave(silent)
    await expect(client.once(request, 150)).rejects.toBeInstanceOf(StoreUnavailableError)
    expect([first.calls.length, second.calls.length]).toEqual([1, 0])
  })

  it('connection refused → sent to the next endpoint', async () => {
    await first.stop()
    expect((await client.once(request, 1000)).succeeded).toBe(true)
    expect(second.calls).toHaveLength(1)
  })

  it('every connection refused → thrown at the deadline', async () => {
    await Promise.all([first.stop(), second.stop()])
    const startedAtMs = performance.now()
    await expect(client.once(request, 200)).rejects.toBeInstanceOf(StoreUnavailableError)
    const tookMs = performance.now() - startedAtMs
    expect(tookMs).toBeGreaterThanOrEqual(190)
    expect(tookMs).toBeLessThan(600)
  })

  it('refused by etcd → thrown with its words, the endpoint keeps its place', async () => {
    first.behave(refusing(429, grpcCodes.resourceExhausted, 'database space exceeded'))
    await expect(client.once(request, 1000)).rejects.toThrow(/space exceeded/)
    expect(client.bestEndpoint()).toBe(first.endpoint)
    expect(second.calls).toHaveLength(0)
  })
})

describe('a transaction that may be repeated', () => {
  it('slow endpoint → the answer of the next one', async () => {
    first.behave(silent)
    expect((await client.repeatable(request, 1000)).succeeded).toBe(true)
    expect([first.calls.length, second.calls.length]).toEqual([1, 1])
  })

  it('nobody answers → StoreUnavailableError', async () => {
    first.behave(silent)
    second.behave(silent)
    await expect(client.repeatable(request, 300)).rejects.toBeInstanceOf(StoreUnavailableError)
  })
})

describe('an endpoint that failed', () => {
  it('is passed over, is asked whether it is back, and then is the first again', async () => {
    first.behave(silent)
    await expect(client.once(request, 100)).rejects.toBeInstanceOf(StoreUnavailableError)
    expect(client.bestEndpoint()).toBe(second.endpoint)
    await client.once(request, 1000)
    expect(second.calls).toHaveLength(1)

    first.behave(committed)
    await eventually('it is trusted again', () => client.bestEndpoint() === first.endpoint)
    const countBefore = first.calls.length
    await client.once(request, 1000)
    expect(first.calls.length).toBe(countBefore + 1)
  })
})
