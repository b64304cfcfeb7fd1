import { describe, expect, it } from 'vitest'
import { makeReport } from '../../../test/support/agent-double.ts'
import { manualClock, settle } from '../../../test/support/manual-clock.ts'
import type { ClusterLayout, NodeLayout } from '../../core/cluster-layout.ts'
import { asNodeName } from '../../core/names.ts'
import type { NodeName } from '../../core/names.ts'
import type { BalancerReport } from '../../core/node-report.ts'
import { emptyStoreView } from '../../core/store-view.ts'
import type { Journal } from '../../ports/journal.ts'
import type { Peers } from '../../ports/peers.ts'
import { PeerUnavailableError } from '../../ports/peers.ts'
import type { Proxy, ProxyState } from '../../ports/proxy.ts'
import type { Vip, VipState } from '../../ports/vip.ts'
import { StoreMirror } from '../store-mirror.ts'
import { Holding } from './holding.ts'
import { keepVip } from './keep-vip.ts'

const advertMs = 200
const node = (name: string, role: string, host: string) => ({ name: asNodeName(name), role, host })
const pair = [
  node('pg-0', 'data', '10.0.0.1'),
  node('lb-0', 'balancer', '10.0.0.31'),
  node('lb-1', 'balancer', '10.0.0.32'),
]
/** What the other balancer says; this one is the last. */
const other: BalancerReport = {
  writesTo: asNodeName('pg-0'),
  hasVip: false,
  holding: null,
  beside: [],
}
const otherHasIt: BalancerReport = { ...other, hasVip: true, holding: 'lb-0@1' }

function bench(nodes = pair) {
  const { clock, advance, skip } = manualClock()
  const told: boolean[] = []
  const world = {
    proxy: { kind: 'running', outdated: null } as ProxyState,
    writesTo: [asNodeName('pg-0')] as readonly NodeName[],
    vip: { kind: 'running', isHere: true, outdated: null } as VipState,
    isStoreSilent: false,
    /** Revision of the other's report when it says nothing new any more. */
    lastWords: null as number | null,
    silent: [] as readonly string[],
    other,
    failures: 0,
  }
  const mirror = new StoreMirror(clock)
  const peers = {
    hello: async (name: NodeName, deadlineMs: number) => {
      if (!world.silent.includes(name)) return { report: makeReport({ name }) }
      await clock.sleep(deadlineMs)
      throw new PeerUnavailableError('silent')
    },
  } as unknown as Peers
  const vip = {
    state: () => world.vip,
    setFit: async (isFit: boolean) => {
      if (world.failures-- > 0) throw new Error('the disk is full')
      told.push(isFit)
    },
  } as unknown as Vip
  const logged: string[] = []
  const log = (_level: string, words: string) => void logged.push(words)
  const journal: Journal = { record: () => undefined, log }
  const controller = new AbortController()
  const layout = { nodes, vip: { advertMs } } as unknown as ClusterLayout
  const self = nodes.at(-1) as unknown as NodeLayout
  const holding = new Holding({ clock, vip, mirror, layout, self })
  const finished = keepVip(
    {
      clock,
      journal,
      peers,
      proxy: { state: () => world.proxy } as unknown as Proxy,
      vip,
      mirror,
      holding,
      layout,
      self,
      writesTo: () => world.writesTo,
      onVerdict: () => undefined,
    },
    controller.signal,
  )
  let revision = 0
  /** Time passes, and the store tells of a renewal every 50 ms unless it is silent. */
  const pass = async (durationMs: number): Promise<void> => {
    for (let passedMs = 0; passedMs < durationMs; passedMs += 50) {
      if (!world.isStoreSilent) see()
      await advance(50)
    }
  }
  const see = (): void => {
    revision += 1
    const here = holding.name()
    // One that lives and has it too answers what this balancer last told.
    const isAnswering = world.other.hasVip === true && world.lastWords === null && here !== null
    const value = makeReport({
      name: asNodeName('lb-0'),
      state: 'running',
      balancing: isAnswering ? { ...world.other, beside: [here] } : world.other,
      reportedAtMs: clock.wallClockMs(),
    })
    const reports = new Map([[value.name, { value, revision: world.lastWords ?? revision }]])
    mirror.accept({ ...emptyStoreView, revision, reports })
  }
  const stop = async (): Promise<void> => {
    controller.abort()
    await settle()
    await finished
  }
  return { world, told, logged, pass, skip, stop }
}

