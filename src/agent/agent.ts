// The loop on each node: observe → classify → decide → plan → act. Events only wake it; a decision is
// always made from a fresh look at everything.

import type { DecisionKind } from '../core/decision.ts'
import { decide } from '../core/decide.ts'
import { classify } from '../core/classify.ts'
import type { Facts } from '../core/facts.ts'
import { incarnationIsOf, nodeOf } from '../core/names.ts'
import { reportFingerprint } from '../core/node-report.ts'
import { plan } from '../core/plan.ts'
import type { Situation } from '../core/situation.ts'
import { messageOf, PgherdError } from '../lib/errors.ts'
import type { AgentApi } from '../ports/agent-api.ts'
import type { PostgresEnd } from '../ports/guard.ts'
import type { HelloAnswer } from '../ports/peers.ts'
import { act } from './act.ts'
import { checkBeforeFirstLease, hasData, tracesOf } from './first-lease.ts'
import { ListChange } from './list-change.ts'
import type { AgentOptions, AgentPorts, Node } from './node.ts'
import { count, createNode, factsOf } from './node.ts'
import { observe } from './observe.ts'
import { keepRenewing } from './renewal.ts'
import { keepReporting, reportOf, roleOf, statusOf } from './report.ts'
import * as requests from './requests.ts'
import { confirm, promiseEpoch, seal } from './sealing.ts'
import { foundStore, storeEvidence, yieldToRecovery } from './store-recovery.ts'

export type { AgentOptions, AgentPorts } from './node.ts'

/** One decision as the simulator's transcript and debugging want to see it. */
export type DecisionTrace = {
  readonly facts: Facts
  readonly situation: Situation
  readonly decision: DecisionKind
  readonly ruleId: string
}

export interface Agent extends AgentApi {
  /**
   * Runs until `signal` aborts and the node was stopped cleanly: PostgreSQL down, the lease given back.
   * @throws what is a bug; the process must end then, and the guard does the rest
   */
  run(signal: AbortSignal): Promise<void>
  /** Calls `listener` with each decision. */
  onDecision(listener: (trace: DecisionTrace) => void): void
}

/** Pause between two looks while something is in transition. */
const busyMs = 15

/** Longest sleep while a seal has the server; its end wakes the loop. */
const sealingMs = 100

/** Pause between two looks at what standbys have flushed, for as long as they usually take. */
const provingMs = 6
const usualProofMs = 1000

/** Decisions whose result is to be looked at without a pause. */
const hastyDecisions: readonly DecisionKind[] = [
  'acquire-lease',
  'ask-seals',
  'record-election',
  'promote',
  'release-to-successor',
]

/** Joins the parts of an agent. Nothing runs before `run`. */
export function createAgent(ports: AgentPorts, options: AgentOptions): Agent {
  const node = createNode(ports, options)
  const traces: ((trace: DecisionTrace) => void)[] = []
  const changes: (() => void)[] = []
  node.mirror.onSignificantChange(() => {
    for (const listener of changes) listener()
  })
  return {
    run: (signal) => run(node, traces, signal),
    onDecision: (listener) => {
      traces.push(listener)
    },
    onChange: (listener) => {
      changes.push(listener)
    },
    onSeal: (request) => seal(node, request),
    onConfirm: (request) => confirm(node, request),
    onHello: () => hello(node),
    role: () => roleOf(node),
    status: () => statusOf(node),
    requestSwitchover: (to, isDryRun) => requests.requestSwitchover(node, to, isDryRun),
    requestCancelSwitchover: () => requests.requestCancelSwitchover(node),
    requestPause: (reason) => requests.requestPause(node, reason),
    requestResume: () => requests.requestResume(node),
    events: (countMax) => events(node, countMax),
    storeEvidence: () => storeEvidence(node),
    yieldToRecovery: (isFounder) => yieldToRecovery(node, isFounder),
    foundStore: (records) => foundStore(node, records),
  }
}

