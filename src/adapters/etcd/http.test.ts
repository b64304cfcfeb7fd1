import { Agent } from 'node:http'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { FakeEtcd } from '../../../test/support/fake-etcd.ts'
import { committed, refusing, silent, startFakeEtcd } from '../../../test/support/fake-etcd.ts'
import { freePorts } from '../../../test/support/free-ports.ts'
import { EtcdError, grpcCodes } from './errors.ts'
import { createLineSplitter, postJson, postStream } from './http.ts'

let fake: FakeEtcd
let agent: Agent

beforeEach(async () => {
  fake = await startFakeEtcd()
  agent = new Agent({ keepAlive: true })
})
afterEach(async () => {
  agent.destroy()
  await fake.stop()
})

const limits = { timeoutMs: 2000, connectMs: 1000 }
const post = (changes: { timeoutMs?: number; signal?: AbortSignal } = {}): Promise<unknown> =>
  postJson(agent, fake.endpoint, '/v3/kv/txn', { a: 1 }, { ...limits, ...changes })

/** What a call that fails says about itself. */
async function failureOf(call: Promise<unknown>): Promise<EtcdError> {
  const error = await call.then(
    () => new Error('it did not fail'),
    (reason: unknown) => reason,
  )
  expect(error).toBeInstanceOf(EtcdError)
  return error as EtcdError
}

describe('one call', () => {
  it('answered → the parsed answer', async () => {
    fake.behave((response, body) => response.end(JSON.stringify({ got: body })))
    expect(await post()).toEqual({ got: { a: 1 } })
  })

  it('connection refused → not done', async () => {
    const [port] = await freePorts(1)
    const endpoint = { host: '127.0.0.1', port: port! }
    const error = await failureOf(postJson(agent, endpoint, '/', {}, limits))
    expect(error.outcome).toBe('not-done')
  })

  it('no answer → unknown at its deadline', async () => {
    fake.behave(silent)
    const startedAtMs = performance.now()
    const error = await failureOf(post({ timeoutMs: 100 }))
    expect(error.outcome).toBe('unknown')
    expect(error.message).toContain('no answer in 100 ms')
    expect(performance.now() - startedAtMs).toBeGreaterThanOrEqual(95)
  })

  it('connection cut before or within the answer → unknown', async () => {
    fake.behave((response) => response.destroy())
    expect((await failureOf(post())).outcome).toBe('unknown')
    fake.behave((response) => {
      response.writeHead(200, { 'content-length': '100' })
      response.write('{"header"', () => response.destroy())
    })
    expect((await failureOf(post())).outcome).toBe('unknown')
  })

  it('a reused connection that the other side has closed → unknown, never a silent repeat', async () => {
    await post()
    const countBefore = fake.calls.length
    fake.behave((response) => response.socket?.resetAndDestroy())
    expect((await failureOf(post())).outcome).toBe('unknown')
    expect(fake.calls.length).toBe(countBefore + 1)
  })

  it.each([
    ['database space exceeded', 429, grpcCodes.resourceExhausted, 'not-done'],
    ['unhealthy cluster', 400, grpcCodes.failedPrecondition, 'not-done'],
    ['request timed out', 503, 14, 'unknown'],
    ['leader changed', 503, 14, 'unknown'],
  ] as const)('etcd says %s → %s', async (message, status, grpcCode, outcome) => {
    fake.behave(refusing(status, grpcCode, message))
    const error = await failureOf(post())
    expect(error).toMatchObject({ outcome, grpcCode })
    expect(error.message).toContain(message)
  })

  it('something that is not etcd answers → unknown', async () => {
    fake.behave((response) => response.end('<html>'))
    expect((await failureOf(post())).message).toContain('not in JSON')
  })

  it('aborted → ends at once', async () => {
    fake.behave(silent)
    const controller = new AbortController()
    const call = failureOf(post({ signal: controller.signal }))
    controller.abort()
    expect((await call).message).toContain('aborted')
  })

  it('our own loop blocked beyond the deadline, the answer is there → the answer counts', async () => {
    fake.behave((response, body, path) => {
      committed(response, body, path)
      const blockedUntilMs = performance.now() + 150
      while (performance.now() < blockedUntilMs);
    })
    expect(await post({ timeoutMs: 100 })).toMatchObject({ succeeded: true })
  })
})

describe('a stream', () => {
  const open = (onLine: (line: string) => void, signal?: AbortSignal): Promise<never> =>
    postStream(fake.endpoint, '/v3/watch', {}, { ...limits, signal }, onLine)

  it('lines as they come; its end is an error', async () => {
    fake.behave((response) => {
      response.write('one\ntw')
      response.end('o\n')
    })
    const lines: string[] = []
    const error = await failureOf(open((line) => lines.push(line)))
    expect(lines).toEqual(['one', 'two'])
    expect(error.message).toContain('ended the stream')
  })

  it('silent from the start → error at its deadline; silent later → left open', async () => {
    fake.behave(silent)
    const limited = { timeoutMs: 80, connectMs: 80 }
    const never = postStream(fake.endpoint, '/v3/watch', {}, limited, () => undefined)
    expect((await failureOf(never)).message).toContain('no answer')

    const controller = new AbortController()
    fake.behave((response) => response.write('hello\n'))
    const stream = postStream(
      fake.endpoint,
      '/v3/watch',
      {},
      { ...limited, signal: controller.signal },
      () => undefined,
    )
    const later = failureOf(stream)
    await post({ timeoutMs: 160 }).catch(() => undefined)
    controller.abort()
    expect((await later).message).toContain('aborted')
  })

  it('what the listener throws → ends the stream and is what the caller gets', async () => {
    fake.behave((response) => response.write('bad\n'))
    const problem = new RangeError('bad')
    await expect(
      open(() => {
        throw problem
      }),
    ).rejects.toBe(problem)
  })
})

describe('line splitter', () => {
  it('however the text is cut → the same lines', () => {
    const line = fc.string({ minLength: 1 }).filter((text) => !text.includes('\n'))
    fc.assert(
      fc.property(fc.array(line), fc.array(fc.nat(20)), (lines, cuts) => {
        const seen: string[] = []
        const feed = createLineSplitter((text) => seen.push(text))
        let rest = lines.map((text) => `${text}\n`).join('')
        for (const cut of cuts) {
          feed(rest.slice(0, cut))
          rest = rest.slice(cut)
        }
        feed(rest)
        expect(seen).toEqual(lines)
      }),
    )
  })
})