describe('keeping the virtual address', () => {
  it('a balancer whose proxy runs may have it, and is told so once', async () => {
    const { told, pass, stop } = bench()
    await pass(2000)
    expect(told).toEqual([true])
    await stop()
  })

  it('a proxy that is started again in time costs nothing; one that stays away does', async () => {
    const { world, told, pass, stop } = bench()
    await pass(200)
    world.proxy = { kind: 'starting', detail: '' }
    world.writesTo = []
    await pass(400)
    expect(told).toEqual([true])
    await pass(500)
    expect(told).toEqual([true, false])
    world.proxy = { kind: 'running', outdated: null }
    world.writesTo = [asNodeName('pg-0')]
    await pass(200)
    expect(told).toEqual([true, false, true])
    await stop()
  })

  it('a silent store alone is no isolation: others are asked', async () => {
    const { world, told, pass, stop } = bench()
    await pass(200)
    world.isStoreSilent = true
    await pass(3000)
    expect(told).toEqual([true])
    await stop()
  })

  it('who hears nobody gives it up before three adverts have passed', async () => {
    const { world, told, pass, stop } = bench()
    await pass(200)
    world.isStoreSilent = true
    world.silent = ['pg-0', 'lb-0']
    await pass(3 * advertMs)
    expect(told).toEqual([true, false])
    world.silent = []
    world.isStoreSilent = false
    await pass(300)
    expect(told).toEqual([true, false, true])
    await stop()
  })

  it("an agent that was frozen takes its own silence for nobody else's", async () => {
    const { world, told, pass, skip, stop } = bench()
    await pass(200)
    world.isStoreSilent = true
    skip(5000)
    await pass(200)
    world.isStoreSilent = false
    await pass(500)
    expect(told).toEqual([true])
    await stop()
  })

  it('the only balancer keeps it, isolated or not', async () => {
    const { world, told, pass, stop } = bench([...pair.slice(0, 1), ...pair.slice(2)])
    world.isStoreSilent = true
    world.silent = ['pg-0', 'lb-0']
    world.writesTo = []
    await pass(5000)
    expect(told).toEqual([true])
    await stop()
  })

  it('what could not be told is told again', async () => {
    const { world, told, pass, stop } = bench()
    world.failures = 2
    await pass(500)
    expect(told).toEqual([true])
    await stop()
  })

  it('found beside another holder that it does not hear, it yields until it hears it', async () => {
    const { world, told, pass, stop } = bench()
    world.silent = ['pg-0', 'lb-0']
    await pass(200)
    world.other = otherHasIt
    await pass(400)
    world.vip = { kind: 'running', isHere: false, outdated: null }
    await pass(2000)
    expect(told).toEqual([true, false])
    world.silent = []
    await pass(600)
    expect(told).toEqual([true, false, true])
    await stop()
  })

  it('a holder of which nothing more is heard has not the address any more', async () => {
    const { world, told, pass, stop } = bench()
    world.silent = ['lb-0']
    world.other = otherHasIt
    await pass(400)
    world.isStoreSilent = true
    await pass(2500)
    expect(told).toEqual([true, false])
    await pass(1000)
    expect(told).toEqual([true, false, true])
    await stop()
  })

  it('the last words of a holder that has lost power do not count', async () => {
    const { world, told, pass, stop } = bench()
    world.vip = { kind: 'running', isHere: false, outdated: null }
    world.other = otherHasIt
    await pass(500)
    world.isStoreSilent = true
    world.silent = ['lb-0']
    await pass(700)
    world.vip = { kind: 'running', isHere: true, outdated: null }
    await pass(3000)
    expect(told).toEqual([true])
    await stop()
  })

  it('words that answer an earlier stay of the address here are last words too', async () => {
    const { world, told, pass, stop } = bench()
    world.silent = ['lb-0']
    world.lastWords = 1000
    world.other = { ...otherHasIt, beside: ['lb-1@0'] }
    await pass(3000)
    expect(told).toEqual([true])
    await stop()
  })

  it('a holder that has lost the election is given the time to let go', async () => {
    const { world, told, pass, stop } = bench()
    await pass(200)
    world.other = otherHasIt
    await pass(150)
    world.other = other
    await pass(2000)
    expect(told).toEqual([true])
    await stop()
  })

  it('a backup beside a holder is fit: it has nothing to give up', async () => {
    const { world, told, pass, stop } = bench()
    world.vip = { kind: 'running', isHere: false, outdated: null }
    world.other = otherHasIt
    await pass(1000)
    expect(told).toEqual([true])
    await stop()
  })

  it('a primary that only the other balancer reaches moves it there', async () => {
    const { world, told, pass, stop } = bench()
    await pass(200)
    world.writesTo = []
    await pass(900)
    expect(told).toEqual([true])
    await pass(400)
    expect(told).toEqual([true, false])
    await stop()
  })
})

describe('keeping the virtual address: what is old or half heard', () => {
  it('an agent that was started again does not believe the report of a host that is dead for long', async () => {
    const { world, told, pass, stop } = bench()
    world.silent = ['lb-0']
    world.other = otherHasIt
    world.lastWords = 1
    // The address is seen before the store answers.
    world.isStoreSilent = true
    await pass(400)
    world.isStoreSilent = false
    await pass(4000)
    expect(told).toEqual([true])
    await stop()
  })

  it('an agent that was frozen while the holder died keeps what it has taken', async () => {
    const { world, told, pass, skip, stop } = bench()
    world.vip = { kind: 'running', isHere: false, outdated: null }
    world.other = otherHasIt
    await pass(500)
    skip(5000)
    world.vip = { kind: 'running', isHere: true, outdated: null }
    world.silent = ['lb-0']
    world.isStoreSilent = true
    await pass(100)
    // What was said before its death arrives now.
    world.isStoreSilent = false
    world.lastWords = 1000
    await pass(4000)
    expect(told).toEqual([true])
    await stop()
  })

  it('who hears the other agent but not its adverts does not take the address again and again', async () => {
    const { world, told, pass, stop } = bench()
    world.other = otherHasIt
    for (let passedMs = 0; passedMs < 30_000; passedMs += 1000) {
      // Keepalived takes it within a second wherever it may and hears nobody.
      world.vip = { kind: 'running', isHere: told.at(-1) !== false, outdated: null }
      await pass(1000)
    }
    expect(told.length).toBeLessThan(8)
    await stop()
  })

  it('the last words of a partner that fell silent are no proof that it reaches the primary', async () => {
    const { world, told, pass, stop } = bench()
    await pass(500)
    // The primary and the store are lost at once; neither balancer can tell the other.
    world.isStoreSilent = true
    await pass(800)
    world.writesTo = []
    await pass(4000)
    expect(told).toEqual([true])
    await stop()
  })

  it('a full disk is told of once, not five times per advert', async () => {
    const { world, logged, pass, stop } = bench()
    await pass(200)
    world.failures = 1e9
    world.proxy = { kind: 'starting', detail: '' }
    await pass(10_000)
    expect(logged.length).toBeLessThan(5)
    await stop()
  })
})
