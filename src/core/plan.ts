// Decision → ordered actions. Order matters: what must be true before the next step comes first.

import { assert } from '../lib/assert.ts'
import type { Action } from './action.ts'
import type { Decision, DecisionKind } from './decision.ts'
import type { Facts, Tenure } from './facts.ts'
import { primaryOf } from './rejoin.ts'
import type { PrimaryView } from './rejoin.ts'
import { kinshipOf } from './position.ts'
import { systemIdOf } from './store-view.ts'
import type { SyncRecord } from './sync-list.ts'
import { alternativeOf, successorOf } from './succession.ts'
import { switchoverOf } from './switchover.ts'
import { judgeElection } from './candidate.ts'
import { contradictedIn } from './one-incarnation.ts'
import type { ElectionResult } from './candidate.ts'
import { nodeIn } from './cluster-layout.ts'

const planners: Readonly<Record<DecisionKind, (facts: Facts) => readonly Action[]>> = {
  wait: () => [],
  'shut-down': planShutDown,
  fence: () => [{ kind: 'stop-postgres', mode: 'immediate' }, { kind: 'drop-lease' }],
  'fence-and-release': (facts) => [
    { kind: 'stop-postgres', mode: 'immediate' },
    // Somebody is named in any case: the owner would be the first to take it back otherwise (turnOf).
    { kind: 'release-lease', handOverTo: successorOf(facts) ?? alternativeOf(facts) },
    { kind: 'back-off' },
  ],
  'reclaim-lease': () => [{ kind: 'reclaim-lease' }],
  'give-up-lease': () => [{ kind: 'drop-lease' }],
  'acquire-first-lease': () => [{ kind: 'acquire-lease' }],
  'acquire-lease': () => [{ kind: 'acquire-lease' }],
  'release-lease': () => [{ kind: 'release-lease', handOverTo: null }, { kind: 'back-off' }],
  'release-to-successor': (facts) => [{ kind: 'release-lease', handOverTo: successorOf(facts) }],
  close: () => [{ kind: 'close-lease' }],
  'report-lost-store': () => [
    {
      kind: 'fail',
      detail:
        'there is data here, but the store has no record of this cluster; pgherd store recover brings it back',
    },
  ],
  'report-lost-record': () => [
    {
      kind: 'fail',
      detail: 'the sync record in etcd is missing or cannot be used: see `pgherd store recover`',
    },
  ],
  'restore-records': (facts) => [{ kind: 'restore-records', sync: facts.keptRecord }],
  'report-foreign-data': (facts) => [{ kind: 'fail', detail: foreignDetail(facts) }],
  bootstrap: (facts) => [{ kind: 'bootstrap', epoch: tenureOf(facts).epoch }],
  'adopt-staged': () => [{ kind: 'adopt-staged' }],
  resume: (facts) => [
    { kind: 'start-primary', epoch: tenureOf(facts).epoch, list: recordOf(facts).target },
  ],
  'start-standby': () => [{ kind: 'start-standby' }],
  'ask-seals': (facts) => [
    { kind: 'ask-seals', epoch: tenureOf(facts).epoch, systemId: recordOf(facts).systemId },
  ],
  'record-election': (facts) => [{ kind: 'record-election', epoch: tenureOf(facts).epoch }],
  'hand-over-election': (facts) => {
    const verdict = verdictOf(facts)
    assert(verdict.kind === 'behind', 'decided because another member is ahead')
    return [{ kind: 'release-lease', handOverTo: verdict.best }, { kind: 'back-off' }]
  },
  'fetch-wal': (facts) => {
    const verdict = verdictOf(facts)
    assert(verdict.kind === 'fetch', 'decided because another member is ahead')
    const { source, until } = verdict
    return [{ kind: 'fetch-wal', source: nodeIn(facts.layout, source), until }]
  },
  'refuse-election': () => [{ kind: 'release-lease', handOverTo: null }, { kind: 'back-off' }],
  promote: (facts) => [{ kind: 'promote', epoch: tenureOf(facts).epoch, record: recordOf(facts) }],
  // Stopped, because what was told to a server that does not do it may still be done.
  'pass-on-promotion': (facts) => [
    { kind: 'stop-postgres', mode: 'immediate' },
    { kind: 'release-lease', handOverTo: alternativeOf(facts) },
    { kind: 'back-off' },
  ],
  'prove-list': (facts) => [{ kind: 'prove-list', record: recordOf(facts) }],
  open: (facts) => [{ kind: 'open', epoch: tenureOf(facts).epoch, record: recordOf(facts) }],
  'keep-serving': () => [{ kind: 'keep-serving' }],
  'prepare-switchover': (facts) => [
    { kind: 'keep-serving' },
    { kind: 'checkpoint', requestId: facts.store?.control?.value.switchover?.id ?? '' },
  ],
  'hand-over': planHandOver,
  'cancel-switchover': () => [{ kind: 'clear-switchover' }],
  'keep-following': () => [{ kind: 'keep-following' }],
  detach: () => [{ kind: 'detach' }],
  follow: (facts) => [{ kind: 'follow', primary: thePrimary(facts) }],
  rewind: (facts) => {
    const primary = thePrimary(facts)
    assert(facts.server.kind === 'standby', 'only a running standby is judged to need a rewind')
    const kinship = kinshipOf(facts.server.position, primary.timeline, primary.history)
    const forkLsn = kinship.kind === 'diverged' ? kinship.forkLsn : null
    return [{ kind: 'rewind', primary, forkLsn }]
  },
  clone: (facts) => [{ kind: 'clone', primary: thePrimary(facts) }],
}

