// Remembers the nonces of accepted requests for as long as their time stamp is accepted, so that a
// recorded request cannot be sent again.

export interface NonceCache {
  /** True when the nonce is new; it is then remembered. False for a replay, or when the cache is full. */
  admit(nonce: string, nowMs: number): boolean
  readonly size: number
}

/**
 * @param keepMs how long a nonce is remembered; at least twice the accepted difference of clocks
 * @param countMax above this many, requests are refused instead of forgetting nonces early. Only
 *   holders of the secret can fill the cache
 */
export function createNonceCache(keepMs: number, countMax: number): NonceCache {
  // A Map iterates in order of insertion, and the clock does not go back: the oldest come first.
  const seenAt = new Map<string, number>()
  const dropOld = (nowMs: number) => {
    for (const [nonce, atMs] of seenAt) {
      if (nowMs - atMs <= keepMs) return
      seenAt.delete(nonce)
    }
  }
  return {
    admit: (nonce, nowMs) => {
      dropOld(nowMs)
      if (seenAt.has(nonce) || seenAt.size >= countMax) return false
      seenAt.set(nonce, nowMs)
      return true
    },
    get size() {
      return seenAt.size
    },
  }
}
