// One trial: a healthy cluster under writers, one fault, the cluster healthy again, and the ledger.

import { randomInt } from 'node:crypto'
import type { NodeName } from '../src/core/names.ts'
import { messageOf } from '../src/lib/errors.ts'
import { readMonotonicMs } from '../src/host/monotonic.ts'
import { setTimeout as pause } from 'node:timers/promises'
import type { Attempt } from './attempt.ts'
import { acknowledgementsOf, isAcknowledged, isSameReign } from './attempt.ts'
import type { Breakdown, RejoinKind } from './breakdown.ts'
import { breakDown, rejoinKindOf, tellStory } from './breakdown.ts'
import { type BenchCluster, waitFor } from './cluster.ts'
import type { Fault, FaultName } from './faults.ts'
import { type LedgerVerdict, describeFaults, judgeLedger } from './ledger.ts'
import { loadAverage } from './machine.ts'
import { type Outage, measureOutage } from './outage.ts'
import { type SessionCount, SessionWatch, goneSince } from './session-watch.ts'
import { Writers, ordinaryPace, readLedger } from './writers.ts'

export type Trial = {
  readonly number: number
  readonly fault: FaultName
  readonly hit: NodeName
  readonly primaryAfter: NodeName | null
  readonly epochBefore: number | null
  readonly epochAfter: number | null
  /** The figure that counts for this fault; null when service never came back. */
  readonly outageMs: number | null
  readonly measured: Outage
  readonly ordinary: Ordinary
  readonly breakdown: Breakdown
  readonly switch: Switch | null
  /** From the instant at which the node could come back until it streamed or, primary again, ran. */
  readonly rejoinMs: number
  readonly rejoinKind: RejoinKind
  /** From the fault until the whole cluster was healthy again. */
  readonly healthyMs: number
  readonly ledger: LedgerCounts
  /** What is wrong, in sentences; empty in a sound trial. */
  readonly faults: readonly string[]
  readonly loadAverage: number
  /** What the agents said after the fault, one line each, milliseconds first. */
  readonly story: readonly string[]
}

/** What the fault was like for one client that waits for its connection. */
export type Ordinary = {
  readonly outageMs: number | null
  /** SQLSTATE of each connection that failed after the fault. */
  readonly connectErrors: readonly string[]
}

/** What a change of the primary was like for clients; null where there was none, or outside of a lab. */
export type Switch = {
  /** Per client: from the first commit of the new primary to its own first one, over a new connection. */
  readonly reconnectMs: readonly number[]
  /** From the opening of the new primary until no balancer had a session to the old one; null: never. */
  readonly sessionsGoneMs: number | null
}

export type LedgerCounts = Readonly<
  Record<
    'acknowledged' | 'failed' | 'unknown' | 'unknownPresent' | 'missing' | 'sharedEpochs',
    number
  >
>

/** How long a fault may take to be survived before the trial is given up. */
const survivalMsMax = 60_000
const healthMsMax = 60_000
/** How long a dead node stays away after service is back. */
const absenceMs = 500
/** The ordinary client's rows are a run of their own. */
const ordinaryRunOffset = 1_000_000

