// What a node still counts for after the change of its directory failed: nothing is evidence that may
// have become another directory (I11), and a primary that died is no reason for a copy.

import { describe, expect, it, vi } from 'vitest'
import { nodeLayout, systemId } from '../../../test/support/facts.ts'
import { makeNode } from '../../../test/support/node-double.ts'
import type { Decision } from '../../core/decision.ts'
import type { LocalStateRecord } from '../../core/local-state.ts'
import type { Lsn } from '../../core/lsn.ts'
import { asEpoch, asTimeline } from '../../core/names.ts'
import type { PrimaryView } from '../../core/rejoin.ts'
import type { Postgres } from '../../ports/postgres.ts'
import { DirectoryChangedError, PostgresError } from '../../ports/postgres.ts'
import type { Node } from '../node.ts'
import { clone, rewind } from './standby.ts'

const primary: PrimaryView = {
  node: nodeLayout('pg-0'),
  epoch: asEpoch(7),
  timeline: asTimeline(3),
  history: [],
  systemId,
}
const decision = { kind: 'clone', rule: { id: 'R710', why: '' } } as unknown as Decision

/** A stopped node whose PostgreSQL does what `postgres` says; the rest of it always works. */
function stoppedNode(postgres: Partial<Postgres>): { node: Node; state: () => LocalStateRecord } {
  const working = {
    stop: () => Promise.resolve(),
    inspect: () =>
      Promise.resolve({
        kind: 'present',
        systemId,
        isStandby: true,
        isClean: true,
        timeline: asTimeline(2),
      }),
    identify: () => Promise.resolve({ systemId, timeline: asTimeline(3), lsn: 500 as Lsn }),
    keepDivergedWal: () => Promise.resolve({ path: 'diverged', commitCount: 1 }),
  }
  return makeNode({ postgres: { ...working, ...postgres } as Partial<Postgres>, guard: {} })
}

async function cloneOn(target: Node): Promise<void> {
  clone(target, { kind: 'clone', primary }, decision)
  await vi.waitUntil(() => target.operation.current() === null)
}

async function rewindOn(target: Node): Promise<void> {
  rewind(target, { kind: 'rewind', primary, forkLsn: 100 as Lsn }, decision)
  await vi.waitUntil(() => target.operation.current() === null)
}

const failingWith = (error: Error) => () => Promise.reject(error)

describe('evidence after a clone that failed', () => {
  it('nothing was replaced → as much evidence as before', async () => {
    const { node: target, state } = stoppedNode({
      clone: failingWith(new PostgresError('failed', 'pg_basebackup failed')),
    })
    await cloneOn(target)
    expect(state().suspendedUntil).toBeNull()
  })

  it('it may have been replaced → none, although what lies there looks whole', async () => {
    const { node: target, state } = stoppedNode({
      clone: failingWith(new DirectoryChangedError('the disk failed while it was replaced')),
    })
    await cloneOn(target)
    expect(state().suspendedUntil).toEqual({ timeline: 3, lsn: null })
  })

  it('replaced, and the primary is gone → none until it is known how far it must come', async () => {
    const { node: target, state } = stoppedNode({
      clone: () => Promise.resolve(),
      identify: failingWith(new PostgresError('failed', 'no answer')),
    })
    await cloneOn(target)
    expect(state().suspendedUntil).toEqual({ timeline: 3, lsn: null })
  })
})

describe('a rewind that failed', () => {
  const rewindFails = failingWith(new PostgresError('failed', 'pg_rewind failed'))

  it('the primary is there → the directory is to blame: copied next', async () => {
    const { node: target } = stoppedNode({ rewind: rewindFails })
    await rewindOn(target)
    expect(target.memory.rewindFailedEpoch).toBe(7)
  })

  it('it was ended for a seal → rewound again, and nobody is called', async () => {
    const { node: target } = stoppedNode({
      rewind: (_source, _onProgress, signal) =>
        new Promise((_resolve, reject) => {
          const end = () => reject(new PostgresError('timeout', 'aborted'))
          signal.addEventListener('abort', end)
        }),
    })
    rewind(target, { kind: 'rewind', primary, forkLsn: 100 as Lsn }, decision)
    await vi.waitUntil(() => target.ports.localState.get().suspendedUntil !== null)
    await target.operation.abort()
    expect(target.memory.rewindFailedEpoch).toBeNull()
    expect(target.memory.stage).toBeNull()
    expect(target.chronicle.recent().map(({ kind }) => kind)).not.toContain('failed')
  })

  it('the primary is gone → rewound again when there is one', async () => {
    const { node: target, state } = stoppedNode({
      rewind: rewindFails,
      identify: failingWith(new PostgresError('failed', 'no answer')),
    })
    await rewindOn(target)
    expect(target.memory.rewindFailedEpoch).toBeNull()
    expect(state().suspendedUntil).toBeNull()
  })
})
