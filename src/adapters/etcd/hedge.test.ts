import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { StoreUnavailableError } from '../../ports/cluster-store.ts'
import type { Endpoint } from './endpoint.ts'
import { EtcdError, grpcCodes } from './errors.ts'
import { hedge } from './hedge.ts'

const [a, b, c] = [1, 2, 3].map((port) => ({ host: '127.0.0.1', port }))
const endpoints = (): Endpoint[] => [a!, b!, c!]
const limits = { deadlineMs: 1000, attemptMs: 200, hedgeMs: 70 }
const never = new Promise<string>(() => undefined)

/** Which endpoints were asked, and when; each attempt does what `behave` says. */
function recorder(behave: (endpoint: Endpoint, number: number) => Promise<string>) {
  const asked: { port: number; atMs: number }[] = []
  const startedAtMs = performance.now()
  const attempt = (endpoint: Endpoint): Promise<string> => {
    asked.push({ port: endpoint.port, atMs: Math.round(performance.now() - startedAtMs) })
    return behave(endpoint, asked.length)
  }
  return { asked, attempt }
}

const after = (durationMs: number, outcome: string | Error): Promise<string> =>
  new Promise((resolve, reject) => {
    setTimeout(() => {
      if (typeof outcome === 'string') resolve(outcome)
      else reject(outcome)
    }, durationMs)
  })

const lost = new EtcdError('lost', { outcome: 'unknown' })

beforeEach(() => {
  vi.useFakeTimers({
    toFake: ['setTimeout', 'clearTimeout', 'setImmediate', 'clearImmediate', 'performance'],
  })
})
afterEach(() => {
  vi.useRealTimers()
})

describe('hedge', () => {
  it('quick answer → one endpoint asked', async () => {
    const { asked, attempt } = recorder(() => after(10, 'yes'))
    const result = hedge(endpoints, limits, attempt)
    await vi.advanceTimersByTimeAsync(500)
    expect(await result).toBe('yes')
    expect(asked).toEqual([{ port: 1, atMs: 0 }])
  })

  it('slow answer → the next endpoint is asked after the hedge, the first answer wins', async () => {
    const { asked, attempt } = recorder(({ port }) => (port === 1 ? never : after(5, 'second')))
    const result = hedge(endpoints, limits, attempt)
    await vi.advanceTimersByTimeAsync(80)
    expect(await result).toBe('second')
    expect(asked.map(({ port }) => port)).toEqual([1, 2])
    expect(asked[1]!.atMs).toBeGreaterThanOrEqual(70)
    expect(asked[1]!.atMs).toBeLessThan(75)
  })

  it('failure → the next endpoint at once', async () => {
    const { asked, attempt } = recorder(({ port }) => after(1, port === 3 ? 'third' : lost))
    const result = hedge(endpoints, limits, attempt)
    await vi.advanceTimersByTimeAsync(20)
    expect(await result).toBe('third')
    expect(asked.map(({ port }) => port)).toEqual([1, 2, 3])
    expect(asked.at(-1)!.atMs).toBeLessThan(10)
  })

  it('refusal → thrown at once, nobody else is asked', async () => {
    const refusal = new EtcdError('no', {
      outcome: 'not-done',
      grpcCode: grpcCodes.resourceExhausted,
    })
    const { asked, attempt } = recorder(() => after(1, refusal))
    const result = hedge(endpoints, limits, attempt)
    const outcome = expect(result).rejects.toBe(refusal)
    await vi.advanceTimersByTimeAsync(5)
    await outcome
    expect(asked).toHaveLength(1)
  })

  it('nobody answers → StoreUnavailableError at the deadline, with the last cause', async () => {
    const { attempt } = recorder(() => after(200, lost))
    const startedAtMs = performance.now()
    let endedAtMs = 0
    const result = hedge(endpoints, limits, attempt).catch((error: unknown) => {
      endedAtMs = performance.now()
      throw error
    })
    const outcome = expect(result).rejects.toThrow(/1000 ms: lost/)
    await vi.advanceTimersByTimeAsync(1500)
    await outcome
    await expect(result).rejects.toBeInstanceOf(StoreUnavailableError)
    expect(endedAtMs - startedAtMs).toBeLessThan(1010)
  })

  it('everybody refuses the connection → asked again at the pace of the hedge, not in a spin', async () => {
    const { asked, attempt } = recorder(() => Promise.reject(lost))
    const result = hedge(endpoints, limits, attempt).catch(() => 'over')
    await vi.advanceTimersByTimeAsync(1100)
    expect(await result).toBe('over')
    expect(asked.length).toBeGreaterThan(8)
    expect(asked.length).toBeLessThanOrEqual(3 + Math.ceil(1000 / 70) + 1)
  })

  it('only one endpoint, slow → never asked twice at the same time', async () => {
    let running = 0
    let worst = 0
    const result = hedge(
      () => [a!],
      limits,
      async () => {
        running += 1
        worst = Math.max(worst, running)
        await after(200, 'late')
        running -= 1
        throw lost
      },
    ).catch(() => 'over')
    await vi.advanceTimersByTimeAsync(1300)
    expect(await result).toBe('over')
    expect(worst).toBe(1)
  })
})
