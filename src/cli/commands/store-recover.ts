// pgherd store recover: the way back when the store lost its majority or all it held. Looks at every
// node, says what it found and what would be lost, asks, and begins the store anew.

import { type NodeLayout, votersOf } from '../../core/cluster-layout.ts'
import type { ClusterStatus } from '../../core/cluster-status.ts'
import {
  type RecoveryVerdict,
  type StoreEvidence,
  judgeStoreRecovery,
} from '../../core/store-recovery.ts'
import { PgherdError } from '../../lib/errors.ts'
import { AgentSilentError, type StatusClient } from '../../ports/status-client.ts'
import type { RuntimeCluster } from '../../runtimes/runtime.ts'
import { askForWord } from '../ask.ts'
import type { Command } from '../command.ts'
import { type CommandContext, openCluster, printJson } from '../context.ts'
import { namedNode } from '../named-node.ts'
import { tellNext } from '../next-line.ts'
import { noAnswerError, observeCluster } from '../observe-cluster.ts'
import { renderDuration } from '../render-quantity.ts'
import { renderTable, wrapIndented } from '../render-table.ts'
import { refusedError } from '../request.ts'
import { showSteps, type StepUpdate } from '../step-list.ts'

/** Looking at a hanging PostgreSQL and a silent etcd takes some seconds. */
const evidenceDeadlineMs = 10_000
/** Stops a primary and an etcd first. */
const yieldDeadlineMs = 30_000
const foundDeadlineMs = 45_000
const healthyMaxMs = 120_000
const pollMs = 200

type Possible = Extract<RecoveryVerdict, { kind: 'possible' }>

export const storeRecoverCommand: Command = {
  name: 'store recover',
  group: 'Change',
  summary: 'begin a lost store anew from what the nodes know (asks)',
  description: [
    'For a store that lost its majority for good (disks gone), or everything. Asks every node for its data, ' +
      'its promises and what it remembers of the store, and begins a new store on one voter; the other ' +
      'voters join it. The epoch starts above every promise, and commits wait for nobody until a standby ' +
      'has caught up.',
    'The node that held every acknowledged commit becomes primary. Refused while the store is not lost, ' +
      'while a node that may hold more does not answer, and when two nodes contradict each other.',
    'Writes stop meanwhile. A former copy of the store is put aside in the folder of its node, not deleted.',
  ],
  arguments: [],
  options: [
    {
      flags: '--accept-loss-of <nodes>',
      description:
        'nodes that are gone for good, with commas between; never start their disks again',
    },
    { flags: '--dry-run', description: 'only say what was found and what would be done' },
    { flags: '-y, --yes', description: 'do not ask' },
  ],
  examples: [
    { line: 'pgherd store recover --dry-run', note: 'what is left, and would it be enough?' },
    { line: 'pgherd store recover --accept-loss-of pg-2', note: 'pg-2 is gone for good' },
  ],
  exits: ['refused', 'timeout', 'unreachable', 'configuration', 'system'],
  run: async (context, input) => {
    const cluster = await openCluster(context)
    const client = cluster.connect()
    const losses = (input.text('accept-loss-of') ?? '')
      .split(',')
      .map((name) => name.trim())
      .filter((name) => name !== '')
      .map((name) => namedNode(cluster.layout, name))
    const answers = await gather(cluster, (node) => client.storeEvidence(node, evidenceDeadlineMs))
    if (answers.length === 0) throw await noAnswerError(cluster)
    const judge = (evidence: readonly StoreEvidence[]): RecoveryVerdict =>
      judgeStoreRecovery({
        layout: cluster.layout,
        answers: evidence,
        acceptedLosses: losses,
        nowMs: context.services.clock.wallClockMs(),
      })
    const verdict = judge(answers)
    if (input.isSet('dry-run') && context.isJson) {
      printJson(context, { version: 1, isDryRun: true, verdict, answers })
      return verdict.kind === 'possible' ? 'done' : 'refused'
    }
    if (!context.isJson) showFindings(context, cluster, answers)
    if (verdict.kind === 'refused') throw notRecoverable(verdict)
    if (!context.isJson) showPlan(context, cluster, verdict)
    if (input.isSet('dry-run')) {
      tellNext(context.terminal, 'pgherd store recover')
      return 'done'
    }
    if (!input.isSet('yes')) await confirm(context, cluster.layout.cluster)
    return carryOut(context, cluster, { client, answers, judge, isPartial: losses.length > 0 })
  },
}

/** Asks every node that votes or holds data; those that are silent are left out. */
async function gather(
  cluster: RuntimeCluster,
  ask: (node: NodeLayout) => Promise<StoreEvidence>,
): Promise<readonly StoreEvidence[]> {
  const answers = await Promise.all(
    witnessesOf(cluster).map(async (node) => {
      try {
        const evidence = await ask(node)
        return evidence.node === node.name ? evidence : null
      } catch (error) {
        if (error instanceof AgentSilentError) return null
        throw error
      }
    }),
  )
  return answers.filter((answer) => answer !== null)
}

