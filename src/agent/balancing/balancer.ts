// The agent of a balancer node. It keeps the proxy running and, when the lease changes hands, makes it
// switch at once instead of with its next checks. The proxy's own checks stay the truth: when this
// agent is dead, or does not hear from the store, they alone decide.

import type { ClusterLayout } from '../../core/cluster-layout.ts'
import { nodeIn } from '../../core/cluster-layout.ts'
import { screenView } from '../../core/record-screen.ts'
import { systemIdOf } from '../../core/store-view.ts'
import { noControl } from '../../core/control.ts'
import type { Epoch, NodeName } from '../../core/names.ts'
import type { WriteRoute } from '../../core/routing.ts'
import { isSameRoute, writeRouteOf } from '../../core/routing.ts'
import { messageOf } from '../../lib/errors.ts'
import type { AgentApi, AgentStatus, LeaseStatus, RequestAnswer } from '../../ports/agent-api.ts'
import { StoreUnavailableError } from '../../ports/cluster-store.ts'
import { Chronicle } from '../chronicle.ts'
import { StoreMirror } from '../store-mirror.ts'
import { Waker } from '../waker.ts'
import { Holding } from './holding.ts'
import { keepVip } from './keep-vip.ts'
import type { BalancerParts, BalancerPorts } from './parts.ts'
import { keepReporting, reportOf } from './report.ts'

export type BalancerOptions = {
  readonly layout: ClusterLayout
  readonly node: NodeName
  readonly version: string
}

export interface Balancer extends AgentApi {
  /** Runs until `signal` aborts and the proxy has ended. */
  run(signal: AbortSignal): Promise<void>
}

/** Pause between two looks at the proxy after a switch, when a check may still undo it, and later. */
const watchfulPauseMs = 250
const quietPauseMs = 1000
/** A check that began before a switch has ended after this long. */
const watchfulForMs = 5000
const liveMsMax = 5000
const commandDeadlineMs = 500

/** Joins the parts. Nothing runs before `run`. */
export function createBalancer(ports: BalancerPorts, options: BalancerOptions): Balancer {
  const { layout } = options
  const self = nodeIn(layout, options.node)
  // It promises nothing and has no data: it only says what is missing or contradicts itself.
  const mirror = new StoreMirror(ports.clock, (view) =>
    screenView(view, { promise: null, systemId: null }),
  )
  const parts: BalancerParts = {
    ...ports,
    layout,
    self,
    version: options.version,
    mirror,
    holding: new Holding({ ...ports, layout, self, mirror }),
    waker: new Waker(ports.clock),
    reportWaker: new Waker(ports.clock),
    chronicle: new Chronicle(ports.clock, ports.random, ports.journal, options.node),
    counters: {},
    memory: {
      loopedAtMs: ports.clock.monotonicMs(),
      isStopping: false,
      applied: null,
      writesTo: [],
      unfitBecause: null,
      switchedAtMs: ports.clock.monotonicMs(),
      firstLeaseRevision: null,
    },
  }
  mirror.onSignificantChange(() => {
    parts.waker.notify()
  })
  return {
    run: (signal) => run(parts, signal),
    onChange: (listener) => {
      mirror.onSignificantChange(listener)
    },
    role: () => roleOf(parts),
    status: () => statusOf(parts),
    events: (countMax) => events(parts, countMax),
    ...refusals(parts),
  }
}

