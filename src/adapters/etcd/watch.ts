// One watch stream for a store, shared by all listeners. A stream proves nothing by being open: when it
// has been silent for longer than the lease ever is, the store is read, and a stream that is found
// behind is replaced by one on another endpoint.

import type { TimingPlan } from '../../core/timing-plan.ts'
import { messageOf } from '../../lib/errors.ts'
import type { StoreView } from '../../ports/cluster-store.ts'
import { StoreUnavailableError } from '../../ports/cluster-store.ts'
import type { EtcdClient } from './client.ts'
import { NewerFormatError } from './codec.ts'
import type { Endpoint } from './endpoint.ts'
import { EtcdError, grpcCodes } from './errors.ts'
import type { Keys } from './keys.ts'
import type { KeyChange } from './messages.ts'
import { wireRange } from './messages.ts'
import { rest } from './rest.ts'
import { applyChanges, hasSameContent } from './view.ts'

export type WatchTiming = Pick<TimingPlan, 'renewMs' | 'storeAttemptMs' | 'storeHedgeMs'>

export type WatchOptions = {
  readonly client: EtcdClient
  readonly keys: Keys
  readonly timing: WatchTiming
  /** A linearizable read. @throws StoreUnavailableError */
  readonly read: (deadlineMs: number) => Promise<StoreView>
  readonly log: (message: string) => void
}

export type SharedWatch = {
  /** Calls `listener` with the present view and with each newer one until `signal` aborts. */
  readonly subscribe: (listener: (view: StoreView) => void, signal: AbortSignal) => void
  /** Ends it for all listeners. */
  readonly close: () => void
}

type Listener = (view: StoreView) => void

/** A serving primary writes the lease every `renewMs`: twice that and one hedge is silence. */
export function silenceMsOf(timing: WatchTiming): number {
  return timing.renewMs * 2 + timing.storeHedgeMs
}

export function createSharedWatch(options: WatchOptions): SharedWatch {
  const listeners = new Set<Listener>()
  let latest: StoreView | null = null
  let running: AbortController | null = null

  const deliver = (view: StoreView): void => {
    latest = view
    for (const listener of [...listeners]) {
      if (listeners.has(listener)) listener(view)
    }
  }
  const start = (): void => {
    if (running !== null) return
    running = new AbortController()
    const { signal } = running
    const deliverUntilAborted: Listener = (view) => {
      if (!signal.aborted) deliver(view)
    }
    void follow(options, deliverUntilAborted, signal)
  }
  const stop = (): void => {
    running?.abort()
    running = null
    latest = null
  }

  return {
    subscribe: (listener, signal) => {
      if (signal.aborted) return
      // A wrapper, so that a function that subscribes twice is two listeners.
      const entry: Listener = (view) => listener(view)
      listeners.add(entry)
      const leave = (): void => {
        listeners.delete(entry)
        if (listeners.size === 0) stop()
      }
      signal.addEventListener('abort', leave, { once: true })
      start()
      const known = latest
      if (known === null) return
      queueMicrotask(() => {
        // Something newer may have come in between, or the listener may have left.
        if (listeners.has(entry) && latest === known) entry(known)
      })
    },
    close: () => {
      listeners.clear()
      stop()
    },
  }
}

/** Keeps `deliver` informed until `signal` aborts. */
async function follow(
  options: WatchOptions,
  deliver: Listener,
  signal: AbortSignal,
): Promise<void> {
  const { client, timing } = options
  const place = createPlace(options.keys, deliver)
  let failureCount = 0
  let lastProblem = ''
  while (!signal.aborted) {
    const endpoint = client.bestEndpoint()
    try {
      await followStream(options, place, endpoint, signal)
      failureCount = 0
    } catch (error) {
      if (isAborted(signal)) return
      if (error instanceof NewerFormatError) place.forget()
      else if (error instanceof EtcdError) {
        if (error.grpcCode === grpcCodes.outOfRange) place.forget()
        else client.distrust(endpoint)
      } else if (!(error instanceof StoreUnavailableError)) throw error
      failureCount += 1
      const problem = messageOf(error)
      if (problem !== lastProblem) options.log(`watch of the store: ${problem}`)
      lastProblem = problem
      // The first failures move on to the other endpoints at once.
      if (failureCount > client.endpointCount) await rest(timing.storeHedgeMs, signal)
    }
  }
}

