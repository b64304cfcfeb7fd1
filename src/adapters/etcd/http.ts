// One POST to etcd's JSON gateway, with a deadline, and the knowledge whether it was sent at all.
// node:http and not fetch: a socket of our own tells "never connected" from "no answer".

import type { Agent, ClientRequest, IncomingMessage } from 'node:http'
import { request } from 'node:http'
import type { Socket } from 'node:net'
import type { Endpoint } from './endpoint.ts'
import { renderEndpoint } from './endpoint.ts'
import { EtcdError, parseErrorAnswer } from './errors.ts'

/** Far above the largest answer we ask for (all events); a runaway answer must not eat the memory. */
const answerBytesMax = 32 * 1024 * 1024

export type CallLimits = {
  /** Time for everything. */
  readonly timeoutMs: number
  /** Time for the connection to be made, when there is none yet. Late is `not-done`. */
  readonly connectMs: number
  readonly signal?: AbortSignal | undefined
}

/**
 * Sends `body` and gives the parsed answer.
 * @throws EtcdError with the outcome that is known
 */
export function postJson(
  agent: Agent,
  endpoint: Endpoint,
  path: string,
  body: unknown,
  limits: CallLimits,
): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const where = renderEndpoint(endpoint)
    const call = startCall(agent, endpoint, path, body, limits)
    const { outgoing } = call
    outgoing.once('response', (answer) => {
      collect(answer)
        .then((text) => parseAnswer(where, answer.statusCode ?? 0, text))
        .then((body) => {
          call.settle()
          resolve(body)
        }, fail)
    })
    outgoing.on('error', fail)

    function fail(error: unknown): void {
      call.settle()
      reject(call.explain(error))
    }
  })
}

/**
 * Opens a stream of lines (`/v3/watch`). `onLine` is called for each; the promise ends, always by
 * rejection, when the stream does.
 * @param onLine what it throws ends the stream, and is what the promise rejects with
 * @param limits `timeoutMs` is the time until the answer begins
 */
export function postStream(
  endpoint: Endpoint,
  path: string,
  body: unknown,
  limits: CallLimits,
  onLine: (line: string) => void,
): Promise<never> {
  return new Promise((_, reject) => {
    const call = startCall(false, endpoint, path, body, limits)
    const { outgoing } = call
    outgoing.once('socket', (socket) => socket.setKeepAlive(true, 1000))
    outgoing.on('error', fail)
    outgoing.once('response', (answer) => {
      call.disarm()
      const lines = createLineSplitter(onLine)
      answer.setEncoding('utf8')
      answer.on('data', (chunk: string) => {
        try {
          lines(chunk)
        } catch (error) {
          reject(error instanceof Error ? error : new Error(String(error)))
          outgoing.destroy()
        }
      })
      answer.on('error', fail)
      answer.once('close', () =>
        fail(new EtcdError(`etcd at ${renderEndpoint(endpoint)} ended the stream`, unknownOutcome)),
      )
    })

    function fail(error: unknown): void {
      call.settle()
      reject(call.explain(error))
    }
  })
}

const unknownOutcome = { outcome: 'unknown' } as const

type Call = {
  readonly outgoing: ClientRequest
  /** From now on only the signal ends the call. */
  readonly disarm: () => void
  /** The call is over: timers and listeners go. */
  readonly settle: () => void
  readonly explain: (error: unknown) => EtcdError
}

function startCall(
  agent: Agent | false,
  { host, port }: Endpoint,
  path: string,
  body: unknown,
  limits: CallLimits,
): Call {
  const text = JSON.stringify(body)
  const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }
  const outgoing = request({ agent, host, port, path, method: 'POST', headers })
  let isSent = false
  let isSettled = false
  const end = (why: string): void => void outgoing.destroy(new Error(why))

  // Both timers look again after pending I/O was handled: when our own loop was blocked, the answer
  // may lie in the socket already.
  const deadline = setTimeout(() => {
    setImmediate(() => {
      if (!isSettled) end(`no answer in ${Math.round(limits.timeoutMs)} ms`)
    })
  }, limits.timeoutMs)
  const connecting = setTimeout(() => {
    setImmediate(() => {
      if (!isSent && !isSettled) end(`no connection in ${Math.round(limits.connectMs)} ms`)
    })
  }, limits.connectMs)
  const abort = (): void => end('aborted')
  limits.signal?.addEventListener('abort', abort, { once: true })

  const markSent = (): void => {
    isSent = true
    clearTimeout(connecting)
  }
  outgoing.once('socket', (socket: Socket) => {
    // Nothing leaves a socket before it is connected: until then the call is certainly not done.
    if (socket.connecting) socket.once('connect', markSent)
    else markSent()
  })
  outgoing.end(text)
  if (limits.signal?.aborted === true) abort()

  const disarm = (): void => {
    clearTimeout(deadline)
    clearTimeout(connecting)
  }
  const settle = (): void => {
    isSettled = true
    disarm()
    limits.signal?.removeEventListener('abort', abort)
  }
  const explain = (error: unknown): EtcdError => {
    if (error instanceof EtcdError) return error
    const what = error instanceof Error ? error.message : String(error)
    const message = `etcd at ${renderEndpoint({ host, port })}: ${what}`
    return new EtcdError(message, { outcome: isSent ? 'unknown' : 'not-done', cause: error })
  }
  return { outgoing, disarm, settle, explain }
}

function collect(answer: IncomingMessage): Promise<string> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let size = 0
    answer.on('data', (chunk: Buffer) => {
      size += chunk.length
      chunks.push(chunk)
      if (size > answerBytesMax) answer.destroy(new Error(`answer above ${answerBytesMax} bytes`))
    })
    answer.once('end', () => resolve(Buffer.concat(chunks).toString('utf8')))
    answer.once('error', reject)
    answer.once('close', () => reject(new Error('connection lost within the answer')))
  })
}

function parseAnswer(where: string, status: number, text: string): unknown {
  let body: unknown
  try {
    body = JSON.parse(text)
  } catch (cause) {
    const message = `etcd at ${where} answered HTTP ${status}, not in JSON`
    throw new EtcdError(message, { ...unknownOutcome, cause })
  }
  if (status !== 200) throw parseErrorAnswer(where, status, body)
  return body
}

/** Cuts chunks of text into lines; a line may come in any number of chunks. */
export function createLineSplitter(onLine: (line: string) => void): (chunk: string) => void {
  let rest = ''
  return (chunk) => {
    const lines = (rest + chunk).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) {
      if (line !== '') onLine(line)
    }
  }
}