async function run(parts: BalancerParts, signal: AbortSignal): Promise<void> {
  const { clock, store, proxy, member, mirror, holding, waker, reportWaker, memory } = parts
  const background = new AbortController()
  const stop = (): void => {
    memory.isStopping = true
    waker.notify()
  }
  signal.addEventListener('abort', stop, { once: true })
  if (signal.aborted) stop()
  proxy.onStarted(() => {
    memory.applied = null
    waker.notify()
  })
  member.start()
  proxy.start()
  let beside = ''
  store.watch((view) => {
    memory.firstLeaseRevision ??= view.lease?.revision ?? 0
    mirror.accept(view)
    const nowBeside = holding.beside().join()
    // Another one has the address too, and waits to be told that this one does.
    if (nowBeside !== beside) reportWaker.notify()
    beside = nowBeside
  }, background.signal)
  const reporting = keepReporting(parts, background.signal)
  const { vip } = parts
  const tellOfAddress = addressTeller(parts)
  vip?.onChange(() => {
    holding.look()
    tellOfAddress()
    // Whether two have the address is seen from reports: this one must not wait.
    reportWaker.notify()
  })
  vip?.start()
  const onVerdict = (unfitBecause: string | null): void => {
    memory.unfitBecause = unfitBecause
    reportWaker.notify()
  }
  const keeping =
    vip === null
      ? null
      : keepVip({ ...parts, vip, writesTo: () => memory.writesTo, onVerdict }, background.signal)
  while (!memory.isStopping) {
    memory.loopedAtMs = clock.monotonicMs()
    await keepRoute(parts)
    await waker.wait(pauseMs(parts))
  }
  background.abort()
  reportWaker.notify()
  await reporting
  await keeping
  // The address first: its next holder has sessions to take.
  await vip?.stop()
  await proxy.stop()
  await member.stop()
}

/** An address that was here when the agent began has not come: a former agent told of it. */
function addressTeller(parts: BalancerParts): () => void {
  const { vip, self, layout, memory, mirror, holding, chronicle } = parts
  let wasHere: boolean | null = null
  return () => {
    if (wasHere === null && vip?.state().kind !== 'running') return
    const isHere = holding.isHere()
    if (wasHere !== null && isHere !== wasHere) {
      const address = layout.vip?.address ?? 'the shared address'
      const because = memory.unfitBecause === null ? '' : `: ${memory.unfitBecause}`
      chronicle.say({
        kind: isHere === true ? 'vip-taken' : 'vip-left',
        epoch: mirror.view()?.lease?.value.epoch ?? null,
        message:
          isHere === true
            ? `${self.name} has the address ${address}.`
            : `${self.name} has the address ${address} no longer${because}.`,
      })
    }
    wasHere = isHere
  }
}

function pauseMs({ memory, clock, proxy }: BalancerParts): number {
  const isSettled = memory.applied !== null && proxy.state().kind === 'running'
  const quietMs = clock.monotonicMs() - memory.switchedAtMs
  return isSettled && quietMs > watchfulForMs ? quietPauseMs : watchfulPauseMs
}

/** Tells the proxy a new route, or holds it to the present one. */
async function keepRoute(parts: BalancerParts): Promise<void> {
  const { proxy, journal, memory, clock } = parts
  const route = routeOf(parts)
  if (proxy.state().kind !== 'running') {
    memory.writesTo = []
    return
  }
  const startedAtMs = clock.monotonicMs()
  try {
    const isNew = memory.applied === null || !isSameRoute(memory.applied, route)
    // A switch waits for nothing.
    if (route.kind === 'unknown' || !isNew) {
      memory.writesTo = await proxy.openForWrites(commandDeadlineMs)
    }
    if (route.kind === 'unknown') return
    const target = route.kind === 'holder' ? route.node : null
    if (!isNew) {
      // A check that was under way during the switch may have opened a node again.
      const strays = memory.writesTo.filter((node) => node !== target)
      if (strays.length === 0) return
      await proxy.closeWrites(strays, commandDeadlineMs)
      memory.writesTo = memory.writesTo.filter((node) => node === target)
      count(parts, 'balancer_corrections')
      journal.log('warn', `Closed ${strays.join(', ')} for writes: not the holder of the lease.`)
      return
    }
    await proxy.routeWrites(target, commandDeadlineMs)
    memory.writesTo = target === null ? [] : [target]
    memory.applied = route
    memory.switchedAtMs = clock.monotonicMs()
    count(parts, 'balancer_switches')
    const tookMs = Math.round((clock.monotonicMs() - startedAtMs) * 10) / 10
    const fields = { epoch: route.epoch, tookMs }
    const words = target === null ? 'Nobody takes writes now.' : `Writes go to ${target}.`
    journal.log('info', words, fields)
  } catch (error) {
    // One that does not answer leads nobody anywhere, as far as we know.
    memory.writesTo = []
    count(parts, 'balancer_failures')
    journal.log('warn', `The proxy could not be switched: ${messageOf(error)}`)
  }
}