/** The actions that carry out a decision, in order. */
export function plan(decision: Decision, facts: Facts): readonly Action[] {
  return planners[decision.kind](facts)
}

function planShutDown(facts: Facts): readonly Action[] {
  const isHolder = facts.tenure !== null && !facts.tenure.isLost
  const release: readonly Action[] = isHolder
    ? [{ kind: 'release-lease', handOverTo: successorOf(facts) }]
    : []
  return [
    { kind: 'close-gate' },
    { kind: 'stop-postgres', mode: 'fast' },
    ...release,
    { kind: 'exit' },
  ]
}

function planHandOver(facts: Facts): readonly Action[] {
  const view = switchoverOf(facts)
  assert(view.kind === 'ready', 'a hand-over is decided only when it is ready')
  return [
    { kind: 'close-gate' },
    { kind: 'stop-postgres', mode: 'fast' },
    { kind: 'release-lease', handOverTo: view.to },
  ]
}

function tenureOf(facts: Facts): Tenure {
  assert(facts.tenure !== null, 'decided with the lease held')
  return facts.tenure
}

function recordOf(facts: Facts): SyncRecord {
  const record = facts.store?.sync?.value
  assert(record !== undefined, 'decided with a sync record')
  return record
}

function thePrimary(facts: Facts): PrimaryView {
  const primary = primaryOf(facts)
  assert(primary !== null, 'decided with a primary to follow')
  return primary
}

function verdictOf(facts: Facts): ElectionResult {
  const { election, local, layout, protections } = facts
  assert(election !== null && local.incarnation !== null, 'decided after an election')
  return judgeElection({
    self: local.incarnation,
    record: recordOf(facts),
    answers: election.answers,
    contradicted: contradictedIn(facts.store),
    durability: layout.durability,
    wantedCount: layout.syncStandbys,
    protections,
  })
}

function foreignDetail(facts: Facts): string {
  const here = facts.directory?.kind === 'present' ? facts.directory.systemId : 'unknown'
  const cluster = systemIdOf(facts.store) ?? 'unknown'
  return `the data directory has system identifier ${here}, the cluster has ${cluster}`
}
