// Server, callers and signatures together, over real sockets.

import { connect, createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { request as httpRequest } from 'node:http'
import { afterEach, describe, expect, it } from 'vitest'
import { makeAgentApi, makeAgentStatus, makeReport } from '../../../test/support/agent-double.ts'
import { asEpoch, asNodeName, asTimeline } from '../../core/names.ts'
import type { Incarnation, MonotonicMs, SystemId, WallClockMs } from '../../core/names.ts'
import type { ClusterLayout } from '../../core/cluster-layout.ts'
import type { Lsn } from '../../core/lsn.ts'
import type { Dialer } from '../../host/dial.ts'
import type { AgentApi } from '../../ports/agent-api.ts'
import type { Clock } from '../../ports/clock.ts'
import { StoreUnavailableError } from '../../ports/cluster-store.ts'
import { PeerUnavailableError } from '../../ports/peers.ts'
import type { SealAnswer } from '../../ports/peers.ts'
import { createCaller } from './call.ts'
import type { Caller } from './call.ts'
import { createStatusClient } from './client.ts'
import { createPeers } from './peers.ts'
import { createAgentServer } from './server.ts'
import { createSigner } from './signature.ts'

const secret = 'a secret of the test cluster'
const closers: (() => void | Promise<void>)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

/** A clock that is off by some time from this machine's. */
function clockOff(offMs = 0): Clock {
  return {
    monotonicMs: () => performance.now() as MonotonicMs,
    wallClockMs: () => (Date.now() + offMs) as WallClockMs,
    sleep: async () => undefined,
  }
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

type Started = { readonly port: number; readonly errors: unknown[] }

async function startAgent(changes: Partial<AgentApi> = {}, clock = clockOff()): Promise<Started> {
  const port = await freePort()
  const errors: unknown[] = []
  const server = createAgentServer(clock, makeAgentApi(changes), createSigner(secret), {
    address: { host: '127.0.0.1', port },
    bindHost: '127.0.0.1',
    onError: (error) => errors.push(error),
  })
  await server.listen()
  closers.push(() => server.close())
  return { port, errors }
}

function callerOf(clock = clockOff(), withSecret = secret): Caller {
  const caller = createCaller(clock, createSigner(withSecret))
  closers.push(() => caller.close())
  return caller
}

const clientOf = (clock = clockOff(), withSecret = secret) =>
  createStatusClient(callerOf(clock, withSecret))
const clientOver = (dialer: Dialer) => {
  const caller = createCaller(clockOff(), createSigner(secret), dialer)
  closers.push(() => caller.close())
  return createStatusClient(caller)
}
const at = (port: number) => ({ host: '127.0.0.1', apiPort: port })

type Plain = {
  readonly status: number
  readonly headers: Readonly<Record<string, unknown>>
  readonly body: string
}

function ask(
  port: number,
  method: string,
  path: string,
  headers: Readonly<Record<string, string>> = {},
  body = '',
): Promise<Plain> {
  return new Promise((resolve, reject) => {
    const request = httpRequest({ host: '127.0.0.1', port, method, path, headers, agent: false })
    request.on('error', reject)
    request.on('response', (message) => {
      let text = ''
      message.on('data', (chunk: Buffer) => (text += chunk.toString()))
      message.on('error', reject)
      message.on('end', () =>
        resolve({ status: message.statusCode ?? 0, headers: message.headers, body: text }),
      )
    })
    request.end(body)
  })
}

/** What a caller would send, so that a test can alter, repeat or redirect it. */
function signedHeaders(port: number, method: string, path: string, body = '', timeMs = Date.now()) {
  const nonce = '0123456789abcdef0123456789abcdef'
  const request = { method, path, audience: `127.0.0.1:${String(port)}`, timeMs, nonce, body }
  return {
    'x-pgherd-time': String(timeMs),
    'x-pgherd-nonce': nonce,
    'x-pgherd-signature': createSigner(secret).signRequest(request),
  }
}

describe('agent API: open part', () => {
  it('role checks answer GET, HEAD and OPTIONS alike, without a signature', async () => {
    const { port } = await startAgent()
    for (const method of ['GET', 'HEAD', 'OPTIONS']) {
      expect((await ask(port, method, '/replica')).status).toBe(200)
      expect((await ask(port, method, '/replica?lag=999')).status).toBe(503)
      expect((await ask(port, method, '/primary')).status).toBe(503)
    }
    expect(await ask(port, 'POST', '/primary')).toMatchObject({
      status: 405,
      headers: { allow: 'GET, HEAD, OPTIONS' },
    })
  })

  it('a role that changes is seen by the very next check', async () => {
    let isPrimary = false
    const role = () => ({ ...makeAgentStatus().role, isPrimary })
    const { port } = await startAgent({ role })
    expect((await ask(port, 'OPTIONS', '/primary')).status).toBe(503)
    isPrimary = true
    expect((await ask(port, 'OPTIONS', '/primary')).status).toBe(200)
  })

  it('metrics have names with units and leave out what is unknown', async () => {
    const counters = { listChanges: 4, 'lease-renewals': 7 }
    const report = makeReport({ position: null })
    const { port } = await startAgent({ status: () => makeAgentStatus({ counters, report }) })
    for (let scrape = 0; scrape < 2; scrape++) {
      const { status, body } = await ask(port, 'GET', '/metrics')
      expect(status).toBe(200)
      expect(body).toContain('pgherd_lease_remaining_seconds 0.9\n')
      expect(body).toContain('pgherd_replication_lag_bytes 1000\n')
      expect(body).toContain('pgherd_list_changes_total 4\n')
      expect(body).toContain('pgherd_lease_renewals_total 7\n')
      expect(body).toContain('pgherd_node_state{state="streaming"} 1\n')
      expect(body).toMatch(/pgherd_agent_resident_memory_bytes \d{7,}/)
      expect(body).not.toMatch(/^pgherd_wal_flush_position_bytes /m)
    }
  })
})

describe('agent API: signatures', () => {
  it.each([
    ['GET', '/status'],
    ['GET', '/events'],
    ['POST', '/switchover'],
    ['POST', '/pause'],
    ['POST', '/resume'],
    ['POST', '/peer/seal'],
    ['POST', '/peer/confirm'],
    ['POST', '/peer/hello'],
  ])('%s %s without one is refused and tells nothing', async (method, path) => {
    const { port } = await startAgent()
    const answer = await ask(port, method, path)
    expect(answer.status).toBe(401)
    expect(answer.headers['x-pgherd-signature']).toBeUndefined()
    expect(JSON.parse(answer.body)).toEqual({
      error: 'unsigned',
      message: 'the request is not signed with the cluster secret',
    })
  })

  it('a good one is accepted once; the same bytes again are a replay', async () => {
    const { port } = await startAgent()
    const headers = signedHeaders(port, 'GET', '/status')
    expect((await ask(port, 'GET', '/status', headers)).status).toBe(200)
    const again = await ask(port, 'GET', '/status', headers)
    expect(again.status).toBe(401)
    expect(again.body).toContain('replayed')
  })

  it.each<[what: string, change: (port: number) => Promise<Plain>]>([
    [
      'another body',
      (port) =>
        ask(
          port,
          'POST',
          '/pause',
          signedHeaders(port, 'POST', '/pause', '{"reason":"a"}'),
          '{"reason":"b"}',
        ),
    ],
    ['another path', (port) => ask(port, 'POST', '/resume', signedHeaders(port, 'POST', '/pause'))],
    [
      'another query',
      (port) => ask(port, 'GET', '/events?count=2', signedHeaders(port, 'GET', '/events?count=1')),
    ],
    [
      'another method',
      (port) => ask(port, 'DELETE', '/switchover', signedHeaders(port, 'POST', '/switchover')),
    ],
    [
      'another agent',
      (port) => ask(port, 'GET', '/status', signedHeaders(port + 1, 'GET', '/status')),
    ],
    [
      'another time',
      (port) =>
        ask(port, 'GET', '/status', {
          ...signedHeaders(port, 'GET', '/status'),
          'x-pgherd-time': '1',
        }),
    ],
    [
      'no nonce',
      (port) =>
        ask(port, 'GET', '/status', {
          ...signedHeaders(port, 'GET', '/status'),
          'x-pgherd-nonce': '',
        }),
    ],
  ])('a signature for %s does not fit', async (_what, change) => {
    const { port } = await startAgent()
    expect((await change(port)).status).toBe(401)
  })

  it('an old request is refused, with a signed answer', async () => {
    const { port } = await startAgent()
    const headers = signedHeaders(port, 'GET', '/status', '', Date.now() - 40_000)
    const answer = await ask(port, 'GET', '/status', headers)
    expect(answer.status).toBe(401)
    expect(answer.headers['x-pgherd-signature']).toBeDefined()
  })

  it.each([3_600_000, -86_400_000])(
    'clocks %i ms apart still talk to each other',
    async (offMs) => {
      const { port } = await startAgent({}, clockOff(offMs))
      const client = clientOf()
      expect((await client.status(at(port), 2000)).node).toBe('pg-1')
      expect((await client.status(at(port), 2000)).node).toBe('pg-1')
    },
  )

  it('a caller with another secret is told so', async () => {
    const { port } = await startAgent()
    const call = clientOf(clockOff(), 'another secret altogether').status(at(port), 2000)
    await expect(call).rejects.toMatchObject({ name: 'AgentSilentError', silence: 'foreign' })
  })

  it('an answer without proof is no answer', async () => {
    const port = await freePort()
    const impostor = createServer((socket) => {
      socket.on('data', () =>
        socket.end('HTTP/1.1 200 OK\r\ncontent-length: 15\r\n\r\n{"kind":"none"}'),
      )
    })
    await new Promise<void>((resolve) => impostor.listen(port, '127.0.0.1', resolve))
    closers.push(() => void impostor.close())
    await expect(clientOf().status(at(port), 2000)).rejects.toMatchObject({ silence: 'foreign' })
  })
})

describe('agent API: bad requests', () => {
  it.each([
    ['POST', '/switchover', '{"to":7,"isDryRun":true}'],
    ['POST', '/switchover', '{"to":null}'],
    ['POST', '/switchover', '[]'],
    ['POST', '/pause', '{"reason":"  "}'],
    ['POST', '/pause', '{'],
    ['POST', '/peer/seal', '{"systemId":"1","epoch":-1,"candidate":"pg-0"}'],
    ['POST', '/peer/seal', '{"systemId":1,"epoch":1,"candidate":"pg-0"}'],
    ['POST', '/peer/confirm', '{"systemId":"1","epoch":1.5,"holder":"pg-0","ttlMs":1}'],
    ['GET', '/events?count=many', ''],
  ])('%s %s %s → 400', async (method, path, body) => {
    const { port } = await startAgent()
    const answer = await ask(port, method, path, signedHeaders(port, method, path, body), body)
    expect(answer.status).toBe(400)
    expect(answer.body).toContain('malformed')
  })

  it('unknown paths, methods and huge bodies have their codes', async () => {
    const { port } = await startAgent()
    expect((await ask(port, 'GET', '/nothing')).status).toBe(404)
    expect((await ask(port, 'PUT', '/status')).status).toBe(405)
    expect((await ask(port, 'POST', '/pause', {}, 'x'.repeat(70_000))).status).toBe(413)
  })

  it('an error of the agent is a 500 for the caller and reported', async () => {
    const boom = new Error('a bug')
    const { port, errors } = await startAgent({ onSeal: () => Promise.reject(boom) })
    const body = '{"systemId":"1","epoch":1,"candidate":"pg-0"}'
    const answer = await ask(
      port,
      'POST',
      '/peer/seal',
      signedHeaders(port, 'POST', '/peer/seal', body),
      body,
    )
    expect(answer.status).toBe(500)
    expect(answer.body).not.toContain('a bug')
    expect(errors).toEqual([boom])
  })
})

describe('status client', () => {
  it('brings status, events and requests', async () => {
    const asked: unknown[] = []
    const { port } = await startAgent({
      requestSwitchover: async (to, isDryRun) => {
        asked.push([to, isDryRun])
        return { kind: 'elsewhere', node: asNodeName('pg-0') }
      },
      requestPause: () => Promise.reject(new StoreUnavailableError('no majority')),
    })
    const client = clientOf()
    expect(await client.status(at(port), 2000)).toEqual(makeAgentStatus())
    expect(await client.events(at(port), 5, 2000)).toEqual([])
    expect(await client.requestSwitchover(at(port), asNodeName('pg-2'), true, 2000)).toEqual({
      kind: 'elsewhere',
      node: 'pg-0',
    })
    expect(await client.requestSwitchover(at(port), null, false, 2000)).toMatchObject({})
    expect(asked).toEqual([
      ['pg-2', true],
      [null, false],
    ])
    expect(await client.requestCancelSwitchover(at(port), 2000)).toMatchObject({ kind: 'accepted' })
    expect(await client.requestPause(at(port), 'work', 2000)).toMatchObject({
      kind: 'refused',
      ruleId: 'store-unavailable',
    })
    expect(await client.requestResume(at(port), 2000)).toMatchObject({ kind: 'accepted' })
  })

  it('nothing listening → refused', async () => {
    const port = await freePort()
    await expect(clientOf().status(at(port), 2000)).rejects.toMatchObject({ silence: 'refused' })
  })

  it('a way that takes longer to open than the deadline → the agent still has all of it', async () => {
    const { port } = await startAgent()
    const client = clientOver({
      prepare: () => new Promise((resolve) => setTimeout(resolve, 300)),
      dial: async (host, to) => connect({ host, port: to }),
    })
    await expect(client.status(at(port), 250)).resolves.toMatchObject({ node: 'pg-1' })
  })

  it('a way that cannot be opened → no answer, with the cause', async () => {
    const never = async (): Promise<never> => {
      throw new Error('the host is gone')
    }
    const client = clientOver({ prepare: never, dial: never })
    await expect(client.status(at(1), 250)).rejects.toThrow(/the host is gone/)
  })

  it('an agent that accepts and never answers → timeout at the deadline', async () => {
    const port = await freePort()
    const frozen = createServer(() => undefined)
    await new Promise<void>((resolve) => frozen.listen(port, '127.0.0.1', resolve))
    closers.push(() => void frozen.close())
    const startedAt = performance.now()
    await expect(clientOf().status(at(port), 150)).rejects.toMatchObject({ silence: 'timeout' })
    expect(performance.now() - startedAt).toBeLessThan(1500)
  })

  it('an answer that stops in the middle → timeout at the deadline', async () => {
    const port = await freePort()
    const slow = createServer((socket) => {
      socket.on('data', () => socket.write('HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{'))
    })
    await new Promise<void>((resolve) => slow.listen(port, '127.0.0.1', resolve))
    closers.push(() => void slow.close())
    await expect(clientOf().status(at(port), 150)).rejects.toMatchObject({ silence: 'timeout' })
  })
})

describe('peers', () => {
  const layoutWith = (port: number): ClusterLayout =>
    ({
      nodes: [{ name: asNodeName('pg-1'), host: '127.0.0.1', apiPort: port }],
    }) as unknown as ClusterLayout
  const request = { systemId: '7' as SystemId, epoch: asEpoch(4), candidate: asNodeName('pg-0') }
  const sealed: SealAnswer = {
    kind: 'sealed',
    incarnation: 'pg-1-12345678' as Incarnation,
    position: { timeline: asTimeline(3), flushLsn: 0x1234_5678_9abc as Lsn },
    canBePrimary: true,
  }

  it('carry seal, confirm and hello exactly', async () => {
    const { port } = await startAgent({ onSeal: async () => sealed })
    const peers = createPeers(callerOf(), layoutWith(port))
    const node = asNodeName('pg-1')
    expect(await peers.seal(node, request, 2000)).toEqual(sealed)
    const confirm = { systemId: request.systemId, epoch: request.epoch, holder: node, ttlMs: 1250 }
    expect(await peers.confirm(node, confirm, 2000)).toEqual({ isConfirmed: true, promise: 4 })
    const hello = {
      report: makeReport(),
      hasData: true,
      hasEverRunStore: true,
      traces: ['data' as const],
      foundingToken: null,
    }
    expect(await peers.hello(node, 2000)).toEqual(hello)
  })

  it.each<[what: string, answer: unknown]>([
    ['no position', { ...sealed, position: null }],
    ['a position of text', { ...sealed, position: { timeline: 3, flushLsn: '5' } }],
    ['an unknown kind', { kind: 'perhaps' }],
    ['no object', 'yes'],
  ])('an answer with %s is no evidence', async (_what, answer) => {
    const { port } = await startAgent({ onSeal: async () => answer as SealAnswer })
    const call = createPeers(callerOf(), layoutWith(port)).seal(asNodeName('pg-1'), request, 2000)
    await expect(call).rejects.toBeInstanceOf(PeerUnavailableError)
  })

  it('a kept connection that the peer has closed meanwhile costs no answer', async () => {
    const first = await startAgent({ onSeal: async () => sealed })
    const peers = createPeers(callerOf(), layoutWith(first.port))
    await peers.seal(asNodeName('pg-1'), request, 2000)
    const closeFirst = closers.shift()
    await closeFirst?.()
    const server = createAgentServer(
      clockOff(),
      makeAgentApi({ onSeal: async () => sealed }),
      createSigner(secret),
      {
        address: { host: '127.0.0.1', port: first.port },
        bindHost: '127.0.0.1',
        onError: () => undefined,
      },
    )
    await server.listen()
    closers.push(() => server.close())
    expect(await peers.seal(asNodeName('pg-1'), request, 2000)).toEqual(sealed)
  })

  it('many slow calls at once all end at their deadline', async () => {
    const { port } = await startAgent({ onSeal: () => new Promise(() => undefined) })
    const peers = createPeers(callerOf(), layoutWith(port))
    const calls = Array.from({ length: 30 }, () => peers.seal(asNodeName('pg-1'), request, 200))
    const results = await Promise.allSettled(calls)
    expect(results.every((result) => result.status === 'rejected')).toBe(true)
  })
})

describe('agent server', () => {
  it('a taken port is an error of listen, not a crash', async () => {
    const { port } = await startAgent()
    const second = createAgentServer(clockOff(), makeAgentApi(), createSigner(secret), {
      address: { host: '127.0.0.1', port },
      bindHost: '127.0.0.1',
      onError: () => undefined,
    })
    await expect(second.listen()).rejects.toMatchObject({ code: 'EADDRINUSE' })
  })

  it('garbage on the socket ends that connection only', async () => {
    const { port } = await startAgent()
    const socket = connect(port, '127.0.0.1')
    const closed = new Promise((resolve) => socket.on('close', resolve))
    socket.on('error', () => undefined)
    socket.write('\x00\x01 this is not HTTP\r\n\r\n')
    await closed
    expect((await ask(port, 'GET', '/health')).status).toBe(200)
  })
})
