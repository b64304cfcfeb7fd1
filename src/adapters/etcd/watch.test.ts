// The shared watch over a client that the test plays: each stream is held open until the test ends it.

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { leaseRecord } from '../../../test/support/store-records.ts'
import type { ClusterName } from '../../core/names.ts'
import type { StoreView } from '../../ports/cluster-store.ts'
import { StoreUnavailableError } from '../../ports/cluster-store.ts'
import type { EtcdClient } from './client.ts'
import { codecs } from './codec.ts'
import { EtcdError, grpcCodes } from './errors.ts'
import { keysOf } from './keys.ts'
import type { KeyChange, WireObject } from './messages.ts'
import { viewOf } from './view.ts'
import type { SharedWatch } from './watch.ts'
import { createSharedWatch, silenceMsOf } from './watch.ts'

const keys = keysOf('app' as ClusterName)
const timing = { renewMs: 150, storeAttemptMs: 200, storeHedgeMs: 70 }
const silenceMs = silenceMsOf(timing)
const [a, b] = [1, 2].map((port) => ({ host: '127.0.0.1', port }))

type Stream = {
  readonly port: number
  readonly startRevision: number
  readonly tell: (changes: readonly KeyChange[]) => void
  readonly fail: (error: Error) => void
  readonly signal: AbortSignal
}

const lease = (sequence: number, revision: number): KeyChange => ({
  isDeleted: false,
  kv: {
    key: keys.single('lease'),
    value: codecs.lease.render(leaseRecord({ sequence })),
    create_revision: 1,
    mod_revision: revision,
  },
})

/** The store as reads see it; `null`: it does not answer. */
let stored: { sequence: number; revision: number } | null
/** A read has looked at the store before this, and answers after it. */
let beforeAnswer: Promise<void>
let streams: Stream[]
let reads: number
let distrusted: number[]
let problems: string[]
let watch: SharedWatch
let seen: number[]
let controller: AbortController

const listener = (view: StoreView): void => void seen.push(view.lease?.value.sequence ?? 0)
const current = (): Stream => streams.at(-1)!
const settle = (): Promise<unknown> => vi.advanceTimersByTimeAsync(0)

beforeEach(() => {
  vi.useFakeTimers({
    toFake: ['setTimeout', 'clearTimeout', 'setImmediate', 'clearImmediate', 'performance'],
  })
  stored = { sequence: 1, revision: 10 }
  beforeAnswer = Promise.resolve()
  streams = []
  reads = 0
  distrusted = []
  problems = []
  seen = []
  controller = new AbortController()
  const client = {
    bestEndpoint: () => (distrusted.includes(1) ? b! : a!),
    endpointCount: 2,
    distrust: ({ port }: { port: number }) => void distrusted.push(port),
    watch: (
      endpoint: { port: number },
      request: WireObject,
      tell: Stream['tell'],
      signal: AbortSignal,
    ) =>
      new Promise<never>((_, fail) => {
        const startRevision = Number(request['start_revision'])
        streams.push({ port: endpoint.port, startRevision, tell, fail, signal })
        signal.addEventListener('abort', () => fail(new EtcdError('x', { outcome: 'unknown' })))
      }),
  } as unknown as EtcdClient
  watch = createSharedWatch({
    client,
    keys,
    timing,
    read: async () => {
      reads += 1
      if (stored === null) throw new StoreUnavailableError('away')
      const { sequence, revision } = stored
      await beforeAnswer
      return viewOf(keys, revision, [lease(sequence, revision).kv])
    },
    log: (message) => problems.push(message),
  })
  watch.subscribe(listener, controller.signal)
})
afterEach(() => {
  watch.close()
  vi.useRealTimers()
})

