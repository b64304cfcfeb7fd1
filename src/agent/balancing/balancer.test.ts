import { describe, expect, it } from 'vitest'
import { makeReport } from '../../../test/support/agent-double.ts'
import { manualClock, settle } from '../../../test/support/manual-clock.ts'
import type { JournalEvent } from '../../core/journal-event.ts'
import type { LeaseRecord } from '../../core/lease.ts'
import { asEpoch, asNodeName } from '../../core/names.ts'
import type { NodeName } from '../../core/names.ts'
import type { NodeReport } from '../../core/node-report.ts'
import { emptyStoreView } from '../../core/store-view.ts'
import type { StoreView } from '../../core/store-view.ts'
import { timingPlans } from '../../core/timing-plan.ts'
import type { ClusterLayout } from '../../core/cluster-layout.ts'
import type { ClusterStore } from '../../ports/cluster-store.ts'
import type { Journal } from '../../ports/journal.ts'
import type { Peers } from '../../ports/peers.ts'
import { ProxyError } from '../../ports/proxy.ts'
import type { Proxy, ProxyState } from '../../ports/proxy.ts'
import type { Random } from '../../ports/random.ts'
import type { StoreMember } from '../../ports/store-member.ts'
import type { Vip, VipState } from '../../ports/vip.ts'
import { createBalancer } from './balancer.ts'

function bench(vip: Vip | null = null) {
  const { clock, advance } = manualClock()
  const calls: string[] = []
  const published: NodeReport[] = []
  const appended: string[] = []
  let listener: (view: StoreView) => void = () => undefined
  let onStarted: () => void = () => undefined
  const proxyState: { current: ProxyState } = { current: { kind: 'running', outdated: null } }
  const strays: NodeName[] = []
  /** In which epoch each node says to let clients in; the holder of a lease that serves does so at once. */
  const openIn = new Map<NodeName, number | null>()
  const failures: Error[] = []
  const proxy: Proxy = {
    start: () => void calls.push('start'),
    state: () => proxyState.current,
    onStarted: (each) => (onStarted = each),
    routeWrites: async (node) => {
      calls.push(`route ${node ?? 'nobody'}`)
      const failure = failures.shift()
      if (failure !== undefined) throw failure
    },
    openForWrites: async () => strays.splice(0),
    closeWrites: async (closed) => void calls.push(`close ${closed.join(',')}`),
    stop: async () => void calls.push('stop'),
  }
  const store = {
    watch: (each: (view: StoreView) => void) => (listener = each),
    publish: async (report: NodeReport) => void published.push(report),
    readEvents: async () => [],
    appendEvents: async (events: readonly JournalEvent[]) => {
      appended.push(...events.map((event) => event.message))
    },
  } as unknown as ClusterStore
  const journal: Journal = { record: () => undefined, log: () => undefined }
  const member = {
    start: () => undefined,
    stop: async () => undefined,
    state: () => ({ kind: 'none' }),
  } as unknown as StoreMember
  const peers = {
    hello: async (name: NodeName) => {
      const isServing = lease.state === 'serving' && lease.holder === name
      const epoch = openIn.has(name) ? openIn.get(name) : isServing ? lease.epoch : null
      const state = epoch === null ? 'promoting' : 'running'
      return { report: makeReport({ name, state, epoch: asEpoch(epoch ?? lease.epoch) }) }
    },
  } as unknown as Peers
  const random = { hex: () => 'abcd' } as unknown as Random
  const lb = { name: asNodeName('lb-0'), role: 'balancer' }
  const partner = { name: asNodeName('lb-1'), role: 'balancer' }
  const layout = {
    cluster: 'main',
    plan: timingPlans.fast,
    nodes: vip === null ? [lb] : [lb, partner],
    vip: vip === null ? null : { address: '10.0.0.100', advertMs: 1000 },
  } as unknown as ClusterLayout
  const options = { layout, node: asNodeName('lb-0'), version: '0.1.0' }
  const balancer = createBalancer(
    { clock, random, store, journal, proxy, member, peers, vip },
    options,
  )
  const controller = new AbortController()
  const finished = balancer.run(controller.signal)

  let revision = 10
  let lease: LeaseRecord = {
    holder: asNodeName('pg-0'),
    epoch: asEpoch(1),
    ttlMs: timingPlans.fast.ttlMs,
    sequence: 0,
    state: 'serving',
    systemId: null,
    handOverTo: null,
  }
  const see = async (
    changes: Partial<LeaseRecord> = {},
    reports: StoreView['reports'] = emptyStoreView.reports,
  ): Promise<void> => {
    lease = { ...lease, ...changes, sequence: lease.sequence + 1 }
    revision += 1
    listener({ ...emptyStoreView, revision, lease: { value: lease, revision }, reports })
    await settle()
    await settle()
  }
  return {
    balancer,
    calls,
    published,
    appended,
    strays,
    openIn,
    failures,
    proxyState,
    advance,
    see,
    restartProxy: async () => {
      onStarted()
      await settle()
      await settle()
    },
    stop: async () => {
      controller.abort()
      await settle()
      await advance(500)
      await finished
    },
  }
}

