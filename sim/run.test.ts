// The simulator as a whole: deterministic, and it really does something.

import { describe, expect, it } from 'vitest'
import { runSeed, type RunResult } from './run.ts'

const run = (seed: number): Promise<RunResult> =>
  runSeed({ seed, scenario: null, without: [], isTranscriptKept: true })

describe('one seed', () => {
  it('twice → the same digest and the same story; another seed → another', async () => {
    const [first, again, other] = [await run(11), await run(11), await run(12)]
    expect(again.digest).toBe(first.digest)
    expect(again.transcript.lines).toEqual(first.transcript.lines)
    expect(other.digest).not.toBe(first.digest)
  })

  it('without its transcript → the same digest', async () => {
    const told = await run(13)
    const silent = await runSeed({ seed: 13, scenario: null, without: [], isTranscriptKept: false })
    expect(silent.digest).toBe(told.digest)
    expect(silent.transcript.lines).toHaveLength(0)
  })
})

describe('thirty seeds', () => {
  it('fail over, acknowledge, heal, and violate nothing', async () => {
    const results: RunResult[] = []
    for (let seed = 100; seed < 130; seed++) results.push(await run(seed))
    const failures = results.filter(({ violation }) => violation !== null)
    expect(failures.map(({ seed, violation }) => [seed, violation?.message])).toEqual([])
    const openings = results.reduce((sum, { openingCount }) => sum + openingCount, 0)
    const commits = results.reduce((sum, { ledger }) => sum + ledger.acknowledged, 0)
    expect(openings).toBeGreaterThan(results.length)
    expect(commits).toBeGreaterThan(results.length * 50)
    expect(results.filter(({ recoveryMs }) => recoveryMs !== null).length).toBe(results.length)
  })
})
