import { describe, expect, it } from 'vitest'
import { makeReport } from '../../../test/support/agent-double.ts'
import { manualClock } from '../../../test/support/manual-clock.ts'
import type { ClusterLayout, NodeLayout } from '../../core/cluster-layout.ts'
import { asNodeName } from '../../core/names.ts'
import { emptyStoreView } from '../../core/store-view.ts'
import type { Vip, VipState } from '../../ports/vip.ts'
import { StoreMirror } from '../store-mirror.ts'
import { Holding } from './holding.ts'

function bench() {
  const { clock, skip } = manualClock()
  const world = { vip: { kind: 'running', isHere: false, outdated: null } as VipState }
  const mirror = new StoreMirror(clock)
  const nodes = ['lb-0', 'lb-1'].map((name) => ({ name: asNodeName(name), role: 'balancer' }))
  const holding = new Holding({
    clock,
    mirror,
    vip: { state: () => world.vip } as unknown as Vip,
    layout: { nodes } as unknown as ClusterLayout,
    self: nodes[0] as unknown as NodeLayout,
  })
  const become = (isHere: boolean): void => {
    world.vip = { kind: 'running', isHere, outdated: null }
    holding.look()
    skip(100)
  }
  return { holding, mirror, become }
}

describe('the stay of the address on a host', () => {
  it('has one name as long as it lasts', () => {
    const { holding, become } = bench()
    expect(holding.name()).toBeNull()
    become(true)
    const name = holding.name()
    become(true)
    expect(name).toMatch(/^lb-0@/)
    expect(holding.name()).toBe(name)
  })

  it('the next stay has another name, also when nobody asked between the two', () => {
    const { holding, become } = bench()
    become(true)
    const first = holding.name()
    become(false)
    become(true)
    expect(holding.name()).not.toBe(first)
  })

  it('lists the stays of others while it lasts, and none before', () => {
    const { holding, mirror, become } = bench()
    const name = asNodeName('lb-1')
    const balancing = { writesTo: null, hasVip: true, holding: 'lb-1@7', beside: [] }
    const reports = new Map([[name, { value: makeReport({ name, balancing }), revision: 5 }]])
    mirror.accept({ ...emptyStoreView, revision: 5, reports })
    expect(holding.beside()).toEqual([])
    become(true)
    expect(holding.beside()).toEqual(['lb-1@7'])
  })
})
