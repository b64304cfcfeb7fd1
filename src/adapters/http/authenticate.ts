// Decides whether a request comes from somebody who knows the cluster's secret, and now. The clock that
// counts is the answering agent's own; a caller with another time is told it, in a signed answer, and
// tries again. So machines whose clocks differ by hours still talk to each other.

import type { IncomingHttpHeaders } from 'node:http'
import type { Clock } from '../../ports/clock.ts'
import { createNonceCache } from './nonce-cache.ts'
import { headerNames } from './signature.ts'
import type { Signer } from './signature.ts'

/** How far the time of a request may be from ours. */
export const toleranceMs = 30_000
const nonceCountMax = 100_000

export type Verdict =
  | { readonly kind: 'accepted'; readonly nonce: string }
  /** Properly signed, but for another time: the answer is signed and tells ours. */
  | { readonly kind: 'other-time'; readonly nonce: string }
  /** Properly signed and used before. */
  | { readonly kind: 'replayed'; readonly nonce: string }
  | { readonly kind: 'unsigned'; readonly why: string }

export interface Authenticator {
  judge(method: string, path: string, headers: IncomingHttpHeaders, body: string): Verdict
  /** The time that requests must carry. */
  timeMs(): number
}

/** @param audience `host:port` under which the others know this agent */
export function createAuthenticator(clock: Clock, signer: Signer, audience: string): Authenticator {
  // The wall clock at start plus monotonic time: it never goes back while nonces are remembered.
  const offsetMs = clock.wallClockMs() - clock.monotonicMs()
  const timeMs = () => Math.round(clock.monotonicMs() + offsetMs)
  const nonces = createNonceCache(toleranceMs * 2 + 1000, nonceCountMax)
  return {
    timeMs,
    judge: (method, path, headers, body) => {
      const time = headers[headerNames.time]
      const nonce = headers[headerNames.nonce]
      const signature = headers[headerNames.signature]
      if (typeof time !== 'string' || typeof nonce !== 'string' || typeof signature !== 'string') {
        return { kind: 'unsigned', why: 'the request is not signed with the cluster secret' }
      }
      if (!/^\d{1,16}$/.test(time) || !/^[0-9a-f]{32}$/.test(nonce)) {
        return { kind: 'unsigned', why: 'the signature headers are malformed' }
      }
      const request = { method, path, audience, timeMs: Number(time), nonce, body }
      if (!signer.isRequestSigned(request, signature)) {
        return {
          kind: 'unsigned',
          why: 'the signature does not fit: another secret or another node',
        }
      }
      if (Math.abs(request.timeMs - timeMs()) > toleranceMs) return { kind: 'other-time', nonce }
      return nonces.admit(nonce, timeMs())
        ? { kind: 'accepted', nonce }
        : { kind: 'replayed', nonce }
    },
  }
}
