// What a balancer tells about itself: to people, and to the other balancers.

import type { Epoch, MonotonicMs } from '../../core/names.ts'
import type { NodeReport } from '../../core/node-report.ts'
import { reportFingerprint } from '../../core/node-report.ts'
import { StoreUnavailableError } from '../../ports/cluster-store.ts'
import type { BalancerParts } from './parts.ts'

const reportPeriodMs = 5000
/** With a shared address the others rest decisions on it. */
const vipReportPeriodMs = 1000
/** What nobody announces is looked at this often. */
const lookPeriodMs = 250

export function reportOf(parts: BalancerParts): NodeReport {
  const { self, clock, version } = parts
  return {
    name: self.name,
    role: self.role,
    incarnation: null,
    systemId: null,
    ...stateOf(parts),
    isPrimary: false,
    epoch: null,
    history: null,
    position: null,
    replayLsn: null,
    upstream: null,
    promise: 0 as Epoch,
    isEvidence: false,
    agent: null,
    // The other balancers look at it.
    balancing: {
      writesTo: parts.memory.writesTo[0] ?? null,
      hasVip: parts.holding.isHere(),
      holding: parts.holding.name(),
      beside: parts.holding.beside(),
    },
    version,
    reportedAtMs: clock.wallClockMs(),
  }
}

function stateOf(parts: BalancerParts): Pick<NodeReport, 'state' | 'detail'> {
  if (parts.memory.isStopping) return { state: 'stopping', detail: null }
  const state = parts.proxy.state()
  switch (state.kind) {
    case 'running':
      return runningState(parts, state.outdated)
    case 'starting':
      return { state: 'starting', detail: state.detail }
    case 'failed':
      return { state: 'failed', detail: state.detail }
  }
}

function runningState(
  { vip, memory }: BalancerParts,
  outdated: string | null,
): Pick<NodeReport, 'state' | 'detail'> {
  const state = vip?.state() ?? null
  if (state === null || state.kind === 'running') {
    const unfit = memory.unfitBecause
    if (unfit !== null) return { state: 'running', detail: `it may not have the address: ${unfit}` }
    const keepsOld = (program: string, why: string | null) =>
      why === null ? null : `${program} keeps its former configuration: ${why}`
    const detail = keepsOld('HAProxy', outdated) ?? keepsOld('Keepalived', state?.outdated ?? null)
    return { state: 'running', detail }
  }
  return { state: state.kind, detail: state.detail }
}

/** Publishes the report when it has changed and once a period, until `signal` aborts and `reportWaker` is told. */
export async function keepReporting(parts: BalancerParts, signal: AbortSignal): Promise<void> {
  const { clock, store, layout, reportWaker, chronicle } = parts
  const periodMs = layout.vip === null ? reportPeriodMs : vipReportPeriodMs
  let published = ''
  let publishedAtMs: MonotonicMs | null = null
  while (!signal.aborted) {
    const report = reportOf(parts)
    const fingerprint = reportFingerprint(report)
    const isDue = publishedAtMs === null || clock.monotonicMs() - publishedAtMs >= periodMs
    if (isDue || fingerprint !== published) {
      try {
        await store.publish(report, layout.plan.storeAttemptMs)
        published = fingerprint
        publishedAtMs = clock.monotonicMs()
      } catch (error) {
        if (!(error instanceof StoreUnavailableError)) throw error
      }
    }
    await chronicle.flush(store, layout.plan.storeAttemptMs).catch((error: unknown) => {
      if (!(error instanceof StoreUnavailableError)) throw error
    })
    await reportWaker.wait(lookPeriodMs)
  }
}
