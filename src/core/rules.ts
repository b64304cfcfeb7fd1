// The decision table: first match wins. Ids are stable (hundreds per section, steps of two) and stand in
// every event that a rule caused. A row says when, what, and why in a sentence for operators.

import type { DecisionKind } from './decision.ts'
import type { DimensionName, Dimensions } from './situation.ts'

/** A dimension that is not named matches any value. */
export type Pattern = {
  readonly [Name in DimensionName]?: Dimensions[Name][number] | readonly Dimensions[Name][number][]
}

export type Rule = {
  readonly id: `R${number}`
  readonly section: Section
  readonly when: Pattern
  readonly decision: DecisionKind
  readonly why: string
}

export type Section =
  | 'stopping'
  | 'right to write'
  | 'lost records'
  | 'first primary'
  | 'open primary'
  | 'becoming primary'
  | 'free lease'
  | 'following'
  | 'waiting'

const stopped = ['was-primary', 'was-standby', 'half-promoted'] as const
const empty = ['absent', 'staged'] as const
const held = ['preparing', 'serving'] as const
const running = ['starting', 'primary', 'hung'] as const
/** A standby that has won its election and is to be promoted. */
const elected = {
  lease: 'preparing',
  server: 'standby',
  owner: 'me',
  recorded: 'this-epoch',
} as const