async function run(
  node: Node,
  traces: readonly ((trace: DecisionTrace) => void)[],
  signal: AbortSignal,
): Promise<void> {
  const { ports, layout, self, mirror, leaseHold, memory, chronicle } = node
  assertOwnIncarnation(node)
  const background = new AbortController()
  const askToStop = (): void => {
    memory.wish = 'stop'
    node.waker.notify()
  }
  signal.addEventListener('abort', askToStop)
  if (signal.aborted) askToStop()
  ports.member.start()
  if (ports.data !== null) {
    await ports.data.guard.ensure()
    ports.data.postgres.onSyncWaitCancelled((line) => {
      count(node, 'sync_waits_cancelled')
      chronicle.say({
        kind: 'sync-wait-cancelled',
        epoch: leaseHold.tenure()?.epoch ?? null,
        message: 'A client stopped waiting for standbys: its commit is visible, but not safe yet.',
        operands: { server: line },
      })
    })
    ports.data.guard.onPostgresGone((end) => {
      sayHowPostgresEnded(node, end)
      memory.isOpen = false
      // A promotion may have been cut off: what was seen of the directory before is not believed.
      if (memory.server.kind !== 'primary') memory.inspectedAtMs = null
      memory.server = { kind: 'stopped' }
      node.waker.notify()
    })
  }
  node.storeWatch.begin()
  const { clock, peers } = ports
  const renewal = keepRenewing(
    { clock, peers, leaseHold, mirror },
    layout,
    self.name,
    background.signal,
  )
  const reporting = keepReporting(node, background.signal)
  chronicle.say({
    kind: 'agent-started',
    epoch: null,
    message: `The agent of ${self.name} started (pgherd ${node.version}).`,
  })
  const loop = ports.data === null ? loopWithoutData(node) : loopWithData(node, traces)
  try {
    await Promise.race([loop, renewal.then(() => loop), reporting.then(() => loop)])
  } finally {
    background.abort()
    node.storeWatch.end()
    node.reportWaker.notify()
  }
  await Promise.all([renewal, reporting])
  await ports.store.publish(reportOf(node), layout.plan.storeAttemptMs).catch(() => undefined)
  await chronicle.flush(ports.store, layout.plan.storeAttemptMs).catch(() => undefined)
  await ports.member.stop()
}

/**
 * I12, once more where nobody else has looked.
 * @throws PgherdError PGHERD_DIRECTORY_FOREIGN
 */
function assertOwnIncarnation({ ports, self, protections }: Node): void {
  const { incarnation } = ports.localState.get()
  if (incarnation === null || !protections['one-incarnation']) return
  if (incarnationIsOf(incarnation, self.name)) return
  throw new PgherdError({
    code: 'PGHERD_DIRECTORY_FOREIGN',
    reason: 'localState',
    message: `the state of ${self.name} is that of ${nodeOf(incarnation)}`,
    because: `it names the incarnation ${incarnation}: the folder was copied`,
    hint: `set the folder of ${self.name} aside and start it again, it is cloned anew`,
  })
}

async function loopWithoutData(node: Node): Promise<void> {
  const { memory, ports, layout } = node
  while (memory.wish !== 'stop') {
    memory.loopedAtMs = ports.clock.monotonicMs()
    await node.waker.wait(layout.plan.renewMs * 4)
  }
}

async function loopWithData(
  node: Node,
  traces: readonly ((trace: DecisionTrace) => void)[],
): Promise<void> {
  const { memory, ports } = node
  const listChange = new ListChange(node)
  let lastTrouble = ''
  while (!memory.hasExited) {
    memory.loopedAtMs = ports.clock.monotonicMs()
    let waitMs: number
    try {
      waitMs = await turn(node, listChange, traces)
      lastTrouble = ''
      memory.trouble = null
    } catch (error) {
      if (!isOperatingError(error)) throw error
      const trouble = messageOf(error)
      if (trouble !== lastTrouble) ports.journal.log('warn', trouble)
      lastTrouble = trouble
      memory.trouble = trouble
      noteReportChange(node)
      count(node, 'loop_errors')
      waitMs = busyMs * 4
    }
    await node.waker.wait(waitMs)
  }
}