function routeOf(parts: BalancerParts): WriteRoute {
  const { mirror, memory, clock } = parts
  const lease = mirror.view()?.lease ?? null
  const isOfUnknownAge = lease?.revision === memory.firstLeaseRevision
  const seenAtMs = isOfUnknownAge ? null : mirror.leaseSeenAtMs()
  return writeRouteOf(lease?.value ?? null, seenAtMs, clock.monotonicMs())
}

function count(parts: BalancerParts, name: string): void {
  parts.counters[name] = (parts.counters[name] ?? 0) + 1
}

function roleOf(parts: BalancerParts): ReturnType<AgentApi['role']> {
  const { clock, memory, proxy } = parts
  const isLive = clock.monotonicMs() - memory.loopedAtMs < liveMsMax
  return {
    isPrimary: false,
    isStandby: false,
    lagBytes: null,
    isLive,
    isReady: isLive && proxy.state().kind === 'running',
  }
}

function leaseStatusOf(parts: BalancerParts): LeaseStatus | null {
  const { mirror, clock } = parts
  const lease = mirror.view()?.lease?.value
  if (lease === undefined) return null
  const leftMs = mirror.leaseSeenAtMs() + lease.ttlMs - clock.monotonicMs()
  const remainingMs = lease.state === 'released' ? 0 : Math.max(0, Math.round(leftMs))
  return { holder: lease.holder, epoch: lease.epoch, state: lease.state, remainingMs }
}

function isStoreReachable(parts: BalancerParts): boolean {
  const answeredAtMs = parts.mirror.answeredAtMs()
  if (answeredAtMs === null) return false
  return parts.clock.monotonicMs() - answeredAtMs < Math.max(3000, parts.layout.plan.ttlMs)
}

function statusOf(parts: BalancerParts): AgentStatus {
  const { layout, self, version, mirror, member, counters } = parts
  const view = mirror.view()
  return {
    version,
    cluster: layout.cluster,
    node: self.name,
    systemId: systemIdOf(view),
    report: reportOf(parts),
    role: roleOf(parts),
    lease: leaseStatusOf(parts),
    isStoreReachable: isStoreReachable(parts),
    sync: view?.sync?.value ?? null,
    control: view?.control?.value ?? noControl,
    unusable: view?.unusable ?? [],
    storeMember: member.state(),
    walsenders: [],
    reports: [...(view?.reports.values() ?? [])].map((entry) => entry.value),
    operation: null,
    counters: { ...counters },
  }
}

async function events(parts: BalancerParts, countMax: number): ReturnType<AgentApi['events']> {
  try {
    return await parts.store.readEvents(countMax, parts.layout.plan.storeAttemptMs * 2)
  } catch (error) {
    if (!(error instanceof StoreUnavailableError)) throw error
    return []
  }
}

/** A balancer decides nothing: requests go to the primary's agent, and it is never evidence. */
function refusals(parts: BalancerParts): Omit<AgentApi, 'role' | 'status' | 'events' | 'onChange'> {
  const elsewhere = async (): Promise<RequestAnswer> => ({
    kind: 'elsewhere',
    node: parts.mirror.view()?.lease?.value.holder ?? null,
  })
  return {
    requestSwitchover: elsewhere,
    requestCancelSwitchover: elsewhere,
    requestPause: elsewhere,
    requestResume: elsewhere,
    onSeal: async () => ({ kind: 'promised', incarnation: null, why: 'a balancer holds no data' }),
    onConfirm: (request) => {
      const known = parts.mirror.view()?.lease?.value.epoch ?? (0 as Epoch)
      return { isConfirmed: known <= request.epoch, promise: 0 as Epoch }
    },
    onHello: () => ({
      report: reportOf(parts),
      hasData: false,
      hasEverRunStore: parts.member.hasEverRun(),
    }),
  }
}
