// What an agent may answer to a seal after a change of its server's configuration whose outcome is
// unknown: nothing, until it has taken the upstream away itself (safety.md 2.3 rule 2, [m2]).

import { describe, expect, it } from 'vitest'
import { node, nodeLayout, standby, systemId } from '../../test/support/facts.ts'
import { makeNode } from '../../test/support/node-double.ts'
import type { Decision } from '../core/decision.ts'
import { asEpoch, asTimeline } from '../core/names.ts'
import type { PrimaryView } from '../core/rejoin.ts'
import type { ServerConfig } from '../core/server.ts'
import type { Postgres } from '../ports/postgres.ts'
import { PostgresError } from '../ports/postgres.ts'
import { detach, follow } from './acting/standby.ts'
import type { Node } from './node.ts'
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
function sealable(): {
  node: Node
  effective: () => ServerConfig | null
  nextOutcome: (outcome: Outcome) => void
} {
  let effective: ServerConfig | null = null
  let outcome: Outcome = 'done'
  const postgres = {
    observe: () => Promise.resolve(standby()),
    inspect: () => Promise.resolve({ kind: 'absent' }),
    configure: (config: ServerConfig) => {
      if (outcome !== 'not-done') effective = config
      return outcome === 'done'
        ? Promise.resolve()
        : Promise.reject(new PostgresError('timeout', 'no answer'))
    },
  }
  return {
    node: makeNode({ postgres: postgres as Partial<Postgres>, guard: { holdsServer: () => true } })
      .node,
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
      const { node: target, effective, nextOutcome } = sealable()
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
    const { node: target, nextOutcome } = sealable()
    await detach(target)
    nextOutcome('done-but-answer-lost')
    await expect(follow(target, { kind: 'follow', primary }, decision)).rejects.toThrow()
    await expect(seal(target, request)).rejects.toThrow()
    await expect(seal(target, request)).rejects.toThrow()
  })
})
