// The rule of promotion against a naive oracle: all the ways in which a commit could have been
// acknowledged are enumerated, and the candidate must have every one of them.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { incarnation, node, position, syncRecord } from '../../test/support/facts.ts'
import type { MemberAnswer } from './candidate.ts'
import { judgeElection } from './candidate.ts'
import { asEpoch, asTimeline } from './names.ts'
import { allProtections, without } from './protections.ts'
import { emptyList, makeList } from './sync-list.ts'

const sealed = (
  name: string,
  timeline: number,
  lsn: number,
  canBePrimary = true,
): MemberAnswer => ({
  kind: 'sealed',
  incarnation: incarnation(name),
  position: position(timeline, lsn),
  canBePrimary,
})
const silent: MemberAnswer = { kind: 'no-evidence', why: 'no answer' }
const pending: MemberAnswer = { kind: 'pending' }

function judge(
  answers: Readonly<Record<string, MemberAnswer>>,
  record = syncRecord(),
  protections = allProtections,
  self = 'pg-1',
): ReturnType<typeof judgeElection> {
  return judgeElection({
    self: incarnation(self),
    record,
    answers: new Map(Object.entries(answers).map(([name, answer]) => [node(name), answer])),
    contradicted: new Set(),
    durability: 'quorum',
    wantedCount: 1,
    protections,
  })
}

describe('who may be promoted', () => {
  it('ANY 1 of 2: both sealed and nobody ahead → eligible', () => {
    const result = judge({
      'pg-0': silent,
      'pg-1': sealed('pg-1', 1, 10),
      'pg-2': sealed('pg-2', 1, 10),
    })
    expect(result.kind).toBe('eligible')
  })

  it('ANY 1 of 2: one of them silent → short, and it is named', () => {
    const result = judge({ 'pg-0': silent, 'pg-1': sealed('pg-1', 1, 10), 'pg-2': silent })
    expect(result).toMatchObject({ kind: 'short' })
    expect(JSON.stringify(result)).toContain('pg-2-aaaaaaaa: no answer')
  })

  it('an answer is still to come and the proof is not there → asking', () => {
    expect(judge({ 'pg-1': sealed('pg-1', 1, 10), 'pg-2': pending }).kind).toBe('asking')
  })

  it('ANY 2 of 2: one is enough', () => {
    const both = makeList(2, [incarnation('pg-1'), incarnation('pg-2')])
    const record = syncRecord({ lists: [both], target: both })
    expect(judge({ 'pg-1': sealed('pg-1', 1, 10), 'pg-2': silent }, record).kind).toBe('eligible')
  })

  it('proved alone → waits for a standby that could be in its list, not for the former primary', () => {
    const alone = makeList(1, [incarnation('pg-1')])
    const record = syncRecord({ lists: [alone], target: alone })
    const own = sealed('pg-1', 1, 10)
    const judged = (answers: Readonly<Record<string, MemberAnswer>>): string =>
      judge({ 'pg-1': own, ...answers }, record).kind
    expect(judged({ 'pg-0': silent, 'pg-2': pending })).toBe('asking')
    expect(judged({ 'pg-0': pending, 'pg-2': silent })).toBe('eligible')
    expect(judged({ 'pg-0': pending, 'pg-2': sealed('pg-2', 1, 10) })).toBe('eligible')
  })

  it('another sealed member is ahead → it gets the lease', () => {
    const result = judge({ 'pg-1': sealed('pg-1', 1, 10), 'pg-2': sealed('pg-2', 1, 11) })
    expect(result).toEqual({ kind: 'behind', best: 'pg-2' })
  })

  it('the one that is ahead may not be promoted → the difference is streamed from it', () => {
    const result = judge({ 'pg-1': sealed('pg-1', 1, 10), 'pg-2': sealed('pg-2', 1, 11, false) })
    expect(result).toEqual({ kind: 'fetch', source: 'pg-2', until: position(1, 11) })
  })

  it('ahead is judged by the epoch in which the timeline was born, not by LSN', () => {
    const timelines = [
      { timeline: asTimeline(1), epoch: asEpoch(1) },
      { timeline: asTimeline(2), epoch: asEpoch(4) },
    ]
    const record = syncRecord({ timelines })
    const answers = { 'pg-1': sealed('pg-1', 1, 99), 'pg-2': sealed('pg-2', 2, 10) }
    expect(judge(answers, record)).toEqual({ kind: 'behind', best: 'pg-2' })
    expect(judge(answers, record, without('lineage')).kind).toBe('eligible')
  })

  it('a position on a timeline that nobody reserved is no evidence', () => {
    expect(judge({ 'pg-1': sealed('pg-1', 1, 10), 'pg-2': sealed('pg-2', 9, 10) }).kind).toBe(
      'short',
    )
  })

  it('an empty list in the record: only the owner', () => {
    const record = syncRecord({ lists: [emptyList], target: emptyList })
    const answers = { 'pg-0': silent, 'pg-1': sealed('pg-1', 1, 10), 'pg-2': sealed('pg-2', 1, 10) }
    expect(judge(answers, record).kind).toBe('short')
    const own = { 'pg-0': sealed('pg-0', 1, 5), 'pg-1': silent }
    expect(judge(own, record, allProtections, 'pg-0').kind).toBe('eligible')
  })

  it('the owner needs no evidence, but waits for those that could be in its list', () => {
    const own = sealed('pg-0', 1, 5)
    const judged = (answers: Readonly<Record<string, MemberAnswer>>): string =>
      judge({ 'pg-0': own, ...answers }, syncRecord(), allProtections, 'pg-0').kind
    expect(judged({ 'pg-1': pending, 'pg-2': pending })).toBe('asking')
    expect(judged({ 'pg-1': sealed('pg-1', 1, 5), 'pg-2': pending })).toBe('eligible')
    expect(judged({ 'pg-1': silent, 'pg-2': silent })).toBe('eligible')
  })

  it('a joint record: every list must be proved', () => {
    const old = makeList(1, [incarnation('pg-1'), incarnation('pg-2')])
    const fresh = makeList(1, [incarnation('pg-2')])
    const record = syncRecord({ lists: [old, fresh], target: fresh })
    expect(judge({ 'pg-1': sealed('pg-1', 1, 10), 'pg-2': silent }, record).kind).toBe('short')
  })

  it('a member whose volume was replaced does not count for the old one', () => {
    const replaced: MemberAnswer = {
      ...sealed('pg-2', 1, 10),
      incarnation: 'pg-2-bbbbbbbb',
    } as MemberAnswer
    expect(judge({ 'pg-1': sealed('pg-1', 1, 10), 'pg-2': replaced }).kind).toBe('short')
  })
})