describe('shared watch', () => {
  it('begins with a read, then follows from the revision after it', async () => {
    await settle()
    expect(seen).toEqual([1])
    expect(current()).toMatchObject({ port: 1, startRevision: 11 })
    current().tell([lease(2, 11)])
    expect(seen).toEqual([1, 2])
  })

  it('what a read has told already → not told again', async () => {
    await settle()
    current().tell([lease(1, 10)])
    expect(seen).toEqual([1])
  })

  it('a second listener → one stream, begins with the present view', async () => {
    await settle()
    current().tell([lease(2, 11)])
    const late: number[] = []
    watch.subscribe((view) => late.push(view.lease?.value.sequence ?? 0), controller.signal)
    await settle()
    expect(late).toEqual([2])
    expect(streams).toHaveLength(1)
    current().tell([lease(3, 12)])
    expect([seen, late]).toEqual([
      [1, 2, 3],
      [2, 3],
    ])
  })

  it('one listener leaves → the other goes on; the last one leaves → the stream ends', async () => {
    const other = new AbortController()
    watch.subscribe(listener, other.signal)
    await settle()
    other.abort()
    expect(current().signal.aborted).toBe(false)
    controller.abort()
    expect(current().signal.aborted).toBe(true)
    await vi.advanceTimersByTimeAsync(5000)
    expect(streams).toHaveLength(1)
  })

  it('stream breaks → goes on elsewhere where it was, without a read', async () => {
    await settle()
    current().tell([lease(2, 15)])
    current().fail(new EtcdError('connection lost', { outcome: 'unknown' }))
    await settle()
    expect(distrusted).toEqual([1])
    expect(current()).toMatchObject({ port: 2, startRevision: 16 })
    expect(reads).toBe(1)
  })

  it('history compacted → reads, the endpoint is not to blame', async () => {
    await settle()
    stored = { sequence: 9, revision: 90 }
    const details = { outcome: 'unknown', grpcCode: grpcCodes.outOfRange } as const
    current().fail(new EtcdError('compacted', details))
    await settle()
    expect(seen).toEqual([1, 9])
    expect(distrusted).toEqual([])
    expect(current().startRevision).toBe(91)
  })

  it('silent and up to date → is left open, however long', async () => {
    await settle()
    await vi.advanceTimersByTimeAsync(silenceMs * 10)
    expect(streams).toHaveLength(1)
    expect(reads).toBeGreaterThan(5)
    expect(seen).toEqual([1])
  })

  it('spoken to in time → no read', async () => {
    await settle()
    for (let revision = 11; revision < 31; revision += 1) {
      await vi.advanceTimersByTimeAsync(timing.renewMs)
      current().tell([lease(revision, revision)])
    }
    expect(reads).toBe(1)
  })

  it('silent and behind → the news is told, and it goes on elsewhere', async () => {
    await settle()
    stored = { sequence: 2, revision: 20 }
    await vi.advanceTimersByTimeAsync(silenceMs + 5)
    expect(seen).toEqual([1, 2])
    expect(streams[0]!.signal.aborted).toBe(true)
    expect(current()).toMatchObject({ port: 2, startRevision: 21 })
  })

  it('silent and the store is away → comes back when it answers, told each trouble once', async () => {
    await settle()
    stored = null
    await vi.advanceTimersByTimeAsync(silenceMs * 20)
    expect(problems).toEqual(['watch of the store: away'])
    stored = { sequence: 3, revision: 30 }
    await vi.advanceTimersByTimeAsync(silenceMs * 2)
    expect(seen).toEqual([1, 3])
  })

  it('another store in its place (lost, restored) → its view counts although its revision is lower', async () => {
    await settle()
    current().tell([lease(2, 500)])
    stored = { sequence: 1, revision: 4 }
    await vi.advanceTimersByTimeAsync(silenceMs + 5)
    expect(seen).toEqual([1, 2, 1])
    expect(current().startRevision).toBe(5)
  })

  it('a read that was overtaken by the stream → is not told, and is no other store', async () => {
    await settle()
    let answer: () => void = () => undefined
    beforeAnswer = new Promise((resolve) => (answer = resolve))
    await vi.advanceTimersByTimeAsync(silenceMs + 5)
    expect(reads).toBe(2)
    current().tell([lease(2, 11)])
    answer()
    await settle()
    expect(seen).toEqual([1, 2])
    expect(streams).toHaveLength(1)
  })

  it('a record that cannot be read → told, nothing is made of it, read again', async () => {
    await settle()
    const broken = lease(2, 11)
    current().tell([]) // the stream lives
    const change = { ...broken, kv: { ...broken.kv, value: '{"format":2,"record":{}}' } }
    // The real stream hands what the listener throws to its caller.
    try {
      current().tell([change])
    } catch (error) {
      current().fail(error as Error)
    }
    stored = { sequence: 3, revision: 12 }
    await vi.advanceTimersByTimeAsync(silenceMs)
    expect(problems[0]).toContain('format 2')
    expect(seen).toEqual([1, 3])
  })
})
