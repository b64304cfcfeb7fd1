// One signed call to an agent, over kept connections, with a deadline that holds for all of it: the
// connection, a second try after a stale connection or a wrong clock, and the reading of the answer.

import { Agent, request as httpRequest } from 'node:http'
import type { IncomingMessage } from 'node:http'
import { randomBytes } from 'node:crypto'
import type { Dialer } from '../../host/dial.ts'
import type { Clock } from '../../ports/clock.ts'
import { headerNames } from './signature.ts'
import type { Signer } from './signature.ts'

const answerBytesMax = 8 * 1024 * 1024

export type CallFailure =
  /** Nothing listens there. */
  | 'refused'
  /** No complete answer by the deadline. */
  | 'timeout'
  /** It answers, but does not accept our signature. */
  | 'unauthorized'
  /** It answers without proof that it knows the secret, or no valid JSON. */
  | 'unproven'
  /** Any other failure of the network. */
  | 'failed'

/** The call brought no proven answer. */
export class CallError extends Error {
  override readonly name = 'CallError'
  readonly failure: CallFailure
  constructor(failure: CallFailure, message: string, options?: { cause?: unknown }) {
    super(message, options)
    this.failure = failure
  }
}

export type CallTarget = { readonly host: string; readonly port: number }

export type Call = {
  readonly method: 'GET' | 'POST' | 'DELETE'
  readonly path: string
  /** Sent as JSON; null for none. */
  readonly body: unknown
}

/** An answer that proved to be of the cluster, whatever its status says. */
export type ProvenAnswer = { readonly status: number; readonly body: unknown }

export interface Caller {
  /** @throws CallError at the latest `deadlineMs` after the way to the target is open */
  call(target: CallTarget, call: Call, deadlineMs: number): Promise<ProvenAnswer>
  /** Closes kept connections; calls under way end with an error. */
  close(): void
}

function connectionsOver(dialer: Dialer | null): Agent {
  const agent = new Agent({ keepAlive: true, maxSockets: 8, maxFreeSockets: 2 })
  if (dialer === null) return agent
  agent.createConnection = (options, done) => {
    const { host, port } = options as CallTarget
    dialer.dial(host, port).then(
      (socket) => done?.(null, socket),
      (error: unknown) => done?.(error as Error, undefined as never),
    )
    return undefined
  }
  return agent
}

type RawAnswer = { readonly message: IncomingMessage; readonly body: string }

/**
 * @param signer with the cluster's secret
 * @param dialer how connections are opened; null: over this machine's own network
 */
export function createCaller(clock: Clock, signer: Signer, dialer: Dialer | null = null): Caller {
  const connections = connectionsOver(dialer)
  // How far each agent's clock is from ours, learned from its answers.
  const offsetMs = new Map<string, number>()

  const attempt = async (
    target: CallTarget,
    call: Call,
    signal: AbortSignal,
  ): Promise<ProvenAnswer | 'other-time'> => {
    const audience = audienceOf(target)
    const body = call.body === null ? '' : JSON.stringify(call.body)
    const nonce = randomBytes(16).toString('hex')
    const timeMs = Math.round(clock.wallClockMs() + (offsetMs.get(audience) ?? 0))
    const { method, path } = call
    const signature = signer.signRequest({ method, path, audience, timeMs, nonce, body })
    const headers = {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(body),
      [headerNames.time]: String(timeMs),
      [headerNames.nonce]: nonce,
      [headerNames.signature]: signature,
    }
    const answer = await send(connections, target, { method, path, headers, body }, signal)
    const status = answer.message.statusCode ?? 0
    const answeredAtMs = provenTimeOf(signer, answer, nonce, status)
    if (answeredAtMs === null) throw unprovenError(target, answer, status)
    offsetMs.set(audience, answeredAtMs - clock.wallClockMs())
    const parsed = parseBody(target, answer.body)
    return isOtherTime(status, parsed) ? 'other-time' : { status, body: parsed }
  }

  return {
    call: async (target, call, deadlineMs) => {
      await dialer?.prepare().catch((error: unknown) => {
        throw networkError(target, error)
      })
      const controller = new AbortController()
      const timer = setTimeout(() => controller.abort(), Math.max(0, deadlineMs))
      try {
        const first = await attempt(target, call, controller.signal)
        if (first !== 'other-time') return first
        const second = await attempt(target, call, controller.signal)
        if (second !== 'other-time') return second
        throw new CallError('unauthorized', `${audienceOf(target)} does not accept our time`)
      } catch (error) {
        if (error instanceof CallError) throw error
        if (controller.signal.aborted) {
          const text = `${audienceOf(target)} did not answer within ${String(Math.round(deadlineMs))} ms`
          throw new CallError('timeout', text, { cause: error })
        }
        throw networkError(target, error)
      } finally {
        clearTimeout(timer)
      }
    },
    close: () => connections.destroy(),
  }
}