/** Assertions and programming errors end the agent; what the world refuses is tried again. */
function isOperatingError(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  return !['AssertionError', 'TypeError', 'ReferenceError', 'RangeError', 'SyntaxError'].includes(
    error.name,
  )
}

/** Ends that this agent did not ask for are told (I9); those it did have a decision of their own. */
function sayHowPostgresEnded(node: Node, end: PostgresEnd): void {
  if (end.kind === 'stopped') return
  const { self, memory, leaseHold, chronicle } = node
  const role = memory.server.kind === 'primary' ? 'primary' : 'standby'
  const how = end.signal ?? `exit code ${String(end.exitCode)}`
  chronicle.say({
    kind: end.kind === 'fenced' ? 'fenced' : 'postgres-died',
    epoch: leaseHold.tenure()?.epoch ?? null,
    message:
      end.kind === 'fenced'
        ? `The guard of ${self.name} stopped PostgreSQL at the deadline of the lease.`
        : `PostgreSQL of ${self.name} (${role}) ended by itself: ${how}.`,
    operands: { ...end, role },
  })
}

/** One turn of the loop. @returns how long it may sleep */
async function turn(
  node: Node,
  listChange: ListChange,
  traces: readonly ((trace: DecisionTrace) => void)[],
): Promise<number> {
  if (isSealing(node)) return sealingMs
  await keepGuard(node)
  await observe(node)
  await rememberFirstPromise(node)
  await checkBeforeFirstLease(node)
  const facts = factsOf(node)
  const situation = classify(facts)
  const decision = decide(situation)
  for (const listener of traces) {
    listener({ facts, situation, decision: decision.kind, ruleId: decision.rule.id })
  }
  if (node.memory.decision?.kind !== decision.kind) {
    node.memory.decision = { kind: decision.kind, sinceMs: facts.nowMs }
  }
  let isBusy = false
  for (const action of plan(decision, facts)) {
    isBusy = (await act({ node, listChange, decision }, action)) || isBusy
  }
  if (situation.lease !== 'serving' && situation.lease !== 'preparing') listChange.reset()
  noteReportChange(node)
  return waitAfter(node, facts, situation, decision.kind, isBusy)
}

/** Whether a seal has the server. One that hangs, as on a dead disk, must not hold the loop as well. */
function isSealing(node: Node): boolean {
  const { memory, ports, layout } = node
  if (memory.sealingSinceMs === null) return false
  return ports.clock.monotonicMs() - memory.sealingSinceMs < layout.plan.sealTimeoutMs * 2
}

/**
 * A standby needs its guard only when it is reloaded, stopped or promoted, and then at once: one whose
 * connection was lost is taken over again, and one that stays silent is replaced, its server with it. A
 * primary is fenced instead (R208).
 */
async function keepGuard(node: Node): Promise<void> {
  const { memory, ports, layout, operation } = node
  const guard = ports.data?.guard ?? null
  const isNeeded = memory.server.kind === 'standby' && operation.current() === null
  if (guard === null || guard.isAlive() || !isNeeded) {
    memory.guardSilentSinceMs = null
    return
  }
  const nowMs = ports.clock.monotonicMs()
  memory.guardSilentSinceMs ??= nowMs
  if (nowMs - memory.guardSilentSinceMs < layout.plan.ttlMs * 2) return
  ports.journal.log(
    'warn',
    'The guard of this standby does not answer: it is taken over or replaced.',
  )
  count(node, 'guards_replaced')
  await node.lock.run(() => guard.ensure())
}

/** Wakes the reporting loop when others should learn at once what changed here. */
function noteReportChange(node: Node): void {
  const fingerprint = reportFingerprint(reportOf(node))
  if (fingerprint === node.memory.reportedFingerprint && !node.chronicle.hasPending()) return
  node.memory.reportedFingerprint = fingerprint
  node.reportWaker.notify()
}