export const rules: readonly Rule[] = [
  {
    id: 'R100',
    section: 'stopping',
    when: { wish: 'stop' },
    decision: 'shut-down',
    why: 'This node was asked to stop: PostgreSQL is stopped cleanly and the lease is given back.',
  },

  // The right to write goes before everything that takes time.
  {
    id: 'R200',
    section: 'right to write',
    when: { lease: 'lost', server: running },
    decision: 'fence',
    why: 'The lease was lost, so PostgreSQL may not be writable here any longer.',
  },
  {
    id: 'R202',
    section: 'right to write',
    when: { lease: ['none', 'free', 'gone', 'other'], server: ['primary', 'hung'] },
    decision: 'fence',
    why: 'PostgreSQL runs as a primary without a lease of this node.',
  },
  {
    id: 'R212',
    section: 'right to write',
    when: { lease: ['unknown', 'unconfirmed'], server: running, deadline: 'passed' },
    decision: 'fence',
    why: 'The deadline that a former agent of this node was given has passed, and the lease was not renewed since.',
  },
  {
    id: 'R214',
    section: 'right to write',
    when: { lease: ['unknown', 'unconfirmed', 'none', 'free', 'other'], health: 'unguarded' },
    decision: 'fence',
    why: 'PostgreSQL was started here without pgherd: nothing would stop it at the end of the lease. It is started again under the guard.',
  },
  {
    id: 'R204',
    section: 'right to write',
    when: { lease: 'unconfirmed' },
    decision: 'reclaim-lease',
    why: 'The store still names this node as holder and its agent was restarted: it renews the lease before anything else.',
  },
  {
    id: 'R206',
    section: 'right to write',
    when: { lease: 'lost' },
    decision: 'give-up-lease',
    why: 'The lease was lost and nothing is writable here: the node goes back to being a standby.',
  },
  {
    id: 'R208',
    section: 'right to write',
    when: { lease: held, health: 'bad' },
    decision: 'fence-and-release',
    why: 'The disk does not finish writes or the guard is gone: a primary that cannot be trusted to write or to be stopped is no primary.',
  },
  {
    id: 'R216',
    section: 'right to write',
    when: { lease: held, health: 'unguarded' },
    decision: 'fence-and-release',
    why: 'PostgreSQL was started here without pgherd: nothing would stop it at the end of the lease. Another node takes over, and it is started again under the guard.',
  },
  {
    id: 'R210',
    section: 'right to write',
    when: { lease: held, server: 'hung' },
    decision: 'fence-and-release',
    why: 'PostgreSQL has not answered for a whole lease time.',
  },

  {
    id: 'R298',
    section: 'waiting',
    when: { operation: 'running' },
    decision: 'wait',
    why: 'A long operation runs; the right to write is watched meanwhile.',
  },

  // Records of the store that were deleted or garbled.
  {
    id: 'R340',
    section: 'lost records',
    when: { lease: held, records: 'restorable' },
    decision: 'restore-records',
    why: 'A record in etcd is missing or cannot be used; this node still holds the lease and knows what was there, so it writes it again.',
  },
  {
    id: 'R342',
    section: 'lost records',
    when: { lease: 'serving', server: 'primary', records: 'lost' },
    decision: 'keep-serving',
    why: 'The sync record in etcd is missing or cannot be used, and this agent has not seen it: the primary stays open, but no standby can be promoted.',
  },
  {
    id: 'R344',
    section: 'lost records',
    when: { lease: 'preparing', server: ['primary', 'unknown', 'starting'], records: 'lost' },
    decision: 'wait',
    why: 'The sync record in etcd is missing or cannot be used: nothing proves which standbys must have the commits, so the primary stays closed.',
  },
  {
    id: 'R346',
    section: 'lost records',
    when: { lease: 'preparing', records: 'lost' },
    decision: 'release-lease',
    why: 'The sync record in etcd is missing or cannot be used: without it no node may be promoted.',
  },
  {
    id: 'R348',
    section: 'lost records',
    when: { lease: ['none', 'free'], server: ['was-standby', 'half-promoted'], records: 'lost' },
    decision: 'start-standby',
    why: 'The sync record in etcd is missing or cannot be used: a standby starts, so that its WAL position can be read, but none is promoted.',
  },
  {
    id: 'R350',
    section: 'lost records',
    when: { lease: ['none', 'free'], records: 'lost' },
    decision: 'report-lost-record',
    why: 'The sync record in etcd is missing or cannot be used, and no node holds the lease: promoting a standby could lose commits.',
  },
  {
    id: 'R352',
    section: 'lost records',
    when: { lease: 'gone' },
    decision: 'wait',
    why: 'The lease in etcd is missing or cannot be used: its holder writes it again, or it is free when its time is over.',
  },

  // The very first primary.
  {
    id: 'R300',
    section: 'first primary',
    when: { lease: 'none', server: empty, owner: 'nobody', turn: 'now' },
    decision: 'acquire-first-lease',
    why: 'The store knows no cluster of this name, no node that answers has data, and it is the turn of this node to make the first primary.',
  },
  {
    id: 'R302',
    section: 'first primary',
    when: { lease: 'none', server: [...stopped, 'starting', 'standby', 'broken', 'foreign'] },
    decision: 'report-lost-store',
    why: 'There is data here, but the store knows no cluster: it was lost or this is the wrong store. Making a new primary could lose data.',
  },
  {
    id: 'R304',
    section: 'first primary',
    when: { lease: 'preparing', owner: 'nobody', server: empty },
    decision: 'bootstrap',
    why: 'This node won the right to make the first primary.',
  },
  {
    id: 'R306',
    section: 'first primary',
    when: { lease: ['free', 'preparing'], owner: 'me', server: 'staged' },
    decision: 'adopt-staged',
    why: 'The first primary was recorded; its directory takes its final place.',
  },
  {
    id: 'R308',
    section: 'first primary',
    when: { lease: 'free', owner: 'nobody', server: empty, turn: 'now' },
    decision: 'acquire-lease',
    why: 'The node that was to make the first primary did not finish; another one does.',
  },
  {
    id: 'R310',
    section: 'first primary',
    when: { lease: ['free', 'preparing', 'other'], owner: 'nobody', server: stopped },
    decision: 'report-lost-store',
    why: 'There is data here, but the store has no record of it.',
  },

  {
    id: 'R320',
    section: 'waiting',
    when: { server: 'foreign' },
    decision: 'report-foreign-data',
    why: 'The data directory belongs to another cluster (system identifier); it is left untouched.',
  },

  // The open primary.
  {
    id: 'R400',
    section: 'open primary',
    when: { lease: 'serving', server: 'primary', switchover: 'ready' },
    decision: 'hand-over',
    why: 'A switchover was asked for and the standby that takes over is close: writes stop, the rest is streamed, the lease is handed over.',
  },
  {
    id: 'R402',
    section: 'open primary',
    when: { lease: 'serving', server: 'primary', switchover: 'preparing' },
    decision: 'prepare-switchover',
    why: 'A switchover was asked for: a checkpoint is made first, so that stopping is short.',
  },
  {
    id: 'R404',
    section: 'open primary',
    when: { lease: 'serving', server: 'primary', switchover: 'impossible' },
    decision: 'cancel-switchover',
    why: 'The requested switchover would not be safe or possible now.',
  },
  {
    id: 'R406',
    section: 'open primary',
    when: { lease: 'serving', server: 'primary' },
    decision: 'keep-serving',
    why: 'The primary is open; the synchronous list and the slots follow the standbys.',
  },
  {
    id: 'R410',
    section: 'open primary',
    when: { lease: 'serving', server: stopped, successor: 'some' },
    decision: 'release-to-successor',
    why: 'PostgreSQL died here and none of its processes is left; a listed standby can take over at once.',
  },
  {
    id: 'R412',
    section: 'open primary',
    when: { lease: 'serving', server: stopped },
    decision: 'close',
    why: 'PostgreSQL does not run here and nobody else may be promoted without loss: it is started again, behind the gate.',
  },
  {
    id: 'R414',
    section: 'open primary',
    when: { lease: 'serving', server: ['absent', 'staged', 'broken', 'standby'] },
    decision: 'release-lease',
    why: 'What is here is no primary any more.',
  },
  {
    id: 'R416',
    section: 'open primary',
    when: { lease: 'serving' },
    decision: 'wait',
    why: 'PostgreSQL did not answer this time; the lease time decides how long this may last.',
  },

  // From the lease to an open primary.
  {
    id: 'R500',
    section: 'becoming primary',
    when: { lease: 'preparing', server: 'primary', owner: 'me', gate: 'passed' },
    decision: 'open',
    why: 'Enough listed standbys have flushed past the first record: the record is completed, the lease says serving, clients get in.',
  },
  {
    id: 'R502',
    section: 'becoming primary',
    when: { lease: 'preparing', server: 'primary', owner: 'me' },
    decision: 'prove-list',
    why: 'Clients wait until enough listed standbys have flushed past the first record after this start.',
  },
  {
    id: 'R504',
    section: 'becoming primary',
    when: { lease: 'preparing', server: 'primary' },
    decision: 'fence',
    why: 'PostgreSQL runs as a primary, but the record names another owner.',
  },
  {
    id: 'R506',
    section: 'becoming primary',
    when: { lease: 'preparing', server: 'was-primary', owner: 'me' },
    decision: 'resume',
    why: 'This node is the owner in the record, so it holds every acknowledged commit: it starts again on its own timeline.',
  },
  {
    id: 'R508',
    section: 'becoming primary',
    when: { lease: 'preparing', server: 'was-standby', owner: 'me' },
    decision: 'start-standby',
    why: 'This node is the owner in the record, but was not promoted yet.',
  },
  {
    id: 'R510',
    section: 'becoming primary',
    when: { ...elected, promotion: 'possible' },
    decision: 'promote',
    why: 'The record names this node as owner under this epoch.',
  },
  {
    id: 'R528',
    section: 'becoming primary',
    when: { ...elected, promotion: 'stuck' },
    decision: 'pass-on-promotion',
    why: 'This node is elected, but PostgreSQL cannot be prepared for its promotion here: another node gets its turn.',
  },
  {
    id: 'R512',
    section: 'becoming primary',
    when: { lease: 'preparing', server: 'standby', election: 'eligible' },
    decision: 'record-election',
    why: 'Every list of the record is proved by sealed members and none of them is ahead.',
  },
  {
    id: 'R514',
    section: 'becoming primary',
    when: { lease: 'preparing', server: 'standby', election: 'behind' },
    decision: 'hand-over-election',
    why: 'A sealed member has more WAL: it gets the lease. A worse node is never promoted.',
  },
  {
    id: 'R516',
    section: 'becoming primary',
    when: { lease: 'preparing', server: 'standby', election: 'fetch' },
    decision: 'fetch-wal',
    why: 'A sealed member that may not be promoted has more WAL: the difference is streamed from it while it stays sealed.',
  },
  {
    id: 'R518',
    section: 'becoming primary',
    when: { lease: 'preparing', server: 'standby', election: 'short' },
    decision: 'refuse-election',
    why: 'Too few listed members answered to prove that nothing acknowledged would be lost.',
  },
  {
    id: 'R520',
    section: 'becoming primary',
    when: { lease: 'preparing', server: 'standby', election: 'not-asked' },
    decision: 'ask-seals',
    why: 'The lease is held; the members are asked to stop acknowledging the old primary.',
  },
  {
    id: 'R522',
    section: 'becoming primary',
    when: { lease: 'preparing', server: 'standby' },
    decision: 'wait',
    why: 'Members are being sealed.',
  },
  {
    id: 'R524',
    section: 'becoming primary',
    when: { lease: 'preparing', server: ['unknown', 'starting'] },
    decision: 'wait',
    why: 'PostgreSQL does not answer yet.',
  },
  {
    id: 'R526',
    section: 'becoming primary',
    when: { lease: 'preparing' },
    decision: 'release-lease',
    why: 'The lease is held, but what is here cannot become the primary.',
  },

  // Nobody holds the lease.
  {
    id: 'R600',
    section: 'free lease',
    when: { lease: 'free', server: 'standby', turn: 'now' },
    decision: 'acquire-lease',
    why: 'The lease is free and this standby may prove that it has everything.',
  },
  {
    id: 'R602',
    section: 'free lease',
    when: { lease: 'free', server: ['was-primary', 'was-standby'], owner: 'me', turn: 'now' },
    decision: 'acquire-lease',
    why: 'The lease is free and this node is the owner in the record.',
  },
  {
    id: 'R604',
    section: 'free lease',
    when: { lease: 'free', server: ['was-standby', 'half-promoted'] },
    decision: 'start-standby',
    why: 'A standby reads its WAL to the end, so that it can be evidence.',
  },
  {
    id: 'R606',
    section: 'free lease',
    when: { lease: 'free', server: 'was-primary', owner: 'other' },
    decision: 'start-standby',
    why: 'Another node was elected after this one: it comes back as a standby.',
  },
  {
    id: 'R608',
    section: 'free lease',
    when: { lease: 'free' },
    decision: 'wait',
    why: 'The lease is free, but it is not the turn of this node.',
  },

  // Another node is, or becomes, primary.
  {
    id: 'R700',
    section: 'following',
    when: { lease: 'other', server: stopped },
    decision: 'start-standby',
    why: 'Another node holds the lease: this one starts as a standby and reads its own WAL to the end.',
  },
  {
    id: 'R702',
    section: 'following',
    when: { lease: 'other', server: 'standby', rejoin: 'streaming' },
    decision: 'keep-following',
    why: 'This standby streams from the primary.',
  },
  {
    id: 'R704',
    section: 'following',
    when: { lease: 'other', server: 'standby', rejoin: 'detach' },
    decision: 'detach',
    why: 'This standby receives from a node that is not the primary of this epoch.',
  },
  {
    id: 'R706',
    section: 'following',
    when: { lease: 'other', server: 'standby', rejoin: 'follow' },
    decision: 'follow',
    why: 'Everything here is part of the history of the primary: it can follow as it is.',
  },
  {
    id: 'R708',
    section: 'following',
    when: { lease: 'other', server: 'standby', rejoin: 'rewind' },
    decision: 'rewind',
    why: 'There is WAL here that the history of the primary does not have: it is kept aside and cut off.',
  },
  {
    id: 'R710',
    section: 'following',
    when: { lease: 'other', server: ['standby', 'absent', 'staged', 'broken'], rejoin: 'clone' },
    decision: 'clone',
    why: 'Nothing here can be used to follow the primary, so it is copied.',
  },
  {
    id: 'R714',
    section: 'following',
    when: { lease: 'other', rejoin: 'stranger' },
    decision: 'wait',
    why: 'The lease names a node that the spec of this node does not have, so it is not followed: compare the specs of the nodes.',
  },
  {
    id: 'R712',
    section: 'following',
    when: { lease: 'other' },
    decision: 'wait',
    why: 'There is no primary of this epoch to follow yet.',
  },

  {
    id: 'R800',
    section: 'waiting',
    when: { lease: 'none' },
    decision: 'wait',
    why: 'The store knows no cluster yet and it is not the turn of this node to make one.',
  },
  {
    id: 'R802',
    section: 'waiting',
    when: { lease: 'unknown' },
    decision: 'wait',
    why: 'The store has not answered yet. A running PostgreSQL is watched by the guard.',
  },
]