/**
 * Follows one stream until it breaks, which is an error, or is found behind the store.
 * @throws EtcdError when it broke, StoreUnavailableError when it is silent and nobody answers
 */
async function followStream(
  options: WatchOptions,
  place: Place,
  endpoint: Endpoint,
  signal: AbortSignal,
): Promise<void> {
  const { client, timing } = options
  if (place.nextRevision() === null) {
    const startedAt = place.revision()
    place.adoptRead(await options.read(timing.storeAttemptMs * 2), startedAt)
  }
  const stream = new AbortController()
  const stop = (): void => stream.abort()
  signal.addEventListener('abort', stop, { once: true })
  const ear = { heardAtMs: performance.now() }
  const request = {
    ...wireRange(options.keys.everything),
    start_revision: String(place.nextRevision()),
  }
  const onChanges = (changes: readonly KeyChange[]): void => {
    ear.heardAtMs = performance.now()
    place.adoptChanges(changes)
  }
  try {
    await Promise.race([
      client.watch(endpoint, request, onChanges, stream.signal),
      untilBehind(options, place, ear, stream.signal),
    ])
    if (!signal.aborted) client.distrust(endpoint)
  } finally {
    stop()
    signal.removeEventListener('abort', stop)
  }
}

/** Resolves when a read shows more than the stream told. */
async function untilBehind(
  options: WatchOptions,
  place: Place,
  ear: { heardAtMs: number },
  signal: AbortSignal,
): Promise<void> {
  const silenceMs = silenceMsOf(options.timing)
  for (;;) {
    const quietMs = performance.now() - ear.heardAtMs
    if (quietMs < silenceMs) {
      await rest(silenceMs - quietMs, signal)
      if (signal.aborted) return
      continue
    }
    const startedAt = place.revision()
    const view = await options.read(options.timing.storeAttemptMs * 2)
    if (signal.aborted) return
    ear.heardAtMs = performance.now()
    if (place.adoptRead(view, startedAt)) return
  }
}

/** How far the history of the store has been followed, and the view there. */
type Place = {
  readonly revision: () => number
  /** Where a stream has to begin; null: nothing is known, read first. */
  readonly nextRevision: () => number | null
  /**
   * Takes over what a linearizable read found; true when it was news.
   * @param startedAt revision() when the read was begun: a store that answers with a lower one is
   *   another store (lost, restored), and its view counts although its numbers are smaller
   */
  readonly adoptRead: (view: StoreView, startedAt: number) => boolean
  readonly adoptChanges: (changes: readonly KeyChange[]) => void
  readonly forget: () => void
}

function createPlace(keys: Keys, deliver: Listener): Place {
  let view: StoreView | null = null
  // Ahead of view.revision when keys changed that are in no view.
  let seenRevision = 0
  let isPlaceKnown = false
  return {
    revision: () => seenRevision,
    nextRevision: () => (isPlaceKnown ? seenRevision + 1 : null),
    adoptRead: (read, startedAt) => {
      const isOtherStore = read.revision < startedAt
      if (isOtherStore || read.revision >= seenRevision) seenRevision = read.revision
      isPlaceKnown = true
      const isNews =
        view === null ||
        isOtherStore ||
        (read.revision > view.revision && !hasSameContent(read, view))
      if (!isNews) return false
      view = read
      deliver(read)
      return true
    },
    adoptChanges: (changes) => {
      // What a read has told already may come again.
      const fresh = changes.filter(({ kv }) => kv.mod_revision > seenRevision)
      if (view === null || fresh.length === 0) return
      const next = applyChanges(keys, view, fresh)
      seenRevision = Math.max(...fresh.map(({ kv }) => kv.mod_revision))
      if (next === view) return
      view = next
      deliver(next)
    },
    forget: () => void (isPlaceKnown = false),
  }
}

/** A function, because the compiler believes that a property once read stays as it was. */
function isAborted(signal: AbortSignal): boolean {
  return signal.aborted
}