describe('balancer: a lease that was there before us', () => {
  it('routes nothing until it has been renewed once, for its age is unknown', async () => {
    const { calls, see, advance, stop } = bench()
    await see()
    await advance(1000)
    expect(calls).toEqual(['start'])
    await see()
    await advance(300)
    expect(calls).toEqual(['start', 'route pg-0'])
    await stop()
  })
})

describe('balancer: a lease that changes hands', () => {
  it('switches at once: first nobody, then the new holder', async () => {
    const { calls, see, stop } = bench()
    await see()
    await see({ state: 'released' })
    await see({ state: 'preparing', epoch: asEpoch(2), holder: asNodeName('pg-1') })
    await see({ state: 'serving' })
    expect(calls).toEqual(['start', 'route nobody', 'route nobody', 'route pg-1'])
    await stop()
  })

  it('renewals change nothing', async () => {
    const { calls, see, advance, stop } = bench()
    await see()
    await see({ epoch: asEpoch(2) })
    for (let renewal = 0; renewal < 5; renewal += 1) {
      await advance(150)
      await see()
    }
    expect(calls).toEqual(['start', 'route pg-0'])
    await stop()
  })

  it('closes a node that a late check has opened again', async () => {
    const { calls, see, advance, strays, balancer, stop } = bench()
    await see()
    await see({ epoch: asEpoch(2), holder: asNodeName('pg-1') })
    strays.push(asNodeName('pg-0'), asNodeName('pg-1'))
    await advance(300)
    expect(calls).toEqual(['start', 'route pg-1', 'close pg-0'])
    expect(balancer.status().counters).toMatchObject({ balancer_corrections: 1 })
    await stop()
  })

  it('leads clients to the new holder only when that says to let them in', async () => {
    const { calls, see, advance, openIn, stop } = bench()
    await see()
    const pg1 = asNodeName('pg-1')
    openIn.set(pg1, null)
    await see({ state: 'preparing', epoch: asEpoch(2), holder: pg1 })
    await see({ state: 'serving' })
    await advance(200)
    expect(calls.at(-1)).not.toBe('route pg-1')
    openIn.set(pg1, 2)
    await advance(20)
    expect(calls.at(-1)).toBe('route pg-1')
    await stop()
  })

  it('a check was faster than the store → the sessions that it let in stay', async () => {
    const { calls, see, advance, strays, openIn, stop } = bench()
    await see()
    await see({ epoch: asEpoch(2) })
    const pg1 = asNodeName('pg-1')
    openIn.set(pg1, 3)
    strays.push(pg1)
    await see({ state: 'released' })
    strays.push(pg1)
    await advance(250)
    expect(calls).toEqual(['start', 'route pg-0'])
    await see({ state: 'serving', epoch: asEpoch(3), holder: pg1 })
    expect(calls.at(-1)).toBe('route pg-1')
    await stop()
  })

  it('a primary that announces its stop is closed at once, and opened again when it stays', async () => {
    const { calls, see, published, stop } = bench()
    await see()
    await see({ epoch: asEpoch(2) })
    const pg0 = asNodeName('pg-0')
    const saying = (state: NodeReport['state'], revision: number) => {
      const value = makeReport({ name: pg0, state, isPrimary: true, epoch: asEpoch(2) })
      return new Map([[pg0, { value, revision }]])
    }
    await see({}, saying('stopping', 5))
    expect(calls.at(-1)).toBe('route nobody')
    expect(published.at(-1)?.balancing?.writesTo).toBeNull()
    await see({}, saying('running', 6))
    expect(calls.at(-1)).toBe('route pg-0')
    await stop()
  })

  it('tries again when the proxy did not obey', async () => {
    const { calls, see, advance, failures, stop } = bench()
    await see()
    failures.push(new ProxyError('no answer'))
    await see({ epoch: asEpoch(2) })
    await advance(300)
    expect(calls).toEqual(['start', 'route pg-0', 'route pg-0'])
    await stop()
  })

  it('tells a restarted proxy again', async () => {
    const { calls, see, restartProxy, stop } = bench()
    await see()
    await see({ epoch: asEpoch(2) })
    await restartProxy()
    expect(calls).toEqual(['start', 'route pg-0', 'route pg-0'])
    await stop()
  })

  it('does not speak to a proxy that does not run', async () => {
    const { calls, see, proxyState, balancer, stop } = bench()
    proxyState.current = { kind: 'failed', detail: 'port 5500 is taken' }
    await see()
    await see({ epoch: asEpoch(2) })
    expect(calls).toEqual(['start'])
    expect(balancer.role().isReady).toBe(false)
    expect(balancer.status().report).toMatchObject({
      state: 'failed',
      detail: 'port 5500 is taken',
    })
    await stop()
  })
})

