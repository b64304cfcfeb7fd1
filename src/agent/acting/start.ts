// Actions that bring PostgreSQL up or down: bootstrap, start, stop.

import type { ActionOf } from '../../core/action.ts'
import type { Decision, DecisionKind } from '../../core/decision.ts'
import { asTimeline } from '../../core/names.ts'
import type { SystemId } from '../../core/names.ts'
import { systemIdOf } from '../../core/store-view.ts'
import { emptyList } from '../../core/sync-list.ts'
import type { SyncRecord } from '../../core/sync-list.ts'
import { messageOf } from '../../lib/errors.ts'
import type { Node } from '../node.ts'
import { configure, count, dataOf, ensureIncarnation } from '../node.ts'
import { inspect, observe, observeServer } from '../observe.ts'
import { promiseEpoch } from '../sealing.ts'

/** Longest time a start may take: crash recovery replays all WAL since the last checkpoint. */
const startMsMax = 3_600_000
/** A clean stop that takes longer than this is made an immediate one: WAL keeps what it needs. */
const fastStopMs = 10_000
const initialiseMsMax = 300_000

/** Makes the first primary: a staged directory, then the record, then the final place. */
export function bootstrap(node: Node, action: ActionOf<'bootstrap'>): void {
  const { memory, operation } = node
  memory.stage = { state: 'bootstrapping', detail: null }
  operation.begin(
    'bootstrap',
    async () => {
      const { postgres } = dataOf(node)
      // An attempt before this one may have been recorded although its answer was lost: the same
      // directory is offered again, never another one in its place.
      const found = await postgres.inspect()
      const systemId =
        found.kind === 'staged' ? found.systemId : await postgres.initialise(initialiseMsMax)
      const incarnation = await ensureIncarnation(node)
      await node.ports.localState.save({ systemId, primaryEpoch: action.epoch })
      await promiseEpoch(node, action.epoch)
      await recordFirst(node, systemId, {
        systemId,
        epoch: action.epoch,
        owner: incarnation,
        timeline: asTimeline(1),
        lists: [emptyList],
        target: emptyList,
        timelines: [{ timeline: asTimeline(1), epoch: action.epoch }],
      })
      await inspect(node)
    },
    (error) => {
      fail(node, `the first primary could not be made: ${messageOf(error)}`)
      backOff(node)
    },
  )
}

async function recordFirst(node: Node, systemId: SystemId, record: SyncRecord): Promise<void> {
  const { leaseHold, ports, chronicle, self } = node
  const outcome = await leaseHold.write({
    systemId,
    cluster: { expected: 0, value: { systemId, createdAtMs: ports.clock.wallClockMs() } },
    sync: { expected: 0, value: record },
  })
  if (outcome !== 'done') return
  chronicle.say({
    kind: 'bootstrapped',
    epoch: record.epoch,
    message: `${self.name} made the first primary of this cluster.`,
    operands: { systemId },
  })
}

export async function adoptStaged(node: Node): Promise<void> {
  const { postgres } = dataOf(node)
  const { directory } = node.memory
  const systemId = systemIdOf(node.mirror.view())
  if (directory?.kind === 'staged' && directory.systemId !== systemId) {
    await postgres.discardStaged()
  } else {
    await postgres.adoptStaged()
  }
  await inspect(node)
}

/** Starts as a standby that receives nothing: it reads its own WAL to the end, and is evidence then. */
export function startStandby(node: Node): void {
  const { memory, operation, leaseHold, ports } = node
  memory.stage = { state: 'recovering', detail: null }
  operation.begin(
    'start',
    async () => {
      await node.lock.run(async () => {
        await ensureIncarnation(node)
        await dataOf(node).guard.ensure()
        await leaseHold.disarm()
        resetPrimaryMemory(node)
        await ports.localState.save({ primaryEpoch: null })
        // What a former primary wrote last was perhaps never acknowledged: no clients before it follows.
        await configure(node, { upstream: null, sync: { kind: 'nobody' }, gate: 'closed' })
      })
      await startServer(node, 'standby')
    },
    (error) => {
      fail(node, `PostgreSQL did not start as a standby: ${messageOf(error)}`)
    },
  )
}

