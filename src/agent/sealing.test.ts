// What an agent may answer to a seal after a change of its server's configuration whose outcome is
// unknown: nothing, until it has taken the upstream away itself (safety.md 2.3 rule 2, [m2]).

import { describe, expect, it } from 'vitest'
import { layout, node, nodeLayout, systemId } from '../../test/support/facts.ts'
import type { Decision } from '../core/decision.ts'
import type { LocalStateRecord } from '../core/local-state.ts'
import type { Lsn } from '../core/lsn.ts'
import type { MonotonicMs, WallClockMs } from '../core/names.ts'
import { asEpoch, asTimeline, incarnationOf } from '../core/names.ts'
import { allProtections } from '../core/protections.ts'
import type { PrimaryView } from '../core/rejoin.ts'
import type { PostgresObservation, ServerConfig } from '../core/server.ts'
import { PostgresError } from '../ports/postgres.ts'
import { detach, follow } from './acting/standby.ts'
import type { AgentPorts, Node } from './node.ts'
import { createNode } from './node.ts'
import { seal } from './sealing.ts'

type Outcome = 'done' | 'done-but-answer-lost' | 'not-done'

const primary: PrimaryView = {
  node: nodeLayout('pg-0'),
  epoch: asEpoch(7),
  timeline: asTimeline(2),
  history: [],
  systemId,
}
const decision = { kind: 'follow', rule: { id: 'R706', why: '' } } as unknown as Decision
const request = { systemId, epoch: asEpoch(8), candidate: node('pg-2') }

/** A standby without a receiver; `effective` is what its server has really read last. */
function standby(): {
  node: Node
  effective: () => ServerConfig | null
  nextOutcome: (outcome: Outcome) => void
} {
  let effective: ServerConfig | null = null
  let outcome: Outcome = 'done'
  let state: LocalStateRecord = {
    promise: asEpoch(7),
    incarnation: incarnationOf(node('pg-1'), 'aaaaaaaa'),
    systemId,
    suspendedUntil: null,
    primaryEpoch: null,
  }
  const server: PostgresObservation = {
    kind: 'standby',
    position: { timeline: asTimeline(2), flushLsn: 500 as Lsn },
    replayLsn: 500 as Lsn,
    isReceiving: false,
    isStreaming: false,
    receivingFrom: null,
    isAtEndOfWal: true,
    trouble: null,
  }
  const postgres = {
    observe: () => Promise.resolve(server),
    inspect: () => Promise.resolve({ kind: 'absent' }),
    configure: (config: ServerConfig) => {
      if (outcome !== 'not-done') effective = config
      return outcome === 'done'
        ? Promise.resolve()
        : Promise.reject(new PostgresError('timeout', 'no answer'))
    },
  }
  const ports = {
    clock: {
      monotonicMs: () => 0 as MonotonicMs,
      wallClockMs: () => 0 as WallClockMs,
      sleep: () => Promise.resolve(),
    },
    random: { next: () => 0, hex: (length: number) => '0'.repeat(length) },
    journal: { record: () => undefined, log: () => undefined },
    localState: {
      get: () => state,
      save: (changes: Partial<LocalStateRecord>) => {
        state = { ...state, ...changes }
        return Promise.resolve()
      },
    },
    data: { postgres, guard: { holdsServer: () => true } },
  } as unknown as AgentPorts
  const options = {
    layout: layout(),
    node: node('pg-1'),
    version: '0',
    protections: allProtections,
  }
  return {
    node: createNode(ports, options),
    effective: () => effective,
    nextOutcome: (next) => {
      outcome = next
    },
  }
}

describe('a seal after a follow whose outcome is unknown', () => {
  it.each(['done-but-answer-lost', 'not-done'] as const)(
    '%s → the upstream is taken away before the answer',
    async (outcome) => {
      const { node: target, effective, nextOutcome } = standby()
      await detach(target)
      nextOutcome(outcome)
      await expect(follow(target, { kind: 'follow', primary }, decision)).rejects.toThrow()
      expect(target.memory.config).toBeNull()
      expect(target.memory.following).toBeNull()
      nextOutcome('done')
      const answer = await seal(target, request)
      expect(answer.kind).toBe('sealed')
      expect(effective()?.upstream).toBeNull()
    },
  )

  it('and the upstream cannot be taken away for sure → no answer', async () => {
    const { node: target, nextOutcome } = standby()
    await detach(target)
    nextOutcome('done-but-answer-lost')
    await expect(follow(target, { kind: 'follow', primary }, decision)).rejects.toThrow()
    await expect(seal(target, request)).rejects.toThrow()
    await expect(seal(target, request)).rejects.toThrow()
  })
})
