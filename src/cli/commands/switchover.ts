// pgherd switchover: a planned change of primary. Plan first, then the question, then the steps.

import type { ClusterStatus } from '../../core/cluster-status.ts'
import type { NodeName } from '../../core/names.ts'
import { PgherdError } from '../../lib/errors.ts'
import type { StatusClient } from '../../ports/status-client.ts'
import type { RuntimeCluster } from '../../runtimes/runtime.ts'
import { askToGoOn } from '../ask.ts'
import type { Command, CommandInput } from '../command.ts'
import { type CommandContext, openCluster, printJson } from '../context.ts'
import { type SwitchoverCourse, followSwitchover } from '../follow-switchover.ts'
import { namedNode, primaryIn } from '../named-node.ts'
import { tellNext } from '../next-line.ts'
import { gatherEvents, noAnswerError, observeCluster } from '../observe-cluster.ts'
import { renderEvent } from '../render-event.ts'
import { parseDuration, renderBytes, renderDuration } from '../render-quantity.ts'
import { renderNodeTable } from '../render-status.ts'
import { wrap } from '../render-table.ts'
import { planText, requestOfCluster } from '../request.ts'

const timeoutDefaultMs = 60_000

export const switchoverCommand: Command = {
  name: 'switchover',
  group: 'Change',
  summary: 'move the primary to a standby, without losing a commit (asks)',
  description: [
    'The primary makes a checkpoint, stops writes, streams the rest, and hands over; then it follows the ' +
      'new primary as a standby. Applications wait for a moment at the same address.',
    'Refused with the id of the rule when the target holds no data, is not a listed streaming standby, or ' +
      'when it could not be proved that nothing is lost.',
    'A dry run that is answered can be carried out. What else keeps the cluster from being healthy follows ' +
      'as warnings, in the JSON document as `warnings`.',
  ],
  arguments: [],
  options: [
    {
      flags: '--to <node>',
      description: 'the new primary; the best standby when left out',
      completes: 'candidate',
    },
    { flags: '--dry-run', description: 'only say what would be done, or what is in the way' },
    { flags: '-y, --yes', description: 'do not ask' },
    { flags: '--timeout <time>', description: 'stop waiting after this (60s); the work may go on' },
    { flags: '--cancel', description: 'take back a switchover that has not happened yet' },
  ],
  examples: [
    { line: 'pgherd switchover --to pg-1 --dry-run', note: 'is it possible now?' },
    { line: 'pgherd switchover --to pg-1 --yes', note: 'in a script' },
  ],
  exits: ['refused', 'timeout', 'store', 'noPrimary', 'unreachable', 'configuration'],
  run: async (context, input) => {
    const cluster = await openCluster(context)
    const client = cluster.connect()
    if (input.isSet('cancel')) return cancel(context, cluster, client)
    const timeoutMs = parseTimeout(input.text('timeout'))
    const to = input.text('to')
    const target = to === null ? null : namedNode(cluster.layout, to)
    const { status: before } = await observeCluster(cluster, client)
    if (before.verdict === 'unreachable') throw await noAnswerError(cluster)
    const from = primaryOf(before)
    const plan = await requestOfCluster(cluster, client, (agent, deadlineMs) =>
      client.requestSwitchover(agent, target, true, deadlineMs),
    )
    if (input.isSet('dry-run')) return showPlan(context, before, planText(plan.message))
    await confirm(context, input, before, planText(plan.message))
    const known = new Set((await gatherEvents(cluster, client))?.map((event) => event.id))
    const startedAtMs = context.services.clock.wallClockMs()
    const accepted = await requestOfCluster(cluster, client, (agent, deadlineMs) =>
      client.requestSwitchover(agent, target, false, deadlineMs),
    )
    const course = await followSwitchover({
      cluster,
      client,
      clock: context.services.clock,
      from,
      known,
      timeoutMs,
      signal: context.signal,
      onStep: (event) => {
        const { messageStyle: style, messageWidth } = context.terminal
        const offset = `+${renderDuration(Math.max(0, event.atMs - startedAtMs))}`.padStart(8)
        if (context.isJson) return
        context.terminal.tell(...renderEvent(event, messageWidth, style, offset))
      },
    })
    return conclude(context, { id: accepted.id, from, before, course, timeoutMs })
  },
}

function primaryOf(status: ClusterStatus): NodeName {
  const primary = primaryIn(status)
  if (primary !== null) return primary
  throw new PgherdError({
    code: 'PGHERD_NO_PRIMARY',
    reason: 'noPrimary',
    message: `cluster ${status.cluster} has no primary that could hand over`,
    because: status.reasons[0]?.message ?? 'nobody is open for writes',
    hint: 'wait for a failover, or see what is in the way: pgherd status',
  })
}

function parseTimeout(text: string | null): number {
  if (text === null) return timeoutDefaultMs
  const timeoutMs = parseDuration(text)
  if (timeoutMs !== null && timeoutMs > 0) return timeoutMs
  throw new PgherdError({
    code: 'PGHERD_USAGE',
    reason: 'usage',
    message: `--timeout ${text} is no duration`,
    hint: 'write 30s, 2m, 1h',
  })
}