/** A node without a promise file persists the epoch of the lease first (safety.md 2.3 rule 2). */
async function rememberFirstPromise(node: Node): Promise<void> {
  const view = node.mirror.view()
  if (view?.lease === null || view?.lease === undefined) return
  if (node.ports.localState.get().promise === null) await promiseEpoch(node, view.lease.value.epoch)
}

/**
 * Short while something is in transition, up to the next known instant otherwise. Never past the
 * deadline of a lease, the guard's of a former agent included: the loop fences then, whatever the guard
 * does, which may be frozen.
 */
function waitAfter(
  node: Node,
  facts: Facts,
  situation: Situation,
  decision: DecisionKind,
  isBusy: boolean,
): number {
  const quietMs = untilNextLookMs(node, facts, situation, decision, isBusy)
  const stopByMs = facts.tenure?.stopByMs ?? facts.guardStopByMs ?? Infinity
  if (stopByMs <= facts.nowMs) return quietMs
  const leftMs = stopByMs - node.ports.clock.monotonicMs()
  return Math.max(1, Math.min(quietMs, leftMs + 1))
}

function untilNextLookMs(
  node: Node,
  facts: Facts,
  situation: Situation,
  decision: DecisionKind,
  isBusy: boolean,
): number {
  const { plan: timing } = node.layout
  if (decision === 'prove-list') return isUsual(node, usualProofMs) ? provingMs : busyMs * 2
  if (isBusy) return busyMs
  if (decision === 'keep-serving') {
    // A listed standby that is silent is timed; apart from that everything wakes the loop by itself.
    return isTimingAStandby(node) ? busyMs * 4 : Math.max(500, timing.renewMs)
  }
  if (hastyDecisions.includes(decision)) return 1
  if (decision !== 'wait' && decision !== 'keep-following') return busyMs
  if (situation.lease === 'preparing') return busyMs * 4
  if (situation.operation === 'running') return timing.renewMs
  if (situation.lease === 'other' && decision === 'wait') {
    return Math.min(untilLeaseIsFreeMs(facts), timing.renewMs)
  }
  return Math.min(untilLeaseIsFreeMs(facts), Math.max(500, timing.renewMs * 2))
}

/** Whether the present decision is not older than `usualMs`. */
function isUsual(node: Node, usualMs: number): boolean {
  const sinceMs = node.memory.decision?.sinceMs ?? 0
  return node.ports.clock.monotonicMs() - sinceMs < usualMs
}

/** Whether a standby has just gone silent, and is dropped when it stays so. */
function isTimingAStandby(node: Node): boolean {
  const { memory, ports, layout } = node
  const nowMs = ports.clock.monotonicMs()
  return [...memory.lostSinceMs.values()].some(
    (sinceMs) => nowMs - sinceMs < layout.plan.standbyLossMs + busyMs * 8,
  )
}

/** Time until the lease, if it stays unchanged, may be taken. */
function untilLeaseIsFreeMs(facts: Facts): number {
  const lease = facts.store?.lease?.value
  if (lease === undefined || lease.state === 'released') return facts.layout.plan.renewMs
  const leftMs = facts.leaseSeenAtMs + lease.ttlMs - facts.nowMs
  return leftMs > 0 ? leftMs + 1 : facts.layout.plan.renewMs
}

function hello(node: Node): HelloAnswer {
  const { member } = node.ports
  return {
    report: reportOf(node),
    hasData: hasData(node),
    hasEverRunStore: member.hasEverRun(),
    traces: tracesOf(node),
    foundingToken: member.foundingToken(),
  }
}

async function events(node: Node, countMax: number): ReturnType<AgentApi['events']> {
  const { store } = node.ports
  const recent = node.chronicle.recent()
  try {
    const stored = await store.readEvents(countMax, node.layout.plan.storeAttemptMs * 2)
    const known = new Set(stored.map((event) => event.id))
    const missing = recent.filter((event) => !known.has(event.id))
    return [...stored, ...missing].sort((left, right) => left.atMs - right.atMs).slice(-countMax)
  } catch {
    return recent.slice(-countMax)
  }
}