/** The nodes whose word counts. */
function witnessesOf({ layout }: RuntimeCluster): readonly NodeLayout[] {
  return layout.nodes.filter((node) => node.role === 'data' || votersOf(layout).includes(node))
}

function showFindings(
  context: CommandContext,
  cluster: RuntimeCluster,
  answers: readonly StoreEvidence[],
): void {
  const { terminal } = context
  const columns = [
    { title: 'Node' },
    { title: 'Store' },
    { title: 'Data' },
    { title: 'Primary in epoch' },
    { title: 'Promise' },
  ]
  const rows = witnessesOf(cluster).map((node) => {
    const answer = answers.find((one) => one.node === node.name)
    return answer === undefined
      ? [node.name, 'no answer', '', '', '']
      : [
          node.name,
          copyWords(answer),
          node.role === 'data' ? dataWords(answer) : 'witness',
          answer.primaryEpoch === null ? '' : String(answer.primaryEpoch),
          answer.promise === null ? '' : String(answer.promise),
        ]
  })
  terminal.print(...renderTable(columns, rows, terminal.width, terminal.style), '')
}

function copyWords({ copy }: StoreEvidence): string {
  if (copy === null) return 'does not vote'
  if (!copy.hasData) return 'empty'
  return copy.raftIndex === null ? 'has a copy, stopped' : `has a copy (index ${copy.raftIndex})`
}

function dataWords({ directory, position, isSuspended }: StoreEvidence): string {
  if (directory === null) return 'none'
  const timeline = position?.timeline ?? directory.timeline
  const caught = isSuspended ? ', not caught up' : ''
  return `timeline ${timeline}${position === null ? ', stopped' : ''}${caught}`
}

function showPlan(context: CommandContext, cluster: RuntimeCluster, verdict: Possible): void {
  const { terminal } = context
  const { style } = terminal
  const { founder, owner, because, losses, records } = verdict
  const joining = votersOf(cluster.layout)
    .map((node) => node.name)
    .filter((name) => name !== founder)
  const steps = [
    `1. no node may write any more; a primary that runs is stopped`,
    `2. former copies of the store are put aside`,
    `3. ${founder} begins a new store: epoch ${records.lease.epoch}, no standby is waited for`,
    `4. ${joining.length === 0 ? 'nobody else votes' : `${joining.join(', ')} join it`}`,
    `5. ${owner} becomes primary: ${because}`,
  ]
  const lossLines =
    losses.length === 0
      ? [style.good('No acknowledged commit is lost.')]
      : losses.map((loss) => style.bad(loss))
  terminal.print(
    style.accent('Plan'),
    ...steps.flatMap((step) => wrapIndented(step, terminal.width, '  ')),
    '',
    ...lossLines,
  )
}

async function confirm(context: CommandContext, name: string): Promise<void> {
  const question = `Type the name of the cluster (${name}) to begin its store anew`
  if (await askForWord(context, question, name, '--yes')) return
  throw new PgherdError({
    code: 'PGHERD_NOT_CONFIRMED',
    reason: 'usage',
    message: `the store of cluster ${name} was not begun anew`,
    because: 'its name was not typed',
    hint: `nothing was changed; to go on, type ${name} when asked`,
  })
}

type Work = {
  readonly client: StatusClient
  readonly answers: readonly StoreEvidence[]
  readonly judge: (answers: readonly StoreEvidence[]) => RecoveryVerdict
  /** Some node stays away, so the cluster cannot become healthy as a whole. */
  readonly isPartial: boolean
}

async function carryOut(
  context: CommandContext,
  cluster: RuntimeCluster,
  work: Work,
): Promise<'done'> {
  const { clock } = context.services
  const startedAtMs = clock.monotonicMs()
  const display = showSteps(context.terminal, () => clock.monotonicMs())
  let verdict: Possible
  let status: ClusterStatus
  try {
    const update = (step: StepUpdate): void => display.update(step)
    verdict = await stopWrites(cluster, work, update)
    await beginStore(cluster, work.client, verdict, update)
    status = await untilServed(context, cluster, work, update)
  } finally {
    display.finish()
  }
  const tookMs = Math.round(clock.monotonicMs() - startedAtMs)
  const { founder, owner, losses, records } = verdict
  if (context.isJson) {
    printJson(context, {
      version: 1,
      cluster: cluster.layout.cluster,
      founder,
      owner,
      epoch: records.lease.epoch,
      losses,
      tookMs,
      status,
    })
    return 'done'
  }
  const { messageStyle: style } = context.terminal
  context.terminal.tell(
    `${style.good(style.symbols.done)} The store runs again after ${renderDuration(tookMs)}: ` +
      `${owner} is primary. ${status.summary}`,
  )
  tellNext(context.terminal, 'pgherd status', 'pgherd events')
  return 'done'
}

