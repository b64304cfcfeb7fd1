import { describe, expect, it } from 'vitest'
import type { LeaseRecord, LeaseState } from './lease.ts'
import { asEpoch, asMonotonic, asNodeName } from './names.ts'
import type { NodeReport } from './node-report.ts'
import { isSameRoute, openEpochOf, writeRouteOf } from './routing.ts'
import type { RouteFacts } from './routing.ts'

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
const facts = (state: LeaseState, changes: Partial<RouteFacts> = {}): RouteFacts => ({
  lease: lease(state),
  seenAtMs: at(1000),
  nowMs: at(2250),
  report: null,
  openIn: asEpoch(7),
  ...changes,
})
const saying = (state: NodeReport['state'], epoch: number | null) =>
  ({ state, epoch }) as NodeReport

describe('routing: where writes may go', () => {
  it.each<[LeaseState, string]>([
    ['serving', 'holder'],
    ['preparing', 'nobody'],
    ['released', 'nobody'],
  ])('a fresh lease that is %s → %s', (state, kind) => {
    expect(writeRouteOf(facts(state)).kind).toBe(kind)
  })

  it.each<LeaseState>(['serving', 'preparing', 'released'])(
    'a lease that is %s and older than its time proves nothing',
    (state) => {
      expect(writeRouteOf(facts(state, { nowMs: at(2251) }))).toEqual({ kind: 'unknown' })
    },
  )

  it('a lease of unknown age proves nothing', () => {
    expect(writeRouteOf(facts('serving', { seenAtMs: null }))).toEqual({ kind: 'unknown' })
    expect(writeRouteOf(facts('serving', { lease: null }))).toEqual({ kind: 'unknown' })
  })

  it('a lease that serves before its holder says to be open → only the holder, and not yet', () => {
    for (const openIn of [null, asEpoch(6)]) {
      const route = writeRouteOf(facts('serving', { openIn }))
      expect(route).toEqual({ kind: 'opening', node: 'pg-1', epoch: 7 })
    }
  })

  it('a holder that announces its stop in this epoch → nobody; in an older one → still the holder', () => {
    const routeWith = (report: NodeReport) => writeRouteOf(facts('serving', { report })).kind
    expect(routeWith(saying('stopping', 7))).toBe('nobody')
    expect(routeWith(saying('stopping', 6))).toBe('holder')
    expect(routeWith(saying('running', 7))).toBe('holder')
  })

  it('only a node that runs open says in which epoch it is', () => {
    expect(openEpochOf(saying('running', 7))).toBe(7)
    expect(openEpochOf(saying('promoting', 7))).toBeNull()
    expect(openEpochOf(saying('running', null))).toBeNull()
  })

  it('the same holder in a new epoch is another route', () => {
    const holder = { kind: 'holder', node: asNodeName('pg-1'), epoch: asEpoch(7) } as const
    expect(isSameRoute(holder, { ...holder })).toBe(true)
    expect(isSameRoute(holder, { ...holder, epoch: asEpoch(8) })).toBe(false)
    expect(isSameRoute(holder, { kind: 'nobody', epoch: asEpoch(7) })).toBe(false)
    expect(isSameRoute(holder, { ...holder, kind: 'opening' })).toBe(false)
    expect(isSameRoute(holder, { kind: 'unknown' })).toBe(false)
    expect(isSameRoute({ kind: 'unknown' }, { kind: 'unknown' })).toBe(true)
  })
})
