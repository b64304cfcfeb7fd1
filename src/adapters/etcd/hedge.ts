// The same question to several endpoints, one after the other, until one has answered. Only for calls
// that may be carried out more than once.

import { StoreUnavailableError } from '../../ports/cluster-store.ts'
import type { Endpoint } from './endpoint.ts'
import { EtcdError } from './errors.ts'

export type HedgeLimits = {
  /** Time for everything. */
  readonly deadlineMs: number
  /** Time for one attempt. */
  readonly attemptMs: number
  /** The next endpoint is asked in addition when none has answered for this long. */
  readonly hedgeMs: number
}

/**
 * Gives the first answer. A slow attempt is joined by the next endpoint after `hedgeMs`, a failed one
 * at once (the first time; later rounds keep the pace). No endpoint is asked twice at the same time.
 * Attempts that lost the race go on to their own deadline: how they end tells how good their endpoint is.
 * @param endpoints the best one first; asked anew for each attempt
 * @throws EtcdError when an endpoint refuses, for the others would refuse too
 * @throws StoreUnavailableError after the deadline
 */
export function hedge<T>(
  endpoints: () => readonly Endpoint[],
  limits: HedgeLimits,
  attempt: (endpoint: Endpoint, timeoutMs: number) => Promise<T>,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const endsAtMs = performance.now() + limits.deadlineMs
    const tried = new Set<Endpoint>()
    const busy = new Set<Endpoint>()
    let isSettled = false
    let lastFailure: unknown
    let timer: NodeJS.Timeout | undefined

    const settle = (outcome: () => void): void => {
      isSettled = true
      clearTimeout(timer)
      outcome()
    }
    const advance = (): void => {
      if (isSettled) return
      clearTimeout(timer)
      const leftMs = endsAtMs - performance.now()
      if (leftMs <= 0) {
        settle(() => reject(unavailable(limits.deadlineMs, lastFailure)))
        return
      }
      const free = endpoints().filter((endpoint) => !busy.has(endpoint))
      const next = free.find((endpoint) => !tried.has(endpoint)) ?? free[0]
      if (next !== undefined) launch(next, leftMs)
      // Once more after pending I/O: when our own loop was blocked, the answer may be here already.
      timer = setTimeout(() => setImmediate(advance), Math.min(limits.hedgeMs, leftMs))
    }
    const launch = (endpoint: Endpoint, leftMs: number): void => {
      const isFirstTry = !tried.has(endpoint)
      tried.add(endpoint)
      busy.add(endpoint)
      attempt(endpoint, Math.min(limits.attemptMs, leftMs))
        .finally(() => busy.delete(endpoint))
        .then(
          (answer) => settle(() => resolve(answer)),
          (error: unknown) => {
            lastFailure = error
            if (error instanceof EtcdError && error.isRefusal) settle(() => reject(error))
            else if (isFirstTry) advance()
          },
        )
    }
    advance()
  })
}

/** What a caller of the store is told when time is over. */
export function unavailable(deadlineMs: number, cause: unknown): StoreUnavailableError {
  const why = cause instanceof Error ? `: ${cause.message}` : ''
  const message = `the store did not answer in ${Math.round(deadlineMs)} ms${why}`
  return new StoreUnavailableError(message, { cause })
}
