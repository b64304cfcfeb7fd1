import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { layout as layoutOf, systemId } from '../../test/support/facts.ts'
import type { Lsn } from './lsn.ts'
import type { Incarnation, NodeName, SystemId, WallClockMs } from './names.ts'
import { asEpoch, asNodeName, asTimeline } from './names.ts'
import type { RecoveryVerdict, SeenRecords, StoreEvidence } from './store-recovery.ts'
import { judgeStoreRecovery } from './store-recovery.ts'
import { emptyList, makeList } from './sync-list.ts'

const layout = layoutOf()
const names = layout.nodes.map((node) => node.name)
const incarnation = (name: string): Incarnation => `${name}-0000aaaa` as Incarnation

function evidence(name: string, changes: Partial<StoreEvidence> = {}): StoreEvidence {
  return {
    node: asNodeName(name),
    systemId,
    incarnation: incarnation(name),
    promise: asEpoch(5),
    primaryEpoch: null,
    isSuspended: false,
    directory: { timeline: asTimeline(2), isStandby: true },
    isPrimary: false,
    position: { timeline: asTimeline(2), flushLsn: 100 as Lsn },
    timelines: [asTimeline(1), asTimeline(2)],
    isStoreWhole: false,
    copy: { hasData: false, raftIndex: null },
    seen: [],
    ...changes,
  }
}

/** Ran as primary in `epoch`; its server is stopped. */
const former = (name: string, epoch: number, changes: Partial<StoreEvidence> = {}) =>
  evidence(name, {
    primaryEpoch: asEpoch(epoch),
    position: null,
    directory: { timeline: asTimeline(2), isStandby: false },
    ...changes,
  })

function records(owner: string, epoch: number): SeenRecords {
  const list = makeList(1, names.filter((name) => name !== owner).map(incarnation))
  return {
    lease: null,
    control: null,
    cluster: { systemId, createdAtMs: 1 as WallClockMs },
    sync: {
      systemId,
      epoch: asEpoch(epoch),
      owner: incarnation(owner),
      timeline: asTimeline(2),
      lists: [list],
      target: list,
      timelines: [
        { timeline: asTimeline(1), epoch: asEpoch(1) },
        { timeline: asTimeline(2), epoch: asEpoch(4) },
      ],
    },
  }
}

const judge = (answers: readonly StoreEvidence[], ...lost: readonly string[]): RecoveryVerdict =>
  judgeStoreRecovery({
    layout,
    answers,
    acceptedLosses: lost.map(asNodeName),
    nowMs: 7 as WallClockMs,
  })

describe('a lost store', () => {
  it('the last primary answers → it owns, epoch above every promise, empty list, map kept', () => {
    const verdict = judge([
      former('pg-0', 5, { seen: [records('pg-0', 4)] }),
      evidence('pg-1', { promise: asEpoch(9) }),
      evidence('pg-2', { copy: { hasData: true, raftIndex: 77 } }),
    ])
    expect(verdict).toMatchObject({
      kind: 'possible',
      owner: 'pg-0',
      founder: 'pg-2',
      losses: [],
      records: {
        lease: { holder: 'pg-0', epoch: 10, state: 'released', systemId },
        sync: { owner: incarnation('pg-0'), timeline: 2, lists: [emptyList], target: emptyList },
        cluster: { systemId, createdAtMs: 1 },
      },
    })
  })

  it('an election was recorded after the last primary → its owner, although it never ran', () => {
    const verdict = judge([
      former('pg-0', 5),
      evidence('pg-1', { seen: [records('pg-1', 6)] }),
      evidence('pg-2'),
    ])
    expect(verdict).toMatchObject({ kind: 'possible', owner: 'pg-1' })
  })

  it('no record is left → every timeline id that was seen is mapped, in order', () => {
    const verdict = judge([former('pg-0', 5), evidence('pg-1'), evidence('pg-2')])
    expect(verdict).toMatchObject({
      records: {
        sync: {
          timelines: [
            { timeline: 1, epoch: 1 },
            { timeline: 2, epoch: 2 },
          ],
        },
      },
    })
  })

  it.each<[string, readonly StoreEvidence[], string]>([
    ['a node is silent', [former('pg-0', 5), evidence('pg-1')], 'pg-2 does not answer'],
    [
      'a data directory is gone',
      [former('pg-0', 5), evidence('pg-1'), evidence('pg-2', { directory: null })],
      'pg-2 has no usable data directory',
    ],
    [
      'the store answers',
      [
        former('pg-0', 5, { isStoreWhole: true, seen: [records('pg-0', 5)] }),
        evidence('pg-1'),
        evidence('pg-2'),
      ],
      'the store is not lost',
    ],
    [
      'two claim the same epoch',
      [former('pg-0', 5), former('pg-1', 5), evidence('pg-2')],
      'both claim to be primary of epoch 5',
    ],
    [
      'a standby is on a timeline that the last known primary never had',
      [
        former('pg-0', 5),
        evidence('pg-1', { position: { timeline: asTimeline(3), flushLsn: 1 as Lsn } }),
        evidence('pg-2'),
      ],
      'holds WAL that pg-0 lacks',
    ],
    [
      'data of two clusters',
      [former('pg-0', 5), evidence('pg-1'), evidence('pg-2', { systemId: '1' as SystemId })],
      'different clusters',
    ],
    [
      'the recorded owner has a new directory',
      [
        evidence('pg-0', { incarnation: 'pg-0-0000bbbb' as Incarnation }),
        evidence('pg-1', { seen: [records('pg-0', 6)] }),
        evidence('pg-2'),
      ],
      'its data directory of then is gone',
    ],
    [
      'an epoch that no cluster reaches',
      [former('pg-0', 5), evidence('pg-1', { promise: asEpoch(2 ** 53 - 1) }), evidence('pg-2')],
      'which no election can have reached',
    ],
  ])('%s → refused', (_what, answers, why) => {
    const verdict = judge(answers)
    expect(verdict.kind === 'refused' ? verdict.why : verdict).toContain(why)
  })

  it('the last primary is given up → the furthest of the others, and what that means', () => {
    const answers = [
      evidence('pg-1', { seen: [records('pg-0', 5)] }),
      evidence('pg-2', { position: { timeline: asTimeline(2), flushLsn: 200 as Lsn } }),
    ]
    expect(judge(answers)).toMatchObject({ kind: 'refused' })
    expect(judge(answers, 'pg-0')).toMatchObject({
      kind: 'possible',
      owner: 'pg-2',
      losses: ['what pg-0 committed and no other node had received is lost'],
    })
  })

  it('the last primary is given up, a server is stopped → refused: how far it got is not known', () => {
    const verdict = judge([evidence('pg-1', { position: null }), evidence('pg-2')], 'pg-0')
    expect(verdict).toMatchObject({ kind: 'refused' })
  })
})