describe('balancer: a store that falls silent', () => {
  it('leaves everything to the checks, and changes nothing when it comes back unchanged', async () => {
    const { calls, see, advance, strays, stop } = bench()
    await see()
    await see({ epoch: asEpoch(2) })
    await advance(timingPlans.fast.ttlMs + 100)
    strays.push(asNodeName('pg-1'))
    await advance(1000)
    expect(calls).toEqual(['start', 'route pg-0'])
    strays.splice(0)
    await see()
    await advance(300)
    expect(calls).toEqual(['start', 'route pg-0'])
    await stop()
  })
})

describe('balancer: what it tells', () => {
  it('reports itself, is no evidence, and sends requests to the primary', async () => {
    const { balancer, see, published, stop } = bench()
    await see()
    expect(balancer.role()).toMatchObject({ isPrimary: false, isStandby: false, isReady: true })
    expect(published[0]).toMatchObject({ name: 'lb-0', role: 'balancer', state: 'running' })
    expect(await balancer.requestSwitchover(null, false)).toEqual({
      kind: 'elsewhere',
      node: 'pg-0',
    })
    const seal = { systemId: makeReport().systemId!, epoch: asEpoch(9), candidate: asNodeName('x') }
    expect(await balancer.onSeal(seal)).toMatchObject({ kind: 'promised', incarnation: null })
    await stop()
  })

  it('tells at once that the shared address came or went', async () => {
    const listeners: (() => void)[] = []
    let state: VipState = { kind: 'running', isHere: false, outdated: null }
    const { published, appended, stop } = bench({
      start: () => undefined,
      state: () => state,
      onChange: (listener) => void listeners.push(listener),
      setFit: async () => undefined,
      stop: async () => undefined,
    })
    await settle()
    const become = async (next: VipState): Promise<void> => {
      state = next
      for (const listener of listeners) listener()
      await settle()
      await settle()
    }
    await become(state)
    await become({ kind: 'running', isHere: true, outdated: null })
    expect(published.map((report) => report.balancing?.hasVip)).toEqual([false, true])
    expect(appended).toEqual(['lb-0 has the address 10.0.0.100.'])
    await become({ kind: 'starting', detail: 'Keepalived ended' })
    expect(appended.at(-1)).toBe('lb-0 has the address 10.0.0.100 no longer.')
    await stop()
  })

  it('answers at once, and once, who has the shared address besides it', async () => {
    const { published, see, stop } = bench({
      start: () => undefined,
      state: () => ({ kind: 'running', isHere: true, outdated: null }),
      onChange: () => undefined,
      setFit: async () => undefined,
      stop: async () => undefined,
    })
    await settle()
    const name = asNodeName('lb-1')
    const balancing = { writesTo: null, hasVip: true, holding: 'lb-1@7', beside: [] }
    const reports = new Map([[name, { value: makeReport({ name, balancing }), revision: 5 }]])
    const before = published.length
    await see({}, reports)
    await see({}, reports)
    const answers = published.slice(before).map((report) => report.balancing?.beside)
    expect(answers).toEqual([['lb-1@7']])
    expect(published.at(-1)?.balancing?.holding).toMatch(/^lb-0@/)
    await stop()
  })

  it('stops the proxy when it is stopped', async () => {
    const { calls, stop } = bench()
    await stop()
    expect(calls.at(-1)).toBe('stop')
  })
})
