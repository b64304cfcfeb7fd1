// The words for typical situations, and the decisions that follow, as short stories.

import { describe, expect, it } from 'vitest'
import {
  facts,
  incarnation,
  layout,
  nodeLayout,
  position,
  primary,
  report,
  standby,
  storeView,
  systemId,
  tenure,
  walsender,
} from '../../test/support/facts.ts'
import type { MemberAnswer } from './candidate.ts'
import { classify } from './classify.ts'
import { decide } from './decide.ts'
import type { Facts } from './facts.ts'
import type { Lsn } from './lsn.ts'
import { asEpoch, asMonotonic, asNodeName, asTimeline } from './names.ts'
import { plan } from './plan.ts'
import { emptyList } from './sync-list.ts'
import { timingPlans } from './timing-plan.ts'

/** Rule id and actions for some facts. */
function outcome(given: Facts): readonly [string, readonly string[]] {
  const decision = decide(classify(given))
  return [decision.rule.id, plan(decision, given).map((action) => action.kind)]
}

const expired = asMonotonic(100_000 - timingPlans.fast.ttlMs - 1)

describe('a standby', () => {
  it('streams from the holder → keeps following', () => {
    const server = standby({ isReceiving: true, isStreaming: true, isAtEndOfWal: false })
    const following = { node: asNodeName('pg-0'), epoch: asEpoch(1), silentSinceMs: null }
    expect(outcome(facts('pg-1', { server, following }))).toEqual(['R702', ['keep-following']])
  })

  it('lease unchanged for less than its time → waits; for longer → acquires', () => {
    const leaseSeenAtMs = asMonotonic(100_000 - 1249)
    const store = storeView({ reports: [] })
    expect(outcome(facts('pg-1', { store, leaseSeenAtMs }))[0]).toBe('R712')
    expect(outcome(facts('pg-1', { store, leaseSeenAtMs: expired }))[0]).toBe('R600')
  })

  it('promised to wait, or backing off, or paused → leaves the free lease alone', () => {
    const later = asMonotonic(100_001)
    expect(outcome(facts('pg-1', { leaseSeenAtMs: expired, deferUntilMs: later }))[0]).toBe('R608')
    expect(outcome(facts('pg-1', { leaseSeenAtMs: expired, backoffUntilMs: later }))[0]).toBe(
      'R608',
    )
    const control = { switchover: null, paused: { reason: 'test', sinceMs: 0 as never } }
    const store = storeView({ control })
    expect(outcome(facts('pg-1', { leaseSeenAtMs: expired, store }))[0]).toBe('R608')
    const handedOver = storeView({
      control,
      lease: { state: 'released', handOverTo: asNodeName('pg-2') },
    })
    const given = facts('pg-1', { leaseSeenAtMs: expired, store: handedOver })
    expect(outcome(given)[0]).toBe('R608')
  })

  it('the lease was handed to another → lets it go first, but not for ever', () => {
    const store = storeView({ lease: { state: 'released', handOverTo: asNodeName('pg-2') } })
    expect(outcome(facts('pg-1', { store }))[0]).toBe('R608')
    expect(outcome(facts('pg-2', { store }))[0]).toBe('R600')
    const leaseSeenAtMs = asMonotonic(100_000 - 700)
    expect(outcome(facts('pg-1', { store, leaseSeenAtMs }))[0]).toBe('R600')
  })

  it.each([
    ['the owner gave it back and is expected', 'pg-0', 1, 'R608'],
    ['the owner started again, and gave it back', 'pg-0', 3, 'R608'],
    ['a candidate gave up', 'pg-2', 2, 'R600'],
    ['as many gave up as there are standbys', 'pg-2', 3, 'R608'],
  ])('the lease is free: %s → goes at once or waits its time', (_title, name, epoch, rule) => {
    const holder = asNodeName(name)
    const store = storeView({ lease: { state: 'released', holder, epoch: asEpoch(epoch) } })
    expect(outcome(facts('pg-1', { store }))[0]).toBe(rule)
    expect(outcome(facts('pg-1', { store, leaseSeenAtMs: expired }))[0]).toBe('R600')
  })

  it('the record holds the empty list → no standby tries', () => {
    const store = storeView({ sync: { lists: [emptyList], target: emptyList } })
    expect(outcome(facts('pg-1', { store, leaseSeenAtMs: expired }))[0]).toBe('R608')
  })

  it('receives from somebody who is not the holder → detaches', () => {
    const store = storeView({
      lease: { holder: asNodeName('pg-2'), epoch: asEpoch(2), state: 'preparing' },
    })
    const server = standby({ isReceiving: true, isAtEndOfWal: false })
    const following = { node: asNodeName('pg-0'), epoch: asEpoch(1), silentSinceMs: null }
    expect(outcome(facts('pg-1', { store, server, following }))[0]).toBe('R704')
  })

  it('has promised a higher epoch than the holder has → does not follow it (I7)', () => {
    const local = { ...facts('pg-1').local, promise: asEpoch(2) }
    expect(outcome(facts('pg-1', { local }))[0]).toBe('R712')
  })

  it('has WAL beyond the fork → is rewound, and cloned only when that failed', () => {
    const promoted = report('pg-2', {
      isPrimary: true,
      epoch: asEpoch(2),
      position: position(2, 2000),
      history: [{ timeline: asTimeline(1), endLsn: 900 as Lsn }],
    })
    const store = storeView({
      lease: { holder: asNodeName('pg-2'), epoch: asEpoch(2) },
      sync: { owner: incarnation('pg-2'), epoch: asEpoch(2), timeline: asTimeline(2) },
      reports: [promoted],
    })
    expect(outcome(facts('pg-1', { store }))[0]).toBe('R708')
    expect(outcome(facts('pg-1', { store, rewindFailedEpoch: asEpoch(2) }))[0]).toBe('R710')
    const behind = standby({ position: position(1, 900) })
    expect(outcome(facts('pg-1', { store, server: behind }))[0]).toBe('R706')
    const unread = standby({ isAtEndOfWal: false })
    expect(outcome(facts('pg-1', { store, server: unread }))[0]).toBe('R712')
  })
})

