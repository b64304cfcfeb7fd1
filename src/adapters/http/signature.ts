// How agents and commands prove to each other that they know the cluster's secret: HMAC-SHA256 over
// everything that matters in a call. The secret itself never travels. Requests and answers are signed
// under different labels, so that one can never pass for the other.

import { createHash, createHmac, timingSafeEqual } from 'node:crypto'

/** Header names of a signed call, in lower case as node:http gives them. */
export const headerNames = {
  time: 'x-pgherd-time',
  nonce: 'x-pgherd-nonce',
  signature: 'x-pgherd-signature',
} as const

export type SignedRequest = {
  readonly method: string
  /** Path with query. */
  readonly path: string
  /** `host:port` of the agent that is meant: another agent refuses the same bytes. */
  readonly audience: string
  /** Wall clock of the answering agent as the caller knows it, in ms. */
  readonly timeMs: number
  /** Drawn anew for each request. */
  readonly nonce: string
  readonly body: string
}

export type SignedAnswer = {
  /** Nonce of the request that it answers, so that no other answer fits. */
  readonly nonce: string
  readonly status: number
  readonly timeMs: number
  readonly body: string
}

/** Signs and verifies with one cluster's secret. */
export interface Signer {
  signRequest(request: SignedRequest): string
  isRequestSigned(request: SignedRequest, signature: string): boolean
  signAnswer(answer: SignedAnswer): string
  isAnswerSigned(answer: SignedAnswer, signature: string): boolean
}

/**
 * @param secret at least 16 bytes of entropy as text
 * @throws RangeError when it is too short to be one
 */
export function createSigner(secret: string): Signer {
  if (secret.length < 16) throw new RangeError('the cluster secret is too short')
  const hmac = (parts: readonly (string | number)[]) =>
    createHmac('sha256', secret).update(parts.join('\n')).digest('hex')
  const requestParts = (request: SignedRequest) => [
    'pgherd request 1',
    request.method,
    request.path,
    request.audience,
    request.timeMs,
    request.nonce,
    digest(request.body),
  ]
  const answerParts = (answer: SignedAnswer) => [
    'pgherd answer 1',
    answer.nonce,
    answer.status,
    answer.timeMs,
    digest(answer.body),
  ]
  return {
    signRequest: (request) => hmac(requestParts(request)),
    isRequestSigned: (request, signature) => isEqual(hmac(requestParts(request)), signature),
    signAnswer: (answer) => hmac(answerParts(answer)),
    isAnswerSigned: (answer, signature) => isEqual(hmac(answerParts(answer)), signature),
  }
}

function digest(body: string): string {
  return createHash('sha256').update(body).digest('hex')
}

/** Takes the same time wherever the texts differ. */
function isEqual(expected: string, given: string): boolean {
  const left = Buffer.from(expected, 'utf8')
  const right = Buffer.from(given, 'utf8')
  return left.length === right.length && timingSafeEqual(left, right)
}
