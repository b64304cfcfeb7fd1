// The agent's HTTP API. Role checks and metrics are open and answered from memory; everything else needs
// a signature with the cluster's secret and gets a signed answer.

import { createServer } from 'node:http'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { AgentApi } from '../../ports/agent-api.ts'
import type { Clock } from '../../ports/clock.ts'
import { createAuthenticator } from './authenticate.ts'
import type { Authenticator } from './authenticate.ts'
import { audienceOf } from './call.ts'
import type { CallTarget } from './call.ts'
import { createMetrics } from './metrics.ts'
import { isRolePath, roleStatusOf } from './role-checks.ts'
import { createRoutes } from './routes.ts'
import type { Answer, Routes } from './routes.ts'
import { headerNames } from './signature.ts'
import type { Signer } from './signature.ts'

const requestBytesMax = 64 * 1024
const bodyTimeoutMs = 5_000

export interface AgentServer {
  /** Resolves when it accepts connections. @throws the error of the system (EADDRINUSE, …) */
  listen(): Promise<void>
  /** Cuts every connection and frees the port. */
  close(): Promise<void>
}

export type AgentServerOptions = {
  /** The address under which the layout names this agent; requests are signed for it. */
  readonly address: CallTarget
  /** Where to listen; null for every address of the machine. */
  readonly bindHost: string | null
  /** Called with an unexpected error of the agent, which the caller of the API sees as 500. */
  readonly onError: (error: unknown) => void
}

export function createAgentServer(
  clock: Clock,
  api: AgentApi,
  signer: Signer,
  options: AgentServerOptions,
): AgentServer {
  const authenticator = createAuthenticator(clock, signer, audienceOf(options.address))
  const routes = createRoutes(api)
  const metrics = createMetrics(api)

  const server = createServer({ keepAliveTimeout: 30_000 }, (request, response) => {
    const [path = '/', query = ''] = (request.url ?? '/').split('?', 2)
    if (isRolePath(path)) answerRole(request, response, api, path, query)
    else if (path === '/metrics') answerMetrics(request, response, () => metrics.render())
    else {
      answerSigned(request, response, { routes, authenticator, signer }).catch((error: unknown) => {
        options.onError(error)
        sendJson(request, response, { status: 500, body: problem('internal', 'see the log') }, null)
      })
    }
  })
  server.headersTimeout = bodyTimeoutMs
  server.requestTimeout = bodyTimeoutMs
  server.maxConnections = 1000
  server.on('clientError', (_error, socket) => socket.destroy())
  return {
    listen: () => listen(server, options.address.port, options.bindHost),
    close: () => close(server),
  }
}

function listen(server: Server, port: number, host: string | null): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ port, ...(host === null ? {} : { host }) }, () => {
      server.removeListener('error', reject)
      resolve()
    })
  })
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve())
    server.closeAllConnections()
  })
}

const roleMethods: readonly (string | undefined)[] = ['GET', 'HEAD', 'OPTIONS']

/** HAProxy asks this many times per second from each listener: one lookup, one comparison, one write. */
function answerRole(
  request: IncomingMessage,
  response: ServerResponse,
  api: AgentApi,
  path: string,
  query: string,
): void {
  if (!roleMethods.includes(request.method)) {
    refuseMethod(request, response, 'GET, HEAD, OPTIONS')
    return
  }
  const role = api.role()
  const status = roleStatusOf(path, query, role)
  response.sendDate = false
  const body = request.method === 'GET' ? JSON.stringify(role) : ''
  const headers = ['Content-Type', 'application/json', 'Content-Length', Buffer.byteLength(body)]
  response.writeHead(status, headers)
  response.end(body)
}

function answerMetrics(
  request: IncomingMessage,
  response: ServerResponse,
  render: () => Promise<string>,
): void {
  if (request.method !== 'GET') {
    refuseMethod(request, response, 'GET')
    return
  }
  render().then(
    (text) => {
      response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' })
      response.end(text)
    },
    () => response.writeHead(500).end(),
  )
}

function refuseMethod(request: IncomingMessage, response: ServerResponse, allow: string): void {
  response.setHeader('allow', allow)
  const text = `${request.method ?? 'this method'} is not possible here`
  sendJson(request, response, { status: 405, body: problem('method', text) }, null)
}

type Parts = {
  readonly routes: Routes
  readonly authenticator: Authenticator
  readonly signer: Signer
}

async function answerSigned(
  request: IncomingMessage,
  response: ServerResponse,
  parts: Parts,
): Promise<void> {
  const method = request.method ?? 'GET'
  const url = request.url ?? '/'
  const allowed = parts.routes.methodsOf(url)
  if (allowed.length === 0) {
    const text = `there is no ${url.split('?', 1)[0] ?? url}`
    sendJson(request, response, { status: 404, body: problem('not-found', text) }, null)
    return
  }
  if (!allowed.includes(method)) {
    refuseMethod(request, response, allowed.join(', '))
    return
  }
  const body = await readBody(request)
  if (body === null) {
    const text = `a request may have ${String(requestBytesMax)} bytes`
    sendJson(request, response, { status: 413, body: problem('too-large', text) }, null)
    return
  }
  const verdict = parts.authenticator.judge(method, url, request.headers, body)
  if (verdict.kind === 'unsigned') {
    sendJson(request, response, { status: 401, body: problem('unsigned', verdict.why) }, null)
    return
  }
  const seal = { nonce: verdict.nonce, timeMs: parts.authenticator.timeMs(), signer: parts.signer }
  if (verdict.kind !== 'accepted') {
    const text = verdict.kind === 'replayed' ? 'it was sent before' : 'its time is not ours'
    sendJson(request, response, { status: 401, body: problem(verdict.kind, text) }, seal)
    return
  }
  sendJson(request, response, await parts.routes.answer(method, url, body), seal)
}

/** The whole body as text, or null when it is too large. */
async function readBody(request: IncomingMessage): Promise<string | null> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length
    if (length > requestBytesMax) return null
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

function problem(error: string, message: string): Readonly<Record<string, string>> {
  return { error, message }
}

type AnswerSeal = { readonly nonce: string; readonly timeMs: number; readonly signer: Signer }

/** @param seal null for answers to those who have not proved to be of the cluster */
function sendJson(
  request: IncomingMessage,
  response: ServerResponse,
  answer: Answer,
  seal: AnswerSeal | null,
): void {
  if (response.headersSent || response.destroyed) return
  const body = JSON.stringify(answer.body)
  response.setHeader('content-type', 'application/json')
  response.setHeader('content-length', Buffer.byteLength(body))
  // What was not read would be taken for the next request.
  if (!request.complete) response.setHeader('connection', 'close')
  if (seal !== null) {
    const { nonce, timeMs } = seal
    const signed = { nonce, timeMs, status: answer.status, body }
    response.setHeader(headerNames.time, String(timeMs))
    response.setHeader(headerNames.signature, seal.signer.signAnswer(signed))
  }
  response.writeHead(answer.status)
  response.end(request.method === 'HEAD' ? undefined : body)
}
