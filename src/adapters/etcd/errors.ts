// What can go wrong with one call to etcd, and above all whether it may have been carried out.

/**
 * `not-done`: the call was certainly not carried out and may be sent again, also elsewhere.
 * `unknown`: it may have been carried out, or may still be.
 */
export type CallOutcome = 'not-done' | 'unknown'

/** Codes of gRPC as etcd's gateway passes them on; only those that we tell apart. */
export const grpcCodes = {
  invalidArgument: 3,
  notFound: 5,
  resourceExhausted: 8,
  failedPrecondition: 9,
  outOfRange: 11,
  unimplemented: 12,
} as const

/** etcd refuses these before it proposes anything, or when it applies the entry: nothing is written. */
const codesOfRefusals: ReadonlySet<number> = new Set(Object.values(grpcCodes))

/** One call to one endpoint failed. */
export class EtcdError extends Error {
  override readonly name = 'EtcdError'
  readonly outcome: CallOutcome
  /** Null when no answer came (time-out, connection lost). */
  readonly grpcCode: number | null

  constructor(
    message: string,
    details: { outcome: CallOutcome; grpcCode?: number; cause?: unknown },
  ) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause })
    this.outcome = details.outcome
    this.grpcCode = details.grpcCode ?? null
  }

  /** True when the endpoint answered and every other endpoint would say the same. */
  get isRefusal(): boolean {
    return this.grpcCode !== null && codesOfRefusals.has(this.grpcCode)
  }
}

/** An error from the body of an answer with a status other than 200. */
export function parseErrorAnswer(where: string, status: number, body: unknown): EtcdError {
  const fields = (typeof body === 'object' && body !== null ? body : {}) as Record<string, unknown>
  const text = [fields['message'], fields['error'], `HTTP ${status}`].find(
    (field): field is string => typeof field === 'string',
  )
  const grpcCode = typeof fields['code'] === 'number' ? fields['code'] : undefined
  const message = `etcd at ${where} answered ${text}`
  if (grpcCode === undefined) return new EtcdError(message, { outcome: 'unknown' })
  const outcome = codesOfRefusals.has(grpcCode) ? 'not-done' : 'unknown'
  return new EtcdError(message, { outcome, grpcCode })
}
