// The agent of the data node pg-1 over doubles: its state in memory, a clock that stands still, and a
// PostgreSQL and a guard that do what the test says.

import type { LocalStateRecord } from '../../src/core/local-state.ts'
import type { MonotonicMs, WallClockMs } from '../../src/core/names.ts'
import { asEpoch, incarnationOf } from '../../src/core/names.ts'
import { allProtections } from '../../src/core/protections.ts'
import type { AgentPorts, Node } from '../../src/agent/node.ts'
import { createNode } from '../../src/agent/node.ts'
import type { Guard } from '../../src/ports/guard.ts'
import type { Postgres } from '../../src/ports/postgres.ts'
import { layout, node, systemId } from './facts.ts'

/** A node that has promised epoch 7 and is full evidence. */
export function makeNode(data: {
  readonly postgres: Partial<Postgres>
  readonly guard: Partial<Guard>
}): { readonly node: Node; readonly state: () => LocalStateRecord } {
  let state: LocalStateRecord = {
    promise: asEpoch(7),
    incarnation: incarnationOf(node('pg-1'), 'aaaaaaaa'),
    systemId,
    suspendedUntil: null,
    primaryEpoch: null,
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
    data,
  } as unknown as AgentPorts
  const options = {
    layout: layout(),
    node: node('pg-1'),
    version: '0',
    protections: allProtections,
  }
  return { node: createNode(ports, options), state: () => state }
}