/** All subsets of `items` with at least `count` members. */
function subsets(items: readonly string[], count: number): readonly (readonly string[])[] {
  return Array.from({ length: 2 ** items.length }, (_, mask) =>
    items.filter((_item, index) => ((mask >> index) & 1) === 1),
  ).filter((subset) => subset.length >= count)
}

describe('the proof, against all acknowledgements that are possible', () => {
  const names = ['pg-1', 'pg-2', 'pg-3', 'pg-4']

  it('eligible → whatever was acknowledged by k members is in the candidate', () => {
    fc.assert(
      fc.property(
        fc.subarray(names, { minLength: 1 }),
        fc.integer({ min: 1, max: 4 }),
        fc.array(fc.integer({ min: 0, max: 5 }), { minLength: 4, maxLength: 4 }),
        fc.array(fc.boolean(), { minLength: 4, maxLength: 4 }),
        (members, k, lsns, isSealed) => {
          const list = makeList(k, members.map(incarnation))
          const record = syncRecord({ lists: [list], target: list })
          const answers = Object.fromEntries(
            names.map((name, index) => [
              name,
              isSealed[index] === true ? sealed(name, 1, lsns[index] ?? 0) : silent,
            ]),
          )
          if (judge(answers, record).kind !== 'eligible') return
          const own = lsns[0] ?? 0
          const lsnOf = (name: string): number => lsns[names.indexOf(name)] ?? 0
          for (const flushed of subsets(members, list.count)) {
            // A commit acknowledged by exactly these lies at or below the least of their positions.
            expect(own).toBeGreaterThanOrEqual(Math.min(...flushed.map(lsnOf)))
          }
        },
      ),
      { numRuns: 3000 },
    )
  })

  it('the property notices a missing overlap', () => {
    const list = makeList(1, ['pg-1', 'pg-2'].map(incarnation))
    const record = syncRecord({ lists: [list], target: list })
    const answers = { 'pg-1': sealed('pg-1', 1, 1), 'pg-2': silent }
    expect(judge(answers, record).kind).toBe('short')
    expect(judge(answers, record, without('overlap')).kind).toBe('eligible')
  })
})