/** @param number unique per cluster: rows of different trials are told apart by it */
export async function runTrial(
  cluster: BenchCluster,
  fault: Fault,
  number: number,
): Promise<Trial> {
  await cluster.waitUntilHealthy(healthMsMax)
  const hit = await fault.prepare(cluster)
  const before = await cluster.status()
  const writers = Writers.start(cluster.writeTarget(), number)
  const ordinaryRun = ordinaryRunOffset + number
  const ordinary = Writers.start(cluster.writeTarget(), ordinaryRun, ordinaryPace)
  try {
    await Promise.all([writers.waitForAll(20_000), ordinary.waitForAll(20_000)])
    // The fault is to come at any point of the renewal period.
    await pause(randomInt(0, cluster.runtime.layout.plan.renewMs * 2))
    const sessions = watchSessions(cluster, fault, hit)
    const faultAtMs = await fault.inject(cluster, hit)
    const injectedAtMs = readMonotonicMs()
    await Promise.all(
      [writers, ordinary].map((each) => waitUntilServed(each, fault, faultAtMs, injectedAtMs)),
    )
    await pause(absenceMs)
    const sessionCounts = (await sessions?.stop()) ?? null
    const backAtMs = await fault.heal(cluster, hit, faultAtMs)
    await waitUntilBack(cluster, hit)
    const rejoinMs = readMonotonicMs() - backAtMs
    const after = await cluster.waitUntilHealthy(healthMsMax)
    const healthyAtMs = readMonotonicMs()
    const attempts = await writers.stop()
    const verdict = judgeLedger(attempts, await readLedger(cluster.writeTarget(), number))
    const ordinaryAttempts = await ordinary.stop()
    const ordinaryRows = await readLedger(cluster.writeTarget(), ordinaryRun)
    const ordinaryVerdict = judgeLedger(ordinaryAttempts, ordinaryRows)
    const felt = measureOutage(acknowledgementsOf(ordinaryAttempts), faultAtMs, healthyAtMs)
    const differences = await cluster.waitUntilSameEverywhere(number, 20_000).then(() => [], asList)
    const measured = measureOutage(acknowledgementsOf(attempts), faultAtMs, healthyAtMs)
    const events = await cluster.events()
    const breakdown = breakDown(events, faultAtMs, hit)
    return {
      number,
      fault: fault.name,
      hit,
      primaryAfter: after.nodes.find((node) => node.role === 'primary')?.name ?? null,
      epochBefore: before.lease?.epoch ?? null,
      epochAfter: after.lease?.epoch ?? null,
      outageMs: fault.measure === 'gap' ? measured.gapMs : measured.outageMs,
      measured,
      ordinary: {
        outageMs: fault.measure === 'gap' ? felt.gapMs : felt.outageMs,
        connectErrors: ordinary
          .connectFailures()
          .filter((failure) => failure.endedAtMs > faultAtMs)
          .map((failure) => failure.sqlState),
      },
      breakdown,
      switch: describeSwitch(
        attempts,
        measured,
        faultAtMs + (breakdown.openedMs ?? 0),
        sessionCounts,
      ),
      rejoinMs,
      rejoinKind: rejoinKindOf(events, hit, faultAtMs),
      healthyMs: healthyAtMs - faultAtMs,
      ledger: countsOf(verdict),
      faults: [...describeFaults(verdict), ...describeFaults(ordinaryVerdict), ...differences],
      loadAverage: loadAverage(),
      story: tellStory(events, faultAtMs),
    }
  } finally {
    await Promise.all([writers.stop(), ordinary.stop()])
  }
}

function watchSessions(cluster: BenchCluster, fault: Fault, hit: NodeName): SessionWatch | null {
  const isWatched = fault.changesReign && cluster.shape.runtime === 'lab'
  return isWatched ? new SessionWatch(cluster, hit) : null
}

function describeSwitch(
  attempts: readonly Attempt[],
  measured: Outage,
  openedAtMs: number,
  counts: readonly SessionCount[] | null,
): Switch | null {
  const firstMs = measured.restoredAtMs
  if (counts === null || firstMs === null) return null
  const acknowledged = acknowledgementsOf(attempts)
  const restored = acknowledged.find((one) => one.endedAtMs === firstMs)
  const clients = [...new Set(acknowledged.map((one) => one.client))]
  const reconnectMs = clients.flatMap((client) => {
    const own = acknowledged.find(
      (one) =>
        one.client === client && restored !== undefined && isSameReign(one.reign, restored.reign),
    )
    return own === undefined ? [] : [own.endedAtMs - firstMs]
  })
  const gone = goneSince(counts)
  return { reconnectMs, sessionsGoneMs: gone === null ? null : gone - openedAtMs }
}

const asList = (error: unknown): string[] => [messageOf(error)]

function countsOf(verdict: LedgerVerdict): LedgerCounts {
  const { acknowledged, failed, unknown, unknownPresent } = verdict
  return {
    acknowledged,
    failed,
    unknown,
    unknownPresent,
    missing: verdict.missing.length,
    sharedEpochs: verdict.sharedTimelines.length + verdict.stale.length,
  }
}

/** @param injectedAtMs when the fault was there in full; until then everything may go on */
async function waitUntilServed(
  writers: Writers,
  fault: Fault,
  faultAtMs: number,
  injectedAtMs: number,
): Promise<void> {
  const last = writers.attempts().findLast((one) => isAcknowledged(one))
  if (last === undefined || !isAcknowledged(last)) throw new Error('nobody could write before')
  const { reign } = last
  await writers.waitFor(
    `a commit after the fault ${fault.name}`,
    (attempt) =>
      isAcknowledged(attempt) &&
      attempt.sentAtMs > (fault.changesReign ? faultAtMs : injectedAtMs) &&
      (!fault.changesReign || !isSameReign(attempt.reign, reign)),
    survivalMsMax,
  )
}

/** The node that was hit streams, is the primary still or again, or is a balancer that runs. */
async function waitUntilBack(cluster: BenchCluster, hit: NodeName): Promise<void> {
  let last = 'no answer'
  await waitFor(
    () => `${hit} is back (${last})`,
    async () => {
      const answer = await cluster.ask(hit)
      if (answer === null) return false
      last = `${answer.report.state} ${answer.report.detail ?? ''}`
      const isBack = answer.report.role === 'balancer' && answer.report.state === 'running'
      return isBack || answer.role.isPrimary || answer.report.state === 'streaming'
    },
    healthMsMax,
    30,
  )
}
