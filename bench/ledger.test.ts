import { describe, expect, test } from 'vitest'
import type { Attempt, Outcome } from './attempt.ts'
import type { LedgerRow } from './ledger.ts'
import { describeFaults, judgeLedger } from './ledger.ts'

function attempt(
  sequence: number,
  changes: Partial<Attempt> & { server?: string; timeline?: number } = {},
): Attempt {
  const { server = 'a:5510', timeline = 1, ...rest } = changes
  const outcome: Outcome = changes.outcome ?? 'acknowledged'
  return {
    client: 0,
    sequence,
    sentAtMs: sequence * 10,
    endedAtMs: sequence * 10 + 5,
    outcome,
    reign: outcome === 'acknowledged' ? { server, timeline, startedAtMs: 1 } : null,
    why: null,
    ...rest,
  }
}

function row(sequence: number, server = 'a:5510', timeline = 1): LedgerRow {
  return { client: 0, sequence, server, timeline }
}

describe('ledger', () => {
  test('everything acknowledged is there → sound', () => {
    const verdict = judgeLedger([attempt(1), attempt(2)], [row(2), row(1)])
    expect(verdict).toMatchObject({ acknowledged: 2, isSound: true })
    expect(describeFaults(verdict)).toEqual([])
  })

  test('unknown → may be there or not, and is counted', () => {
    const attempts = [
      attempt(1),
      attempt(2, { outcome: 'unknown' }),
      attempt(3, { outcome: 'unknown' }),
    ]
    const verdict = judgeLedger(attempts, [row(1), row(3)])
    expect(verdict).toMatchObject({ unknown: 2, unknownPresent: 1, isSound: true })
  })

  test('acknowledged and missing → lost commit', () => {
    const verdict = judgeLedger([attempt(1), attempt(2)], [row(1)])
    expect(verdict.missing.map((one) => one.sequence)).toEqual([2])
    expect(describeFaults(verdict)).toEqual(['1 commits were acknowledged and are missing'])
  })

  test('failed and there → fault, failed and absent → fine', () => {
    const attempts = [attempt(1, { outcome: 'failed' }), attempt(2, { outcome: 'failed' })]
    expect(judgeLedger(attempts, []).isSound).toBe(true)
    const verdict = judgeLedger(attempts, [row(2)])
    expect(verdict.failedPresent.map((one) => one.sequence)).toEqual([2])
    expect(verdict.isSound).toBe(false)
  })

  test('a row twice, a row of nobody, a row of another server → three faults', () => {
    const attempts = [attempt(1), attempt(2)]
    const verdict = judgeLedger(attempts, [row(1), row(1), row(2, 'a:5511'), row(7)])
    expect(verdict).toMatchObject({
      repeated: [{ sequence: 1 }],
      altered: [{ sequence: 2, server: 'a:5511' }],
      strangers: [{ sequence: 7 }],
      isSound: false,
    })
    expect(describeFaults(verdict)).toHaveLength(3)
  })

  test('two servers in one timeline → fault, although every row is there', () => {
    const attempts = [attempt(1, { server: 'a:5510' }), attempt(2, { server: 'a:5511' })]
    const verdict = judgeLedger(attempts, [row(1, 'a:5510'), row(2, 'a:5511')])
    expect(verdict.sharedTimelines).toEqual([{ timeline: 1, servers: ['a:5510', 'a:5511'] }])
    expect(describeFaults(verdict)).toEqual([
      'servers a:5510 and a:5511 acknowledged in timeline 1',
    ])
  })

  test('former primary takes a write after a later one opened → stale', () => {
    const attempts = [
      attempt(1),
      attempt(2, { server: 'a:5511', timeline: 2, sentAtMs: 100, endedAtMs: 120 }),
      attempt(3, { sentAtMs: 130, endedAtMs: 140 }),
    ]
    const verdict = judgeLedger(attempts, [row(1), row(2, 'a:5511', 2), row(3)])
    expect(verdict.stale.map((one) => one.sequence)).toEqual([3])
    expect(verdict.isSound).toBe(false)
  })

  test('answer of the former primary was on its way when a later one opened → not stale', () => {
    const attempts = [
      attempt(1, { sentAtMs: 110, endedAtMs: 150 }),
      attempt(2, { server: 'a:5511', timeline: 2, sentAtMs: 100, endedAtMs: 120 }),
    ]
    expect(judgeLedger(attempts, [row(1), row(2, 'a:5511', 2)]).isSound).toBe(true)
  })
})
