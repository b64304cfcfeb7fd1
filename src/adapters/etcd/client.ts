// Calls to the store as a whole: which endpoint, how long, how often. A question may go to several
// endpoints; a transaction that is not repeatable is sent once.

import { Agent } from 'node:http'
import type { TimingPlan } from '../../core/timing-plan.ts'
import { StoreUnavailableError } from '../../ports/cluster-store.ts'
import { messageOf } from '../../lib/errors.ts'
import type { Endpoint } from './endpoint.ts'
import { createEndpointOrder } from './endpoint.ts'
import { EtcdError } from './errors.ts'
import { hedge, unavailable } from './hedge.ts'
import { postJson, postStream } from './http.ts'
import type { TransactionAnswer, TransactionRequest, KeyChange, WireObject } from './messages.ts'
import { parseTransactionAnswer, parseWatchLine, probeRequest } from './messages.ts'
import { rest } from './rest.ts'

export type ClientTiming = Pick<TimingPlan, 'storeAttemptMs' | 'storeHedgeMs'>

export type EtcdClient = {
  /**
   * Carries a transaction out that does no harm when it is carried out twice: it only reads, or its
   * comparisons let it through once.
   * @throws StoreUnavailableError after the deadline, or when etcd refuses
   */
  readonly repeatable: (
    request: TransactionRequest,
    deadlineMs: number,
  ) => Promise<TransactionAnswer>
  /**
   * Sends a transaction. It is sent again only when it certainly was not carried out.
   * @throws StoreUnavailableError when the outcome is unknown, or the deadline has passed
   */
  readonly once: (request: TransactionRequest, deadlineMs: number) => Promise<TransactionAnswer>
  /**
   * Opens one watch on one endpoint; always ends by rejection.
   * @throws EtcdError; its code is `outOfRange` when the history asked for is gone
   */
  readonly watch: (
    endpoint: Endpoint,
    createRequest: WireObject,
    onChanges: (changes: readonly KeyChange[]) => void,
    signal: AbortSignal,
  ) => Promise<never>
  readonly bestEndpoint: () => Endpoint
  readonly endpointCount: number
  /** The endpoint is to be passed over until it has proved itself again. */
  readonly distrust: (endpoint: Endpoint) => void
  /** Ends all calls and connections. */
  readonly close: () => void
}

/** How often an endpoint that failed is asked whether it is back. */
const probeEveryMs = 500

/** @param endpoints the preferred one (usually the local one) first */
export function createEtcdClient(endpoints: readonly Endpoint[], timing: ClientTiming): EtcdClient {
  const agent = new Agent({ keepAlive: true, maxFreeSockets: 2, scheduling: 'lifo' })
  const order = createEndpointOrder(endpoints)
  const closing = new AbortController()
  let isProbing = false

  const distrust = (endpoint: Endpoint): void => {
    order.markBad(endpoint)
    if (!isProbing && !closing.signal.aborted) void probe()
  }

  /** One try at one endpoint; what becomes of it decides how good the endpoint is. */
  const send = async (
    endpoint: Endpoint,
    request: TransactionRequest,
    timeoutMs: number,
  ): Promise<TransactionAnswer> => {
    const connectMs = Math.min(timeoutMs, timing.storeHedgeMs)
    const limits = { timeoutMs, connectMs, signal: closing.signal }
    try {
      const body = await postJson(agent, endpoint, '/v3/kv/txn', request, limits)
      order.markGood(endpoint)
      return parseTransactionAnswer(body)
    } catch (error) {
      if (!(error instanceof EtcdError && error.isRefusal)) distrust(endpoint)
      throw error
    }
  }

  const probe = async (): Promise<void> => {
    isProbing = true
    while (order.bad().length > 0) {
      await rest(probeEveryMs, closing.signal, { isBackground: true })
      if (closing.signal.aborted) break
      const probes = order
        .bad()
        .map((endpoint) => send(endpoint, probeRequest, timing.storeAttemptMs))
      await Promise.allSettled(probes)
    }
    isProbing = false
  }

  return {
    repeatable: async (request, deadlineMs) => {
      const limits = {
        deadlineMs,
        attemptMs: timing.storeAttemptMs,
        hedgeMs: timing.storeHedgeMs,
      }
      try {
        return await hedge(order.list, limits, (endpoint, timeoutMs) =>
          send(endpoint, request, timeoutMs),
        )
      } catch (error) {
        throw asUnavailable(error)
      }
    },

    once: async (request, deadlineMs) => {
      const endsAtMs = performance.now() + deadlineMs
      let lastFailure: unknown
      while (performance.now() < endsAtMs) {
        for (const endpoint of order.list()) {
          const leftMs = endsAtMs - performance.now()
          if (leftMs <= 0) break
          try {
            return await send(endpoint, request, leftMs)
          } catch (error) {
            lastFailure = error
            const isAnotherTryAllowed =
              error instanceof EtcdError && error.outcome === 'not-done' && !error.isRefusal
            if (!isAnotherTryAllowed) throw asUnavailable(error)
          }
        }
        const leftMs = endsAtMs - performance.now()
        await rest(Math.min(timing.storeHedgeMs, leftMs), closing.signal)
      }
      throw unavailable(deadlineMs, lastFailure)
    },

    watch: (endpoint, createRequest, onChanges, signal) =>
      postStream(
        endpoint,
        '/v3/watch',
        { create_request: createRequest },
        { timeoutMs: timing.storeAttemptMs, connectMs: timing.storeHedgeMs, signal },
        (line) => {
          const changes = parseWatchLine(line)
          if (changes.length > 0) onChanges(changes)
        },
      ),

    bestEndpoint: order.best,
    endpointCount: order.count,
    distrust,
    close: () => {
      closing.abort()
      agent.destroy()
    },
  }
}

function asUnavailable(error: unknown): StoreUnavailableError {
  if (error instanceof StoreUnavailableError) return error
  return new StoreUnavailableError(messageOf(error), { cause: error })
}
