// Two of one identity: seen in reports, connections and answers, and what follows for lists and elections.

import { describe, expect, test } from 'vitest'
import {
  incarnation,
  node,
  position,
  report,
  syncRecord,
  walsender,
} from '../../test/support/facts.ts'
import type { MemberAnswer } from './candidate.ts'
import { judgeElection } from './candidate.ts'
import type { Incarnation } from './names.ts'
import { awaitedMember } from './names.ts'
import type { Lsn } from './lsn.ts'
import { contradictionsOf, distrustedLists } from './one-incarnation.ts'
import type { Protections } from './protections.ts'
import { allProtections, without } from './protections.ts'
import { emptyList, makeList } from './sync-list.ts'
import { isFlushedBy, wantedList } from './sync-plan.ts'

const one = incarnation('pg-1')
const two = incarnation('pg-2')
const stream = (of: Incarnation, state = 'streaming') => ({ applicationName: of, state })

describe('a contradiction', () => {
  test('is none while each node has its own, and a connection waits for its slot', () => {
    const reports = [report('pg-0'), report('pg-1'), report('pg-2', { incarnation: null })]
    const walsenders = [stream(one), stream(one, 'startup'), stream(two)]
    expect(contradictionsOf(reports, walsenders)).toEqual([])
  })

  test('is a report under the incarnation of another node', () => {
    expect(contradictionsOf([report('pg-1'), report('pg-2', { incarnation: one })], [])).toEqual([
      {
        incarnation: one,
        message: `pg-2 runs under the incarnation ${one} of pg-1: a folder was copied`,
      },
    ])
  })

  test('is two connections that stream under one incarnation; base backups have none', () => {
    const backup = { applicationName: 'pgherd_clone', state: 'streaming' }
    const walsenders = [stream(one), stream(one, 'catchup'), backup, backup]
    expect(contradictionsOf([report('pg-1')], walsenders)).toMatchObject([
      {
        incarnation: one,
        message: expect.stringContaining('2 connections stream as pg-1') as string,
      },
    ])
  })
})

describe('what two use counts for nothing', () => {
  test('in a list: it leaves at once, and elections in the meantime cannot count it', () => {
    const list = makeList(1, [one, two])
    const views = [
      { incarnation: one, fitness: 'contradicted' },
      { incarnation: two, fitness: 'fit' },
    ] as const
    expect(wantedList('quorum', 1, list, views)).toEqual(makeList(1, [two]))
    expect(distrustedLists([list, makeList(1, [two])], new Set([one]))).toEqual([
      makeList(1, [awaitedMember(one), two]),
    ])
  })

  test('in `strict`: its place stays, and neither of the two fills it', () => {
    const view = { incarnation: one, fitness: 'contradicted' } as const
    const awaited = makeList(1, [awaitedMember(one)])
    expect(wantedList('strict', 1, makeList(1, [one]), [view])).toEqual(awaited)
    expect(wantedList('strict', 1, awaited, [view])).toEqual(awaited)
    expect(wantedList('quorum', 1, emptyList, [view])).toEqual(emptyList)
  })

  test('in what was flushed: which of the two has it?', () => {
    const list = makeList(1, [one])
    const flushed = walsender('pg-1', 100)
    const isFlushed = (count: number, protections: Protections): boolean =>
      isFlushedBy(list, Array(count).fill(flushed), 100 as Lsn, protections)
    expect(isFlushed(1, allProtections)).toBe(true)
    expect(isFlushed(2, allProtections)).toBe(false)
    expect(isFlushed(2, without('one-incarnation'))).toBe(true)
  })

  describe('in an election', () => {
    const sealed = (of: Incarnation, lsn: number): MemberAnswer => ({
      kind: 'sealed',
      incarnation: of,
      position: position(1, lsn),
      canBePrimary: true,
    })
    const record = syncRecord({ lists: [makeList(1, [one])], target: makeList(1, [one]) })
    const judge = (
      second: MemberAnswer,
      contradicted: readonly Incarnation[] = [],
      protections = allProtections,
    ) =>
      judgeElection({
        self: one,
        record,
        answers: new Map([
          [node('pg-1'), sealed(one, 10)],
          [node('pg-2'), second],
        ]),
        contradicted: new Set(contradicted),
        durability: 'quorum',
        wantedCount: 1,
        protections,
      })

    test('two answers under one incarnation → neither is evidence', () => {
      expect(judge(sealed(two, 10)).kind).toBe('eligible')
      expect(judge(sealed(one, 10)).kind).toBe('short')
      expect(judge(sealed(one, 10), [], without('one-incarnation')).kind).toBe('eligible')
    })

    test('also when the other one has only promised', () => {
      const promised = { kind: 'no-evidence', why: 'PostgreSQL is stopped there' } as const
      expect(judge(promised).kind).toBe('eligible')
      expect(judge({ ...promised, incarnation: one }).kind).toBe('short')
    })

    test('also when the other one is silent, but was seen', () => {
      const silent = { kind: 'no-evidence', why: 'no answer' } as const
      expect(judge(silent, [one]).kind).toBe('short')
    })
  })
})
