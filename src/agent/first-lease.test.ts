// Whether a node may try to make the first primary: what it and the others know of a cluster.

import { describe, expect, it } from 'vitest'
import { makeReport } from '../../test/support/agent-double.ts'
import { layout, node as name, systemId } from '../../test/support/facts.ts'
import { leaseRecord } from '../../test/support/store-records.ts'
import type { LocalStateRecord } from '../core/local-state.ts'
import type { MonotonicMs } from '../core/names.ts'
import { asEpoch } from '../core/names.ts'
import { allProtections } from '../core/protections.ts'
import { emptyStoreView } from '../core/store-view.ts'
import type { ClusterTrace, HelloAnswer } from '../ports/peers.ts'
import { checkBeforeFirstLease, tracesOf } from './first-lease.ts'
import type { AgentPorts, Node } from './node.ts'
import { createNode } from './node.ts'

type Known = {
  readonly local?: Partial<LocalStateRecord>
  /** What every other node answers, unless `answers` names it; null: silent. */
  readonly answers?: Readonly<Record<string, HelloAnswer | null>>
  readonly leaseEpoch?: number
  /** A lease record lies there that nobody can use. */
  readonly isLeasePoisoned?: boolean
}

const answer = (changes: Partial<HelloAnswer> = {}): HelloAnswer => ({
  report: makeReport({ promise: asEpoch(0), systemId: null }),
  hasData: false,
  hasEverRunStore: true,
  traces: ['store'],
  foundingToken: null,
  ...changes,
})

function emptyNode({ local = {}, answers = {}, leaseEpoch, isLeasePoisoned = false }: Known): Node {
  const state: LocalStateRecord = {
    promise: null,
    incarnation: null,
    systemId: null,
    suspendedUntil: null,
    primaryEpoch: null,
    ...local,
  }
  const ports = {
    clock: {
      monotonicMs: () => 0 as MonotonicMs,
      wallClockMs: () => 0,
      sleep: async () => undefined,
    },
    random: { next: () => 0, hex: (length: number) => '0'.repeat(length) },
    journal: { record: () => undefined, log: () => undefined },
    localState: { get: () => state, save: async () => undefined },
    member: { hasEverRun: () => true, foundingToken: () => null },
    peers: {
      hello: async (peer: string) => {
        const said = peer in answers ? answers[peer] : answer()
        if (said === null || said === undefined) throw new Error('silent')
        return said
      },
    },
    data: { postgres: {}, guard: {} },
  } as unknown as AgentPorts
  const made = createNode(ports, {
    layout: layout(),
    node: name('pg-0'),
    version: '0',
    protections: allProtections,
  })
  const lease =
    leaseEpoch === undefined
      ? null
      : { value: leaseRecord({ epoch: asEpoch(leaseEpoch) }), revision: 1 }
  const unusable = isLeasePoisoned ? [{ key: 'lease' as const, why: 'is none', revision: 3 }] : []
  made.mirror.accept({ ...emptyStoreView, lease, unusable })
  made.memory.directory = { kind: 'absent' }
  return made
}

const knowing = (changes: Parameters<typeof makeReport>[0]): HelloAnswer =>
  answer({ report: makeReport({ promise: asEpoch(0), systemId: null, ...changes }) })

describe('the first primary', () => {
  it.each([
    ['nobody knows anything', {}, 'clear'],
    ['a standby is silent', { answers: { 'pg-2': null } }, 'unknown'],
    ['an agent has not looked yet', { answers: { 'pg-1': answer({ traces: null }) } }, 'unknown'],
    ['another has data', { answers: { 'pg-1': answer({ hasData: true }) } }, 'data-elsewhere'],
    [
      'another has data, a third is silent',
      { answers: { 'pg-1': answer({ hasData: true }), 'pg-2': null } },
      'data-elsewhere',
    ],
    [
      'another has a promise',
      { answers: { 'pg-1': knowing({ promise: asEpoch(3) }) } },
      'data-elsewhere',
    ],
    ['another has an identifier', { answers: { 'pg-1': knowing({ systemId }) } }, 'data-elsewhere'],
    ['it has a promise itself', { local: { promise: asEpoch(2) } }, 'data-elsewhere'],
    ['it has an identifier itself', { local: { systemId } }, 'data-elsewhere'],
    [
      'its own attempt was cut off',
      { local: { promise: asEpoch(2), systemId }, leaseEpoch: 2 },
      'clear',
    ],
    [
      'its own attempt was cut off, and the lease in the store was poisoned',
      { local: { promise: asEpoch(1) }, isLeasePoisoned: true },
      'clear',
    ],
    [
      'the lease in the store was poisoned, another has data',
      { isLeasePoisoned: true, answers: { 'pg-1': answer({ hasData: true }) } },
      'data-elsewhere',
    ],
    [
      'its promise is above what the store knows',
      { local: { promise: asEpoch(5) }, leaseEpoch: 2 },
      'data-elsewhere',
    ],
  ] satisfies [string, Known, string][])('%s → %s', async (_, known, expected) => {
    const made = emptyNode(known)
    await checkBeforeFirstLease(made)
    expect(made.memory.bootstrapCheck).toBe(expected)
    expect(made.memory.bootstrapWait === null).toBe(expected === 'clear')
  })

  it('says for whom it waits', async () => {
    const made = emptyNode({ answers: { 'pg-2': null } })
    await checkBeforeFirstLease(made)
    expect(made.memory.bootstrapWait).toContain('waits for an answer from pg-2')
  })
})

describe('traces of a cluster', () => {
  it('unknown until the directory was looked at', () => {
    const made = emptyNode({ local: { promise: asEpoch(1), systemId } })
    const all: ClusterTrace[] = ['store', 'promise', 'system-id']
    expect(tracesOf(made)).toEqual(all)
    made.memory.directory = null
    expect(tracesOf(made)).toBeNull()
  })
})
