import { expect, test } from 'vitest'
import { incarnation, makeEvent } from '../../test/support/cluster-double.ts'
import { explainLoss } from './explain-loss.ts'

const list = { count: 1, members: [incarnation('pg-1'), incarnation('pg-2')] }

test('an election: what was needed, what was there, what the other one lacked', () => {
  const elected = makeEvent({
    kind: 'elected',
    operands: {
      answers: {
        'pg-1': 'sealed at timeline 2, 0/3000548',
        'pg-2': 'sealed at timeline 2, 0/3000148',
        'pg-0': 'no answer yet',
      },
      lists: [list],
    },
  })
  expect(explainLoss(elected)).toEqual([
    'commits waited for 1 of pg-1, pg-2; 2 of them had to be sealed, sealed were pg-1, pg-2',
    'with pg-2 instead, up to 1.0 kB of WAL would be lost',
  ])
})

test('a refusal: whose commits a promotion could lose', () => {
  const refused = makeEvent({
    kind: 'refused',
    operands: {
      answers: { 'pg-1': 'sealed at timeline 2, 0/3000148', 'pg-2': 'connection refused' },
      lists: [list],
    },
  })
  expect(explainLoss(refused)).toEqual([
    'commits waited for 1 of pg-1, pg-2; 2 of them had to be sealed, sealed were pg-1',
    'promoting all the same could lose every commit that only pg-2 acknowledged',
  ])
})

test('degraded: the empty list proves nothing', () => {
  const refused = makeEvent({
    kind: 'refused',
    operands: { answers: {}, lists: [{ count: 0, members: [] }] },
  })
  expect(explainLoss(refused)).toEqual([
    'commits waited for nobody: only the former primary surely has them all',
  ])
})

test('positions on different timelines are not compared', () => {
  const elected = makeEvent({
    kind: 'elected',
    operands: {
      answers: {
        'pg-1': 'sealed at timeline 3, 0/3000148',
        'pg-2': 'sealed at timeline 2, 0/9000000',
      },
      lists: [],
    },
  })
  expect(explainLoss(elected)).toEqual([])
})

test('an event without such operands says nothing', () => {
  expect(explainLoss(makeEvent({ operands: { answers: 'odd', lists: 7 } }))).toEqual([])
})

test('diverged WAL: how many commits, and where they are kept', () => {
  const kept = makeEvent({
    kind: 'diverged-wal-kept',
    operands: { path: '/var/lib/x', commits: 3, fork: '0/3000148' },
  })
  expect(explainLoss(kept)[0]).toMatch(/^3 commits .* \/var\/lib\/x$/)
})
