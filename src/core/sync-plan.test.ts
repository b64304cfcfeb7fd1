import { describe, expect, it } from 'vitest'
import { incarnation, walsender } from '../../test/support/facts.ts'
import type { Lsn } from './lsn.ts'
import { awaitedMember } from './names.ts'
import { allProtections, without } from './protections.ts'
import type { SyncList } from './sync-list.ts'
import { describeList, emptyList, makeList, renderSyncSetting, withList } from './sync-list.ts'
import type { StandbyView } from './sync-plan.ts'
import { electedList, isFlushedBy, judgeEffect, wantedList } from './sync-plan.ts'

const list = (count: number, ...names: string[]): SyncList =>
  makeList(count, names.map(incarnation))
const see = (name: string, fitness: StandbyView['fitness']): StandbyView => ({
  incarnation: incarnation(name),
  fitness,
})

describe('the wanted list', () => {
  it('a standby enters when it is fit, and not before', () => {
    const views = [see('pg-1', 'fit'), see('pg-2', 'lagging')]
    expect(wantedList('quorum', 1, emptyList, views)).toEqual(list(1, 'pg-1'))
  })

  it('a listed standby stays while it lags or was just lost, and leaves when it is lost', () => {
    const both = list(1, 'pg-1', 'pg-2')
    const views = [see('pg-1', 'lagging'), see('pg-2', 'just-lost')]
    expect(wantedList('quorum', 1, both, views)).toEqual(both)
    expect(wantedList('quorum', 1, both, [see('pg-1', 'fit'), see('pg-2', 'lost')])).toEqual(
      list(1, 'pg-1'),
    )
  })

  it('quorum may become empty, strict never shorter than k, async never has one', () => {
    const one = list(1, 'pg-1')
    const lost = [see('pg-1', 'lost')]
    expect(wantedList('quorum', 1, one, lost)).toEqual(emptyList)
    expect(wantedList('strict', 1, one, lost)).toEqual(one)
    expect(wantedList('async', 1, one, [see('pg-1', 'fit')])).toEqual(emptyList)
  })

  it('strict: a replacement enters as the lost one leaves', () => {
    const one = list(1, 'pg-1')
    const views = [see('pg-1', 'lost'), see('pg-2', 'fit')]
    expect(wantedList('strict', 1, one, views)).toEqual(list(1, 'pg-2'))
    const two = list(2, 'pg-1', 'pg-2')
    expect(wantedList('strict', 2, two, [see('pg-1', 'lost'), see('pg-2', 'fit')])).toEqual(two)
  })

  it('the count never exceeds the members', () => {
    expect(wantedList('quorum', 2, emptyList, [see('pg-1', 'fit')])).toEqual(list(1, 'pg-1'))
  })
})

describe('places for members that are awaited', () => {
  const [one, two] = ['pg-1', 'pg-2'].map((name) => awaitedMember(incarnation(name)))

  it('a member that has come takes its own place, not that of another', () => {
    const current = makeList(2, [one!, two!])
    const views = [see('pg-1', 'fit'), { incarnation: two!, fitness: 'lost' as const }]
    expect(wantedList('strict', 2, current, views)).toEqual(
      makeList(2, [incarnation('pg-1'), two!]),
    )
  })

  it('also when there are fewer places than commits are to wait for', () => {
    const current = makeList(2, [one!])
    expect(wantedList('strict', 2, current, [see('pg-1', 'fit')])).toEqual(list(1, 'pg-1'))
  })
})

describe('the list of an elected primary', () => {
  it('the sealed members without itself', () => {
    const sealed = ['pg-1', 'pg-2'].map(incarnation)
    expect(electedList('quorum', 1, incarnation('pg-1'), sealed, [])).toEqual(list(1, 'pg-2'))
    expect(electedList('quorum', 1, incarnation('pg-1'), [incarnation('pg-1')], [])).toEqual(
      emptyList,
    )
  })

  it('strict fills up with places for known members that did not answer, once each', () => {
    const known = ['pg-1', 'pg-2'].map(incarnation)
    const awaited = awaitedMember(incarnation('pg-2'))
    for (const names of [known, [...known, awaited]]) {
      const own = electedList('strict', 1, incarnation('pg-1'), [incarnation('pg-1')], names)
      expect(own).toEqual({ count: 1, members: [awaited] })
    }
    // The place of a member that was sealed itself is not kept.
    const sealed = ['pg-1', 'pg-2'].map(incarnation)
    expect(electedList('strict', 2, incarnation('pg-1'), sealed, [awaited])).toEqual(
      list(1, 'pg-2'),
    )
  })
})

describe('flushed and effective', () => {
  const two = list(2, 'pg-1', 'pg-2')

  it('k members of the list must have flushed; others do not count', () => {
    const senders = [walsender('pg-1', 100), walsender('pg-2', 99), walsender('pg-3', 500)]
    expect(isFlushedBy(two, senders, 100 as Lsn, allProtections)).toBe(false)
    expect(isFlushedBy(two, senders, 99 as Lsn, allProtections)).toBe(true)
    expect(isFlushedBy(emptyList, [], 100 as Lsn, allProtections)).toBe(true)
  })

  it('a removed member whose walsender still uses the old list → not effective', () => {
    const one = list(1, 'pg-2')
    const stale = [walsender('pg-1', 100), walsender('pg-2', 100)]
    expect(judgeEffect(one, stale, 100 as Lsn, allProtections)).toMatchObject({
      kind: 'waiting',
      pid: 1001,
    })
    expect(judgeEffect(one, stale, 100 as Lsn, without('walsender-effective')).kind).toBe(
      'effective',
    )
    const reloaded = [walsender('pg-1', 100, { syncPriority: 0 }), walsender('pg-2', 100)]
    expect(judgeEffect(one, reloaded, 100 as Lsn, allProtections).kind).toBe('effective')
  })

  it('a remaining member that has not flushed past the reload → not effective', () => {
    const senders = [walsender('pg-1', 100), walsender('pg-2', 99)]
    expect(judgeEffect(two, senders, 100 as Lsn, allProtections)).toMatchObject({ pid: 1002 })
  })
})

describe('lists', () => {
  it('are sets: sorted, unique, added once', () => {
    expect(makeList(1, ['b', 'a', 'b'] as never)).toEqual(makeList(1, ['a', 'b'] as never))
    expect(withList([emptyList], emptyList)).toEqual([emptyList])
  })

  it('nobody and the empty list are different settings', () => {
    expect(renderSyncSetting({ kind: 'nobody' })).toBe('ANY 1 (pgherd_nobody)')
    expect(renderSyncSetting({ kind: 'list', list: emptyList })).toBe('')
    expect(renderSyncSetting({ kind: 'list', list: list(1, 'pg-1') })).toBe(
      'ANY 1 ("pg-1-aaaaaaaa")',
    )
  })

  it('are told to people by the names of nodes', () => {
    expect(describeList(list(1, 'pg-0', 'pg-2'))).toBe('1 of pg-0, pg-2')
    expect(describeList(makeList(1, [awaitedMember(incarnation('pg-1'))]))).toBe(
      '1 of pg-1 (awaited)',
    )
    expect(describeList(emptyList)).toBe('nobody')
  })
})