describe('whatever the nodes tell', () => {
  const oneNode = (name: NodeName): fc.Arbitrary<StoreEvidence | null> =>
    fc.option(
      fc
        .record({
          promise: fc.integer({ min: 1, max: 12 }),
          primaryEpoch: fc.option(fc.integer({ min: 1, max: 8 })),
          isSuspended: fc.boolean(),
          timeline: fc.integer({ min: 1, max: 4 }),
          lsn: fc.option(fc.integer({ min: 1, max: 5 })),
          record: fc.option(
            fc.record({ owner: fc.constantFrom(...names), epoch: fc.integer({ min: 1, max: 8 }) }),
          ),
        })
        .map((drawn) =>
          evidence(name, {
            promise: asEpoch(drawn.promise),
            primaryEpoch: drawn.primaryEpoch === null ? null : asEpoch(drawn.primaryEpoch),
            isSuspended: drawn.isSuspended,
            directory: {
              timeline: asTimeline(drawn.timeline),
              isStandby: drawn.primaryEpoch === null,
            },
            timelines: [asTimeline(drawn.timeline)],
            position:
              drawn.lsn === null
                ? null
                : { timeline: asTimeline(drawn.timeline), flushLsn: drawn.lsn as Lsn },
            seen: drawn.record === null ? [] : [records(drawn.record.owner, drawn.record.epoch)],
          }),
        ),
      { freq: 6 },
    )
  const cluster = fc.tuple(oneNode(names[0]!), oneNode(names[1]!), oneNode(names[2]!))

  it('never an owner below a claim that answers, behind a standby, or an epoch that was promised', () => {
    fc.assert(
      fc.property(cluster, fc.subarray([...names]), (drawn, lost) => {
        const answers = drawn.filter((answer) => answer !== null)
        const verdict = judge(answers, ...lost)
        if (verdict.kind === 'refused') return
        const { sync, lease } = verdict.records
        const owner = answers.find((answer) => answer.node === verdict.owner)!
        expect(owner.isSuspended).toBe(false)
        expect(sync.lists).toEqual([emptyList])
        for (const { promise, primaryEpoch, seen, position, ...other } of answers) {
          expect(lease.epoch).toBeGreaterThan(promise!)
          for (const one of seen) expect(lease.epoch).toBeGreaterThan(one.sync!.epoch)
          const timelines = other.timelines
          for (const id of timelines) expect(sync.timelines.map((it) => it.timeline)).toContain(id)
          if (other.isSuspended || other.node === owner.node) continue
          if (lost.length > 0) continue
          // Nothing was given up: whoever ran in a higher epoch, or has more of the same, is not passed over.
          if (owner.primaryEpoch !== null && primaryEpoch !== null) {
            const claimed = Math.max(0, ...answers.flatMap((a) => a.seen.map((s) => s.sync!.epoch)))
            expect(Math.max(owner.primaryEpoch, claimed)).toBeGreaterThanOrEqual(primaryEpoch)
          }
          if (position !== null && owner.position !== null && primaryEpoch === null) {
            expect(position.timeline).toBeLessThanOrEqual(owner.position.timeline)
            if (position.timeline === owner.position.timeline) {
              expect(position.flushLsn).toBeLessThanOrEqual(owner.position.flushLsn)
            }
          }
        }
      }),
      { numRuns: 2000 },
    )
  })
})