/** Everything that a person should see before saying yes. */
function planLines(
  context: CommandContext,
  status: ClusterStatus,
  plan: string,
): readonly string[] {
  const { messageStyle: style, messageWidth } = context.terminal
  const lags = status.nodes
    .filter((node) => node.role === 'standby')
    .map(
      (node) => `${node.name} ${node.lagBytes === null ? node.state : renderBytes(node.lagBytes)}`,
    )
  const warnings = status.reasons.map(
    (reason) => `${style.warn(style.symbols.warning)} ${reason.message}`,
  )
  const pause =
    `writes wait at ${writeAddress(status)} while the lease changes hands; sessions are cut and ` +
    'connect again'
  const entries = [
    ['Plan', plan],
    ['Lag', lags.join(', ')],
    ['Pause', pause],
  ] as const
  return [
    ...entries.flatMap(([title, text]) =>
      wrap(`${style.bold(title.padEnd(7))} ${text}`, messageWidth, ' '.repeat(8)),
    ),
    ...warnings,
  ]
}

function writeAddress(status: ClusterStatus): string {
  const { write } = status.endpoints
  return write === null ? 'the old primary' : `${write.host}:${write.port}`
}

function showPlan(context: CommandContext, status: ClusterStatus, plan: string): 'done' {
  if (context.isJson) {
    const warnings = status.reasons.map((reason) => reason.message)
    printJson(context, { version: 1, isDryRun: true, plan, warnings, nodes: status.nodes })
  } else {
    context.terminal.print(...planLines(context, status, plan))
    tellNext(context.terminal, 'pgherd switchover')
  }
  return 'done'
}

async function confirm(
  context: CommandContext,
  input: CommandInput,
  status: ClusterStatus,
  plan: string,
): Promise<void> {
  if (input.isSet('yes')) return
  const { terminal } = context
  if (!context.isJson) {
    terminal.tell(
      ...renderNodeTable(status.nodes, terminal.messageWidth, terminal.messageStyle),
      '',
    )
    terminal.tell(...planLines(context, status, plan))
  }
  if (await askToGoOn(context, 'Do it?', '--yes')) return
  throw new PgherdError({
    code: 'PGHERD_NOT_CONFIRMED',
    reason: 'usage',
    message: 'the switchover was not confirmed, so nothing was changed',
    hint: 'run it again and say yes',
  })
}

type Conclusion = {
  readonly id: string
  readonly from: NodeName
  readonly before: ClusterStatus
  readonly course: SwitchoverCourse
  readonly timeoutMs: number
}

function conclude(context: CommandContext, conclusion: Conclusion): 'done' | 'interrupted' {
  const { course, before, from, timeoutMs } = conclusion
  const { end } = course
  const { terminal } = context
  switch (end.kind) {
    case 'cancelled':
      throw new PgherdError({
        code: 'PGHERD_SWITCHOVER_CANCELLED',
        reason: 'refused',
        message: `the primary gave the switchover up: ${end.why}`,
        hint: `${from} is still primary; try again later, or see: pgherd events`,
      })
    case 'timeout':
      throw new PgherdError({
        code: 'PGHERD_SWITCHOVER_TIMEOUT',
        reason: 'timeout',
        message: `no new primary after ${renderDuration(timeoutMs)}`,
        because: 'the switchover is still wanted and may yet happen',
        hint: 'watch it with: pgherd status --watch; or take it back: pgherd switchover --cancel',
      })
    case 'interrupted':
      terminal.tell('The switchover goes on without you.')
      tellNext(terminal, 'pgherd events --follow', 'pgherd switchover --cancel')
      return 'interrupted'
    case 'done':
      break
  }
  if (context.isJson) {
    const { pausedMs, steps } = course
    printJson(context, {
      version: 1,
      id: conclusion.id,
      from,
      to: end.to,
      pausedMs,
      steps,
      before: before.nodes,
      after: end.after.nodes,
    })
    return 'done'
  }
  const { style, messageStyle } = terminal
  const pause =
    course.pausedMs === null ? '' : `; writes paused for ${renderDuration(course.pausedMs)}`
  terminal.tell(
    '',
    `${messageStyle.good(messageStyle.symbols.done)} ${end.to} is primary${pause}.`,
    '',
  )
  terminal.print(
    style.accent('Before'),
    ...renderNodeTable(before.nodes, terminal.width, style),
    '',
    style.accent('After'),
    ...renderNodeTable(end.after.nodes, terminal.width, style),
  )
  tellNext(terminal, 'pgherd status', 'pgherd why')
  return 'done'
}

async function cancel(
  context: CommandContext,
  cluster: RuntimeCluster,
  client: StatusClient,
): Promise<'done'> {
  const { message } = await requestOfCluster(cluster, client, (agent, deadlineMs) =>
    client.requestCancelSwitchover(agent, deadlineMs),
  )
  if (context.isJson) {
    printJson(context, { version: 1, cluster: cluster.layout.cluster, message })
    return 'done'
  }
  const { messageStyle: style } = context.terminal
  context.terminal.tell(`${style.good(style.symbols.done)} ${message}`)
  tellNext(context.terminal, 'pgherd status')
  return 'done'
}