describe('the holder', () => {
  const held = { tenure: tenure(1, 'serving'), server: primary() }

  it('serves → keeps serving', () => {
    expect(outcome(facts('pg-0', held))).toEqual(['R406', ['keep-serving']])
  })

  it('its deadline has passed → fences, whatever the store says', () => {
    const late = { ...held, tenure: tenure(1, 'serving', 99_999) }
    expect(outcome(facts('pg-0', late))).toEqual(['R200', ['stop-postgres', 'drop-lease']])
  })

  it('PostgreSQL died and listed standbys were there → hands over to the one that is ahead', () => {
    const given = facts('pg-0', {
      tenure: tenure(1, 'serving'),
      server: { kind: 'stopped' },
      directory: {
        kind: 'present',
        systemId,
        isStandby: false,
        isClean: false,
        timeline: asTimeline(1),
      },
      store: storeView(),
      lastWalsenders: [walsender('pg-1', 1000), walsender('pg-2', 1200)],
    })
    const decision = decide(classify(given))
    expect(decision.rule.id).toBe('R410')
    expect(plan(decision, given)).toEqual([{ kind: 'release-lease', handOverTo: 'pg-2' }])
  })

  it('PostgreSQL died and nobody could prove anything → starts it again itself', () => {
    const given = facts('pg-0', {
      tenure: tenure(1, 'serving'),
      server: { kind: 'stopped' },
      directory: { ...facts('pg-0').directory, isStandby: false } as Facts['directory'],
      lastWalsenders: [walsender('pg-1', 1000)],
    })
    expect(outcome(given)).toEqual(['R412', ['close-lease']])
    expect(outcome({ ...given, tenure: tenure(1, 'preparing') })).toEqual([
      'R506',
      ['start-primary'],
    ])
  })

  it('its promotion was cut off, or took another timeline → never resumes on that one (I4)', () => {
    const directory = { ...facts('pg-0').directory, isStandby: false } as Facts['directory']
    for (const recorded of [2, 3]) {
      const sync = {
        timeline: asTimeline(recorded),
        timelines: [{ timeline: asTimeline(recorded), epoch: asEpoch(1) }],
      }
      const store = storeView({ sync, lease: { state: 'released' } })
      const given = facts('pg-0', { directory, server: { kind: 'stopped' }, store })
      expect(outcome(given)).toEqual(['R604', ['start-standby']])
      expect(outcome({ ...given, tenure: tenure(1, 'preparing') })).toEqual([
        'R526',
        ['release-lease', 'back-off'],
      ])
    }
  })

  it('its promotion took a timeline that nobody reserved → is not promoted again', () => {
    const given = facts('pg-0', { tenure: tenure(1, 'preparing'), server: standby() })
    expect(outcome(given)[0]).toBe('R510')
    const elsewhere = standby({ position: position(9, 1000) })
    expect(outcome({ ...given, server: elsewhere })[0]).toBe('R520')
  })

  it('its disk hangs → fences, and another node is named that goes first', () => {
    const given = facts('pg-0', { ...held, diskProbeMs: 10_000 })
    const decision = decide(classify(given))
    expect(decision.rule.id).toBe('R208')
    expect(plan(decision, given)).toContainEqual({ kind: 'release-lease', handOverTo: 'pg-1' })
  })

  it('elected, and its promotion cannot be prepared for a lease time → the sealed one with most', () => {
    const sealedAt = (name: string, lsn: number): MemberAnswer => ({
      kind: 'sealed',
      incarnation: incarnation(name),
      position: position(1, lsn),
      canBePrimary: true,
    })
    const answers = new Map(
      ['pg-1', 'pg-2'].map((name, index) => [asNodeName(name), sealedAt(name, index)]),
    )
    const given = facts('pg-0', {
      tenure: tenure(1, 'preparing'),
      server: standby(),
      election: { epoch: asEpoch(1), answers },
      promotionFailsSinceMs: asMonotonic(facts('pg-0').nowMs - timingPlans.fast.ttlMs),
    })
    expect(outcome(given)[0]).toBe('R510')
    const later = { ...given, nowMs: asMonotonic(given.nowMs + 1) }
    const decision = decide(classify(later))
    expect(decision.rule.id).toBe('R528')
    expect(plan(decision, later)).toEqual([
      { kind: 'stop-postgres', mode: 'immediate' },
      { kind: 'release-lease', handOverTo: 'pg-2' },
      { kind: 'back-off' },
    ])
  })

  it('waits behind the gate until k members have flushed past the first record', () => {
    const preparing = { tenure: tenure(1, 'preparing'), gateLsn: 1100 as Lsn }
    const behind = primary([walsender('pg-1', 1000)])
    expect(outcome(facts('pg-0', { ...preparing, server: behind }))[0]).toBe('R502')
    const flushed = primary([walsender('pg-1', 1100)])
    expect(outcome(facts('pg-0', { ...preparing, server: flushed }))[0]).toBe('R500')
  })
})

