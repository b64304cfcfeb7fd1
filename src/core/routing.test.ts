import { describe, expect, it } from 'vitest'
import type { LeaseRecord, LeaseState } from './lease.ts'
import { asEpoch, asMonotonic, asNodeName } from './names.ts'
import { isSameRoute, writeRouteOf } from './routing.ts'

function lease(state: LeaseState): LeaseRecord {
  return {
    holder: asNodeName('pg-1'),
    epoch: asEpoch(7),
    ttlMs: 1250,
    sequence: 1,
    state,
    systemId: null,
    handOverTo: null,
  }
}

const at = asMonotonic

describe('routing: where writes may go', () => {
  it.each<[LeaseState, string]>([
    ['serving', 'holder'],
    ['preparing', 'nobody'],
    ['released', 'nobody'],
  ])('a fresh lease that is %s → %s', (state, kind) => {
    expect(writeRouteOf(lease(state), at(1000), at(2250)).kind).toBe(kind)
  })

  it.each<LeaseState>(['serving', 'preparing', 'released'])(
    'a lease that is %s and older than its time proves nothing',
    (state) => {
      expect(writeRouteOf(lease(state), at(1000), at(2251))).toEqual({ kind: 'unknown' })
    },
  )

  it('a lease of unknown age proves nothing', () => {
    expect(writeRouteOf(lease('serving'), null, at(1))).toEqual({ kind: 'unknown' })
    expect(writeRouteOf(null, at(1), at(1))).toEqual({ kind: 'unknown' })
  })

  it('the same holder in a new epoch is another route', () => {
    const holder = { kind: 'holder', node: asNodeName('pg-1'), epoch: asEpoch(7) } as const
    expect(isSameRoute(holder, { ...holder })).toBe(true)
    expect(isSameRoute(holder, { ...holder, epoch: asEpoch(8) })).toBe(false)
    expect(isSameRoute(holder, { kind: 'nobody', epoch: asEpoch(7) })).toBe(false)
    expect(isSameRoute(holder, { kind: 'unknown' })).toBe(false)
    expect(isSameRoute({ kind: 'unknown' }, { kind: 'unknown' })).toBe(true)
  })
})