/** What a request is signed for: the address of the layout. */
export function audienceOf(target: CallTarget): string {
  return `${target.host}:${String(target.port)}`
}

type Outgoing = {
  readonly method: string
  readonly path: string
  readonly headers: Readonly<Record<string, string | number>>
  readonly body: string
}

function send(
  connections: Agent,
  target: CallTarget,
  outgoing: Outgoing,
  signal: AbortSignal,
): Promise<RawAnswer> {
  return new Promise((resolve, reject) => {
    const request = httpRequest({
      agent: connections,
      host: target.host,
      port: target.port,
      method: outgoing.method,
      path: outgoing.path,
      headers: outgoing.headers,
      signal,
    })
    request.setNoDelay(true)
    // A request that is given up would still wait for its connection.
    signal.addEventListener('abort', () => reject(new Error('given up')), { once: true })
    request.on('error', (error: NodeJS.ErrnoException) => {
      // The agent closed a kept connection just when we used it, so it has read nothing of the call.
      const isStale = request.reusedSocket && error.code === 'ECONNRESET' && !signal.aborted
      if (isStale) resolve(send(connections, target, outgoing, signal))
      else reject(error)
    })
    request.on('response', (message) => {
      readAll(message).then((body) => resolve({ message, body }), reject)
    })
    request.end(outgoing.body)
  })
}

async function readAll(message: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of message as AsyncIterable<Buffer>) {
    length += chunk.length
    if (length > answerBytesMax) throw new Error('the answer is too long')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

/** The answering agent's time when the answer is properly signed; null otherwise. */
function provenTimeOf(
  signer: Signer,
  answer: RawAnswer,
  nonce: string,
  status: number,
): number | null {
  const time = answer.message.headers[headerNames.time]
  const signature = answer.message.headers[headerNames.signature]
  if (typeof time !== 'string' || typeof signature !== 'string') return null
  const signed = { nonce, status, timeMs: Number(time), body: answer.body }
  return signer.isAnswerSigned(signed, signature) ? signed.timeMs : null
}

function unprovenError(target: CallTarget, answer: RawAnswer, status: number): CallError {
  const where = audienceOf(target)
  if (status === 401) {
    const why = /"message":"([^"]*)"/.exec(answer.body)?.[1] ?? 'it does not know our signature'
    return new CallError('unauthorized', `${where} refused the call: ${why}`)
  }
  return new CallError('unproven', `${where} is no agent of this cluster (no proof in its answer)`)
}

function parseBody(target: CallTarget, text: string): unknown {
  try {
    return text === '' ? null : (JSON.parse(text) as unknown)
  } catch (error) {
    throw new CallError('unproven', `${audienceOf(target)} answered no JSON`, { cause: error })
  }
}

function isOtherTime(status: number, body: unknown): boolean {
  return (
    status === 401 &&
    typeof body === 'object' &&
    body !== null &&
    'error' in body &&
    body.error === 'other-time'
  )
}

function networkError(target: CallTarget, error: unknown): CallError {
  const where = audienceOf(target)
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  if (code === 'ECONNREFUSED') {
    return new CallError('refused', `nothing listens at ${where}`, { cause: error })
  }
  const text = error instanceof Error ? error.message : String(error)
  return new CallError('failed', `the call to ${where} failed: ${text}`, { cause: error })
}