describe('a switchover', () => {
  const request = { id: 's-1', to: asNodeName('pg-2'), requestedAtMs: 0 as never }
  const store = storeView({ control: { switchover: request, paused: null } })
  const held = { tenure: tenure(1, 'serving'), store, server: primary() }
  const progress = { id: 's-1', isCheckpointed: true, sinceMs: asMonotonic(99_000) }

  it('asked for → a checkpoint first, then the hand-over', () => {
    expect(outcome(facts('pg-0', held))[0]).toBe('R402')
    expect(outcome(facts('pg-0', { ...held, switchover: progress }))).toEqual([
      'R400',
      ['close-gate', 'stop-postgres', 'release-lease'],
    ])
  })

  it('to a node that does not stream → cancelled', () => {
    const server = primary([walsender('pg-1', 1000)])
    expect(outcome(facts('pg-0', { ...held, server }))[0]).toBe('R404')
  })

  it('to a standby far behind → waits for it, and gives up after a minute', () => {
    const server = primary([walsender('pg-2', 1000)], 1e9)
    expect(outcome(facts('pg-0', { ...held, server, switchover: progress }))[0]).toBe('R402')
    const old = { ...progress, sinceMs: asMonotonic(30_000) }
    expect(outcome(facts('pg-0', { ...held, server, switchover: old }))[0]).toBe('R404')
  })
})

describe('the first primary', () => {
  const fresh = {
    store: storeView({ lease: null, sync: null, reports: [] }),
    local: { ...facts('pg-0').local, incarnation: null, promise: null },
    directory: { kind: 'absent' } as const,
    server: { kind: 'absent' } as const,
    noLeaseSinceMs: asMonotonic(99_990),
    bootstrapCheck: 'clear' as const,
  }

  it('the first data node goes first; the next one only after a while', () => {
    expect(outcome(facts('pg-0', fresh))[0]).toBe('R300')
    expect(outcome(facts('pg-1', fresh))[0]).toBe('R800')
    expect(outcome(facts('pg-1', { ...fresh, noLeaseSinceMs: asMonotonic(90_000) }))[0]).toBe(
      'R300',
    )
  })

  it('somebody has data although the store knows nothing → nobody makes a new cluster', () => {
    expect(outcome(facts('pg-0', { ...fresh, bootstrapCheck: 'data-elsewhere' }))[0]).toBe('R800')
    const here = { ...fresh, server: standby(), directory: facts('pg-0').directory }
    expect(outcome(facts('pg-0', here))).toEqual(['R302', ['fail']])
  })

  it('a directory of another cluster is left alone', () => {
    const directory = { ...facts('pg-1').directory, systemId: 'another' } as Facts['directory']
    expect(outcome(facts('pg-1', { directory, server: { kind: 'stopped' } }))).toEqual([
      'R320',
      ['fail'],
    ])
  })

  it('a node marked noFailover never starts a cluster nor an election', () => {
    const cluster = layout(['pg-0', 'pg-1', 'pg-2'], {
      nodes: [nodeLayout('pg-0'), nodeLayout('pg-1', { noFailover: true }), nodeLayout('pg-2')],
    })
    const late = { ...fresh, noLeaseSinceMs: asMonotonic(0) }
    expect(outcome(facts('pg-1', { ...late, layout: cluster }))[0]).toBe('R800')
    expect(outcome(facts('pg-1', { layout: cluster, leaseSeenAtMs: expired }))[0]).toBe('R608')
  })
})
