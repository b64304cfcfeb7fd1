import { describe, expect, test } from 'vitest'
import { healthyView, observationsWith, testLayout } from '../../test/support/cluster-double.ts'
import { asNodeName } from '../core/names.ts'
import { mergeStatus } from '../core/cluster-status.ts'
import { healthSteps, isHealthyBut } from './wait-for-health.ts'

test('each node on its way: state until it is settled, then its place', () => {
  const observations = observationsWith({
    'pg-1': healthyView(
      'pg-1',
      { operation: { name: 'clone', sinceMs: 0, doneBytes: 2048, totalBytes: 8192 } },
      { state: 'cloning' },
    ),
    'pg-2': healthyView('pg-2', {}, { state: 'waiting', detail: 'has no data yet' }),
    'pgw-0': healthyView('pgw-0', {}, { state: 'failed', detail: 'the disk is full' }),
  })
  const steps = healthSteps(mergeStatus(testLayout, observations))
  expect(steps.map(({ id, state, detail }) => [id, state, detail])).toEqual([
    ['start:pg-0', 'done', 'primary'],
    ['start:pg-1', 'started', 'clone [##--------] 25 %, 2.0 kB of 8.0 kB'],
    ['start:pg-2', 'started', 'waiting: has no data yet'],
    ['start:pgw-0', 'failed', 'failed: the disk is full'],
  ])
})

describe('nodes that nobody waits for', () => {
  const off = { silence: 'refused', process: 'stopped' } as const
  const statusWith = (changes: Parameters<typeof observationsWith>[0]) =>
    mergeStatus(testLayout, observationsWith(changes))
  const absent = ['pg-0', 'pg-2'].map(asNodeName)

  test('nothing but their absence is wrong → healthy so far, and no steps of theirs', () => {
    const status = statusWith({ 'pg-2': off })
    expect(status.verdict).toBe('degraded')
    expect(isHealthyBut(status, absent)).toBe(true)
    expect(isHealthyBut(status, [])).toBe(false)
    const steps = healthSteps(status, absent).map(({ title }) => title)
    expect(steps).toEqual(['pg-1', 'pgw-0'])
  })

  test('their hosts have no power → the same', () => {
    const dark = { ...off, hostWithoutPower: 'host-2' } as const
    expect(isHealthyBut(statusWith({ 'pg-2': dark }), absent)).toBe(true)
  })

  test('another node is not ready → wait', () => {
    const waiting = healthyView('pg-1', {}, { state: 'waiting' })
    expect(isHealthyBut(statusWith({ 'pg-2': off, 'pg-1': waiting }), absent)).toBe(false)
    expect(isHealthyBut(statusWith({ 'pg-2': off, 'pg-1': off }), absent)).toBe(false)
  })

  test('the primary is among them and its lease has not run out → wait for the next one', () => {
    const status = statusWith({ 'pg-0': off })
    expect(status.reasons.map(({ code }) => code)).toContain('primary-gone')
    expect(isHealthyBut(status, absent)).toBe(false)
  })
})