/** The record's owner starts again on its own timeline, behind the gate (safety.md 2.3 rule 7, 2.5). */
export function startPrimary(
  node: Node,
  action: ActionOf<'start-primary'>,
  decision: Decision,
): void {
  const { memory, operation, leaseHold, ports, protections, chronicle, self } = node
  memory.stage = { state: 'promoting', detail: 'PostgreSQL starts again' }
  operation.begin(
    'start',
    async () => {
      const isReady = await node.lock.run(async () => {
        if (ports.localState.get().promise !== action.epoch) await promiseEpoch(node, action.epoch)
        if (ports.localState.get().promise !== action.epoch) return false
        await ports.localState.save({ primaryEpoch: action.epoch })
        resetPrimaryMemory(node)
        await dataOf(node).guard.ensure()
        const list = protections['resume-target']
          ? action.list
          : memory.config?.sync.kind === 'list'
            ? memory.config.sync.list
            : emptyList
        await configure(node, { upstream: null, sync: { kind: 'list', list }, gate: 'closed' })
        return leaseHold.arm()
      })
      if (!isReady) return
      await startServer(node, 'primary')
      memory.startedBy = 'restart'
      memory.isListFresh = true
      await observe(node)
      if (memory.server.kind === 'primary') {
        memory.history = await dataOf(node).postgres.history(memory.server.position.timeline)
      }
      node.reportWaker.notify()
      count(node, 'resumes')
      chronicle.say({
        kind: 'resumed',
        epoch: action.epoch,
        ruleId: decision.rule.id,
        message: `${self.name} runs as primary again on its own timeline.`,
        operands: { list: action.list },
      })
    },
    (error) => {
      fail(node, `PostgreSQL did not start as primary: ${messageOf(error)}`)
    },
  )
}

async function startServer(node: Node, as: 'primary' | 'standby'): Promise<void> {
  try {
    await dataOf(node).postgres.start(as, startMsMax)
  } finally {
    node.memory.inspectedAtMs = null
  }
}

/** Decisions that end the right to write here whatever it takes. */
const fencing: readonly DecisionKind[] = ['fence', 'fence-and-release', 'pass-on-promotion']

/** Stops PostgreSQL and knows afterwards that none of its processes is left. */
export async function stopPostgres(
  node: Node,
  action: ActionOf<'stop-postgres'>,
  decision: Decision,
): Promise<void> {
  const { memory, leaseHold, chronicle } = node
  const { postgres } = dataOf(node)
  const wasPrimary = memory.server.kind === 'primary'
  memory.isOpen = false
  if (node.operation.current() !== null) void node.operation.abort()
  const isFence = fencing.includes(decision.kind)
  // A server that cannot be stopped (hung disk) must not be kept in office by renewals: the lease runs
  // out, the guard acts at the deadline, and the others take over.
  if (isFence) leaseHold.stopRenewing()
  const { guard } = dataOf(node)
  await node.lock.run(async () => {
    if (action.mode === 'fast') {
      // A silent guard stops nobody. It is replaced, and its server ends with it.
      if (!guard.isAlive()) await guard.ensure()
      try {
        await postgres.stop('fast', fastStopMs)
      } catch {
        await postgres.stop('immediate', fastStopMs)
      }
    } else {
      // At once: a silent guard is ended with its server, and only then replaced.
      await postgres.stop('immediate', fastStopMs)
    }
    if (!guard.isAlive()) await guard.ensure()
  })
  resetPrimaryMemory(node)
  // Who takes over waits for what comes next; the directory is looked at when there is time.
  memory.inspectedAtMs = null
  await observeServer(node)
  if (!isFence || !wasPrimary) return
  count(node, 'fences')
  chronicle.say({
    kind: 'fenced',
    epoch: leaseHold.tenure()?.epoch ?? null,
    ruleId: decision.rule.id,
    message: `PostgreSQL was stopped: ${decision.rule.why}`,
  })
}

/** What only holds for one life as primary. */
export function resetPrimaryMemory(node: Node): void {
  const { memory } = node
  memory.isOpen = false
  memory.gateLsn = null
  memory.startedBy = null
  memory.isListFresh = false
  memory.history = null
  memory.switchover = null
  memory.lostSinceMs.clear()
}

/** Something that needs a person, said once and shown in `status` until it is over. */
export function fail(node: Node, detail: string): void {
  node.memory.stage = { state: 'failed', detail }
  node.chronicle.say({
    kind: 'failed',
    epoch: node.leaseHold.tenure()?.epoch ?? null,
    message: `${node.self.name}: ${detail}.`,
  })
  node.reportWaker.notify()
}

/** No attempt at the lease for a while, drawn so that two candidates do not keep meeting. */
export function backOff(node: Node): void {
  const { memory, ports, layout } = node
  const { backoffMs } = layout.plan
  const pauseMs = backoffMs * (0.5 + ports.random.next() / 2)
  memory.backoffUntilMs = (ports.clock.monotonicMs() + pauseMs) as typeof memory.backoffUntilMs
}
