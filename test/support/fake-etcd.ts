// A gateway that does to calls what real etcd does only on bad days: for unit tests of the client.

import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Endpoint } from '../../src/adapters/etcd/endpoint.ts'

export type FakeAnswer = (response: ServerResponse, body: unknown, path: string) => void

export type FakeEtcd = {
  readonly endpoint: Endpoint
  /** Paths of the calls that have arrived. */
  readonly calls: string[]
  /** What is done to calls from now on. */
  readonly behave: (answer: FakeAnswer) => void
  readonly stop: () => Promise<void>
}

/** Answers a transaction as etcd does. */
export const committed: FakeAnswer = (response) => {
  response.end(JSON.stringify({ header: { revision: '5' }, succeeded: true }))
}

/** Takes the call and never answers. */
export const silent: FakeAnswer = () => undefined

export const refusing =
  (status: number, grpcCode: number, message: string): FakeAnswer =>
  (response) => {
    response.statusCode = status
    response.end(JSON.stringify({ error: message, code: grpcCode, message }))
  }

export async function startFakeEtcd(answer: FakeAnswer = committed): Promise<FakeEtcd> {
  let current = answer
  const calls: string[] = []
  const server: Server = createServer((request: IncomingMessage, response) => {
    let text = ''
    request.on('data', (chunk: Buffer) => (text += chunk.toString('utf8')))
    request.on('end', () => {
      calls.push(request.url ?? '')
      current(response, JSON.parse(text), request.url ?? '')
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    endpoint: { host: '127.0.0.1', port },
    calls,
    behave: (next) => void (current = next),
    stop: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
