import { describe, expect, it } from 'vitest'
import { journalEvent } from '../../test/support/store-records.ts'
import type { JournalEvent } from '../core/journal-event.ts'
import { asEpoch, asMonotonic, asNodeName } from '../core/names.ts'
import type { WallClockMs } from '../core/names.ts'
import { explainEvent } from './explain-event.ts'

const at = (
  atMs: number,
  epoch: number | null,
  kind: JournalEvent['kind'],
  node = 'pg-1',
): JournalEvent => ({
  ...journalEvent({ id: `${node}-${kind}-${String(atMs)}` }),
  kind,
  node: asNodeName(node),
  epoch: epoch === null ? null : asEpoch(epoch),
  atMs: (1_700_000_000_000 + atMs) as WallClockMs,
  atMonotonicMs: asMonotonic(atMs),
})

const stepsOf = (events: readonly JournalEvent[], id: string): readonly string[] =>
  explainEvent(events, id)?.steps.map(({ event }) => event.id) ?? []

describe('the steps around an event', () => {
  const first = [
    at(0, 1, 'opened', 'pg-0'),
    at(1000, 1, 'lease-released', 'pg-0'),
    at(1010, 2, 'lease-acquired'),
    at(1020, 2, 'elected'),
    at(1030, null, 'agent-started', 'pg-2'),
  ]
  const second = [at(3000, 2, 'lease-released'), at(3010, 3, 'elected', 'pg-0')]

  it('a change of primary right after another → the steps of its own, and how the former ended', () => {
    expect(stepsOf([...second, ...first], 'pg-1-elected-1020')).toEqual([
      'pg-0-lease-released-1000',
      'pg-1-lease-acquired-1010',
      'pg-1-elected-1020',
      'pg-2-agent-started-1030',
      'pg-1-lease-released-3000',
    ])
    expect(stepsOf([...first, ...second], 'pg-0-elected-3010')).toEqual([
      'pg-2-agent-started-1030',
      'pg-1-lease-released-3000',
      'pg-0-elected-3010',
    ])
  })

  it('a long silence ends a story', () => {
    const later = at(60_000, 3, 'following', 'pg-2')
    expect(stepsOf([...second, later], 'pg-0-elected-3010')).not.toContain(later.id)
  })

  it('an event that nobody knows → null', () => {
    expect(explainEvent(first, 'nix')).toBeNull()
  })
})