/** After this nobody writes, so that a second look is final. @throws PgherdError when it says otherwise */
async function stopWrites(
  cluster: RuntimeCluster,
  { client, answers, judge }: Work,
  update: (step: StepUpdate) => void,
): Promise<Possible> {
  const step = { id: 'yield', title: 'writes stopped, old copies put aside' }
  update({ ...step, state: 'started', detail: null })
  const first = judge(answers)
  if (first.kind === 'refused') throw notRecoverable(first)
  const answering = new Set(answers.map((answer) => answer.node))
  const later = await gather(cluster, (node) =>
    answering.has(node.name)
      ? client.yieldToRecovery(node, node.name === first.founder, yieldDeadlineMs)
      : Promise.reject(new AgentSilentError('refused', `${node.name} did not answer before`)),
  )
  const gone = [...answering].filter((name) => !later.some((answer) => answer.node === name))
  const writing = later.filter((answer) => answer.isPrimary).map((answer) => answer.node)
  const open = [...gone, ...writing]
  if (open.length > 0) {
    update({ ...step, state: 'failed', detail: open.join(', ') })
    throw notRecoverable({
      kind: 'refused',
      why:
        gone.length > 0
          ? `${gone.join(' and ')} answered at first and does not any more`
          : `PostgreSQL of ${writing.join(' and ')} could not be stopped`,
      hint: 'see its log, then run this again: pgherd logs ' + open.join(' '),
    })
  }
  const verdict = judge(later)
  if (verdict.kind === 'refused') {
    update({ ...step, state: 'failed', detail: verdict.why })
    throw notRecoverable(verdict)
  }
  if (verdict.owner !== first.owner || verdict.founder !== first.founder) {
    update({ ...step, state: 'failed', detail: 'the nodes changed meanwhile' })
    throw notRecoverable({
      kind: 'refused',
      why: `the nodes changed while they were looked at: ${verdict.owner} would be primary now`,
      hint: 'run it again: pgherd store recover',
    })
  }
  update({ ...step, state: 'done', detail: null })
  return verdict
}

async function beginStore(
  cluster: RuntimeCluster,
  client: StatusClient,
  { founder, records }: Possible,
  update: (step: StepUpdate) => void,
): Promise<void> {
  const step = { id: 'found', title: `store begun anew on ${founder}` }
  update({ ...step, state: 'started', detail: null })
  const node = cluster.layout.nodes.find((one) => one.name === founder)
  if (node === undefined) throw new RangeError(`${founder} is no node`)
  const answer = await foundAt(client, node, records)
  if (answer.kind !== 'accepted') {
    update({ ...step, state: 'failed', detail: null })
    if (answer.kind === 'refused') throw refusedError(answer)
    throw new RangeError('only the voter itself can begin a store')
  }
  update({ ...step, state: 'done', detail: `epoch ${records.lease.epoch}` })
}

async function foundAt(
  client: StatusClient,
  node: NodeLayout,
  records: Possible['records'],
): ReturnType<StatusClient['foundStore']> {
  try {
    return await client.foundStore(node, records, foundDeadlineMs)
  } catch (error) {
    if (!(error instanceof AgentSilentError)) throw error
    throw new PgherdError({
      code: 'PGHERD_REQUEST_UNANSWERED',
      reason: 'timeout',
      message: `the agent of ${node.name} did not answer`,
      because: error.message,
      hint: 'the store may have begun; look with: pgherd status; if not, run this again',
      cause: error,
    })
  }
}

/** Waits for a healthy cluster, or for one that serves when nodes were given up. */
async function untilServed(
  context: CommandContext,
  cluster: RuntimeCluster,
  { client, isPartial }: Work,
  update: (step: StepUpdate) => void,
): Promise<ClusterStatus> {
  const { clock } = context.services
  const step = { id: 'health', title: isPartial ? 'primary serves' : 'cluster is healthy' }
  const untilMs = clock.monotonicMs() + healthyMaxMs
  for (;;) {
    const { status } = await observeCluster(cluster, client)
    const isServed = status.verdict === 'healthy' || (isPartial && status.verdict === 'degraded')
    update({ ...step, state: isServed ? 'done' : 'started', detail: status.summary })
    if (isServed) return status
    if (clock.monotonicMs() >= untilMs) {
      update({ ...step, state: 'failed', detail: status.summary })
      const [reason] = status.reasons
      throw new PgherdError({
        code: 'PGHERD_NOT_HEALTHY_IN_TIME',
        reason: 'timeout',
        message: `cluster ${status.cluster} is ${status.verdict} after ${healthyMaxMs / 1000} s`,
        because: reason?.message ?? 'the reason is not known',
        hint: `the new store stays; look with: ${reason?.next ?? 'pgherd status'}`,
      })
    }
    context.signal.throwIfAborted()
    await clock.sleep(pollMs, context.signal)
  }
}

function notRecoverable({ why, hint }: Extract<RecoveryVerdict, { kind: 'refused' }>): PgherdError {
  return new PgherdError({
    code: 'PGHERD_STORE_NOT_RECOVERABLE',
    reason: 'refused',
    message: 'the store was not begun anew',
    because: why,
    hint,
  })
}
