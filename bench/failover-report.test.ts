import { describe, expect, test } from 'vitest'
import { asNodeName } from '../src/core/names.ts'
import { renderFailover, renderTrial, verdictOf } from './failover-report.ts'
import type { Trial } from './trial.ts'

function trial(outageMs: number | null, changes: Partial<Trial> = {}): Trial {
  return {
    number: 1,
    fault: 'postmaster-kill',
    hit: asNodeName('pg-0'),
    primaryAfter: asNodeName('pg-1'),
    epochBefore: 1,
    epochAfter: 2,
    outageMs,
    measured: { outageMs, restoredAtMs: 5000, gapMs: outageMs ?? 0, lateAcknowledgements: 0 },
    ordinary: { outageMs: outageMs === null ? null : outageMs + 30, connectErrors: [] },
    switch: null,
    breakdown: {
      releasedMs: 50,
      acquiredMs: 60,
      electedMs: 100,
      promotedMs: 250,
      openedMs: 300,
      acquisitions: 1,
    },
    rejoinMs: 1500,
    rejoinKind: 'follow',
    healthyMs: 3000,
    ledger: {
      acknowledged: 900,
      failed: 0,
      unknown: 4,
      unknownPresent: 2,
      missing: 0,
      sharedEpochs: 0,
    },
    faults: [],
    loadAverage: 1,
    story: [],
    ...changes,
  }
}

const series = (...outages: (number | null)[]) => ({
  fault: 'postmaster-kill' as const,
  trials: outages.map((outageMs) => trial(outageMs)),
  aborted: null,
})

describe('failover report', () => {
  test('median within the target, worst within twice the median and a second → yes', () => {
    expect(verdictOf('fast', series(400, 500, 1900))).toBe('yes')
  })

  test('median too long, worst too long, no service, aborted → each is named', () => {
    expect(verdictOf('fast', series(650, 700, 650))).toBe('NO: median')
    expect(verdictOf('fast', series(400, 400, 1900))).toBe('NO: worst')
    expect(verdictOf('fast', series(400, null))).toBe('NO: no service')
    expect(verdictOf('fast', { ...series(400), aborted: 'it hung' })).toBe('NO: aborted')
  })

  test('no promise for this fault → the figures stand alone', () => {
    expect(verdictOf('wan', series(9000))).toBe('-')
  })

  test('tables → outage, rejoin and steps of each fault', () => {
    const text = renderFailover('fast', [series(400, 500)]).join('\n')
    expect(text).toMatch(/postmaster killed +2 +0\.450 +0\.400 +0\.500 +1\.900 +0\.600 +yes +0 +0/)
    expect(text).toMatch(/postmaster killed +1\.500 +1\.500 +10\.000 +yes +follow 2 +3\.000/)
    expect(text).toMatch(/postmaster killed +50 +60 +100 +250 +300 +450 +450 +1 2/)
  })

  test('one ordinary client → a table of its own, with failed connections by class', () => {
    const failed = trial(470, { ordinary: { outageMs: 500, connectErrors: ['28000', '08006'] } })
    const text = renderFailover('fast', [{ ...series(400), trials: [trial(400), failed] }])
    expect(text.join('\n')).toMatch(/postmaster killed +2 +0\.465 +0\.500 +2 +1 +28 1, 08 1/)
    expect(renderTrial(failed)).toContain(
      'one client 500 ms (failed connections: 28000 1, 08006 1)',
    )
  })

  test('unsound trial → said in its line', () => {
    expect(renderTrial(trial(400))).not.toContain('UNSOUND')
    expect(renderTrial(trial(400, { faults: ['1 commits were lost'] }))).toContain(
      'UNSOUND: 1 commits were lost',
    )
  })
})
