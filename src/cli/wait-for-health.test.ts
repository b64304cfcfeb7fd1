import { expect, test } from 'vitest'
import { healthyView, observationsWith, testLayout } from '../../test/support/cluster-double.ts'
import { mergeStatus } from '../core/cluster-status.ts'
import { healthSteps } from './wait-for-health.ts'

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
