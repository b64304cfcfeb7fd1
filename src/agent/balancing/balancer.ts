// The agent of a balancer node: joins its parts, runs them, and answers for them. Where writes go is kept
// in keep-route.ts.

import type { ClusterLayout } from '../../core/cluster-layout.ts'
import { nodeIn } from '../../core/cluster-layout.ts'
import { screenView } from '../../core/record-screen.ts'
import { systemIdOf } from '../../core/store-view.ts'
import { noControl } from '../../core/control.ts'
import type { Epoch, NodeName } from '../../core/names.ts'
import type { StoreEvidence } from '../../core/store-recovery.ts'
import { seenOf } from '../store-recovery.ts'
import type { AgentApi, AgentStatus, LeaseStatus, RequestAnswer } from '../../ports/agent-api.ts'
import { StoreUnavailableError } from '../../ports/cluster-store.ts'
import { Chronicle } from '../chronicle.ts'
import { StoreMirror } from '../store-mirror.ts'
import { Waker } from '../waker.ts'
import { Holding } from './holding.ts'
import { keepRoute, pauseMsOf } from './keep-route.ts'
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

const liveMsMax = 5000

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
      openIn: null,
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
    await waker.wait(pauseMsOf(parts))
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
    storeEvidence: () => evidence(parts),
    yieldToRecovery: async (isFounder) => {
      if (!isFounder) await parts.member.giveUpCopy()
      return evidence(parts)
    },
    foundStore: (records) => parts.member.foundAnew(records),
    onSeal: async () => ({ kind: 'promised', incarnation: null, why: 'a balancer holds no data' }),
    onConfirm: (request) => {
      const known = parts.mirror.view()?.lease?.value.epoch ?? (0 as Epoch)
      return { isConfirmed: known <= request.epoch, promise: 0 as Epoch }
    },
    onHello: () => ({
      report: reportOf(parts),
      hasData: false,
      hasEverRunStore: parts.member.hasEverRun(),
      traces: parts.member.hasEverRun() ? ['store'] : [],
      foundingToken: parts.member.foundingToken(),
    }),
  }
}

/** A balancer may vote; data it has none. */
async function evidence(parts: BalancerParts): Promise<StoreEvidence> {
  return {
    node: parts.self.name,
    systemId: null,
    incarnation: null,
    promise: null,
    primaryEpoch: null,
    isSuspended: false,
    directory: null,
    isPrimary: false,
    position: null,
    timelines: [],
    isStoreWhole: isStoreReachable(parts) && (parts.mirror.view()?.sync ?? null) !== null,
    ...seenOf(parts.mirror.view(), await parts.member.ownCopy()),
  }
}
