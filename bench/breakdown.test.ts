import { describe, expect, test } from 'vitest'
import type { EventKind, JournalEvent } from '../src/core/journal-event.ts'
import { asEpoch, asMonotonic, asNodeName } from '../src/core/names.ts'
import { breakDown, rejoinKindOf } from './breakdown.ts'

let count = 0

function event(kind: EventKind, node: string, atMs: number, epoch: number): JournalEvent {
  count += 1
  return {
    id: `e-${count}`,
    kind,
    node: asNodeName(node),
    epoch: asEpoch(epoch),
    ruleId: null,
    message: '',
    operands: {},
    atMs: 0 as JournalEvent['atMs'],
    atMonotonicMs: asMonotonic(atMs),
  }
}

const former = asNodeName('pg-0')

describe('breakdown', () => {
  test('plain failover → each step since the fault, events in any order', () => {
    const events = [
      event('opened', 'pg-1', 1400, 2),
      event('lease-acquired', 'pg-1', 1080, 2),
      event('lease-released', 'pg-0', 1050, 1),
      event('elected', 'pg-1', 1150, 2),
      event('promoted', 'pg-1', 1300, 2),
      event('opened', 'pg-0', 10, 1),
    ]
    expect(breakDown(events, 1000, former)).toEqual({
      releasedMs: 50,
      acquiredMs: 80,
      electedMs: 150,
      promotedMs: 300,
      openedMs: 400,
      acquisitions: 1,
    })
  })

  test('first candidate hands over → steps of the epoch that opened, both acquisitions counted', () => {
    const events = [
      event('lease-acquired', 'pg-1', 1080, 2),
      event('lease-acquired', 'pg-2', 1200, 3),
      event('elected', 'pg-2', 1250, 3),
      event('promoted', 'pg-2', 1300, 3),
      event('opened', 'pg-2', 1400, 3),
    ]
    expect(breakDown(events, 1000, former)).toMatchObject({
      releasedMs: null,
      acquiredMs: 200,
      acquisitions: 2,
    })
  })

  test('nobody opened → nothing is invented', () => {
    expect(breakDown([event('lease-acquired', 'pg-1', 1080, 2)], 1000, former)).toMatchObject({
      acquiredMs: null,
      openedMs: null,
      acquisitions: 1,
    })
  })
})

describe('rejoin kind', () => {
  test('rewound, then followed → rewind; what happened before does not count', () => {
    const events = [
      event('cloned', 'pg-0', 500, 1),
      event('rewound', 'pg-0', 1500, 2),
      event('following', 'pg-0', 1600, 2),
      event('cloned', 'pg-1', 1700, 2),
    ]
    expect(rejoinKindOf(events, former, 1000)).toBe('rewind')
    expect(rejoinKindOf(events, former, 1550)).toBe('follow')
    expect(rejoinKindOf(events, former, 1650)).toBe('none')
  })
})
