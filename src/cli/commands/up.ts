// pgherd up: from nothing, or from whatever is there, to a healthy cluster.

import { type LoadedSpec, loadSpec, parseSpec } from '../../config/load.ts'
import { PgherdError } from '../../lib/errors.ts'
import type { RuntimeKind, Step, UpResult } from '../../runtimes/runtime.ts'
import type { Command } from '../command.ts'
import { addressOf, connectionString } from '../connection.ts'
import { type CommandContext, printJson, selectedSpec } from '../context.ts'
import { tellNext } from '../next-line.ts'
import { observeCluster } from '../observe-cluster.ts'
import { parseDuration, renderDuration } from '../render-quantity.ts'
import { renderStatus } from '../render-status.ts'
import { type StepUpdate, showSteps } from '../step-list.ts'
import { isHealthyBut, waitForHealth } from '../wait-for-health.ts'

const timeoutDefaultMs = 120_000

export const upCommand: Command = {
  name: 'up',
  group: 'Cluster',
  summary: 'make the cluster run as its spec says',
  description: [
    'Starts what is missing and returns when the cluster is healthy: a primary, its standbys and a ' +
      'witness behind one address for writes and one for reads. Running it again changes nothing.',
    'Without --spec it takes the spec of the cluster that is there already, or else the default one ' +
      '(see it with `pgherd spec`). An interrupted `up` leaves what it started; running it again goes on.',
  ],
  arguments: [],
  options: [
    { flags: '--show-secret', description: 'print the connection string with its password' },
    {
      flags: '--runtime <kind>',
      description: 'local: on this machine itself. lab: on hosts made of network namespaces (root)',
      completes: ['local', 'lab'],
    },
    { flags: '--timeout <time>', description: 'give up waiting for health after this (120s)' },
  ],
  examples: [
    { line: 'pgherd up', note: 'the default cluster: three data nodes, a witness, a balancer' },
    {
      line: 'pgherd up --runtime lab',
      note: 'the same with real addresses, two balancers and a virtual address; needs root',
    },
    { line: 'pgherd up --spec cluster.yaml', note: 'the cluster that the file describes' },
  ],
  exits: ['configuration', 'postgres', 'store', 'system', 'timeout', 'localState'],
  run: async (context, input) => {
    const { clock } = context.services
    const startedAtMs = clock.monotonicMs()
    const timeoutMs = parseTimeout(input.text('timeout'))
    const spec = await specToRun(context)
    const kind = parseKind(input.text('runtime'))
    const result = await runUp(context, spec, kind, timeoutMs)
    if (result === null) {
      context.terminal.tell('Interrupted. What was started stays, and `up` goes on from there.')
      tellNext(context.terminal, 'pgherd up', 'pgherd down')
      return 'interrupted'
    }
    const tookMs = clock.monotonicMs() - startedAtMs
    await showResult(context, result, { tookMs, isSecretShown: input.isSet('show-secret') })
    return 'done'
  },
}

type Result = UpResult & {
  /** It was not healthy at the first look. */
  readonly hasWaited: boolean
}

/** Runs the nodes and waits for health, with both shown as steps. @returns null when interrupted */
async function runUp(
  context: CommandContext,
  spec: LoadedSpec,
  kind: RuntimeKind | null,
  timeoutMs: number,
): Promise<Result | null> {
  const { services, signal, terminal } = context
  const { clock, runtime } = services
  const display = showSteps(terminal, () => clock.monotonicMs())
  const onStep = display.update.bind(display)
  try {
    const tell = (step: Step): void => onStep(asInterrupted(step, signal))
    const result = await runtime.up(spec, kind, tell, signal)
    const client = result.cluster.connect()
    const { status } = await observeCluster(result.cluster, client)
    const hasWaited = !isHealthyBut(status, result.withoutPower)
    if (hasWaited || result.isChanged) {
      const patience = { absent: result.withoutPower, timeoutMs }
      await waitForHealth(result.cluster, client, clock, onStep, patience, signal)
    }
    return { ...result, hasWaited }
  } catch (error) {
    if (signal.aborted && !(error instanceof PgherdError)) return null
    throw error
  } finally {
    display.finish()
  }
}

/** After Ctrl-C steps end by being cut short, which is no failure. */
function asInterrupted(step: Step, signal: AbortSignal): StepUpdate {
  if (!signal.aborted || step.state !== 'failed') return step
  return { ...step, state: 'interrupted', detail: 'interrupted' }
}

/**
 * The spec that was named; else that of the cluster that is there; else the default under the name
 * that was given.
 */
async function specToRun(context: CommandContext): Promise<LoadedSpec> {
  const { specFile, cluster } = context.selection
  if (specFile !== null) {
    const loaded = await selectedSpec(context)
    if (cluster === null || cluster === loaded.layout.cluster) return loaded
    throw new PgherdError({
      code: 'PGHERD_USAGE',
      reason: 'usage',
      message: `--cluster ${cluster} and the spec ${specFile} do not agree`,
      because: `the spec describes the cluster ${loaded.layout.cluster}`,
      hint: 'leave --cluster out, or name another file',
    })
  }
  const known = await context.services.runtime.clusters()
  const chosen = cluster === null && known.length === 1 ? known[0]?.name : cluster
  if (chosen !== undefined && chosen !== null) {
    const isUsable = known.some((one) => one.name === chosen && one.layout !== null)
    if (isUsable) return loadSpec((await context.services.runtime.open(chosen)).specFile)
    return parseSpec(`cluster: ${JSON.stringify(chosen)}\n`, 'built-in defaults')
  }
  // Several clusters and none named: the runtime's own complaint lists them.
  if (known.length > 1 && !known.some((one) => one.name === parseSpec('', '').layout.cluster)) {
    await context.services.runtime.open(null)
  }
  return parseSpec('', 'built-in defaults')
}

function parseKind(text: string | null): RuntimeKind | null {
  if (text === null || text === 'local' || text === 'lab') return text
  throw new PgherdError({
    code: 'PGHERD_USAGE',
    reason: 'usage',
    message: `there is no runtime ${text}`,
    hint: 'write --runtime local or --runtime lab',
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

type Outcome = { readonly tookMs: number; readonly isSecretShown: boolean }

async function showResult(
  context: CommandContext,
  { cluster, isChanged, hasWaited, notes, withoutPower }: Result,
  outcome: Outcome,
): Promise<void> {
  const { terminal } = context
  const { status } = await observeCluster(cluster, cluster.connect())
  const { application, layout } = cluster
  const password = outcome.isSecretShown ? await application.readPassword() : null
  const target = layout.endpoints.write === null ? firstDataNode(status) : 'write'
  const url =
    target === null ? null : connectionString(addressOf(layout, target), application, password)
  if (context.isJson) {
    printJson(context, {
      version: 1,
      isChanged,
      tookMs: Math.round(outcome.tookMs),
      notes,
      url,
      status,
    })
    return
  }
  const { messageStyle } = terminal
  const took = renderDuration(outcome.tookMs)
  const whole = withoutPower.length === 0 ? 'the cluster is healthy' : 'what has power is healthy'
  const unchanged = hasWaited
    ? `Nothing to change; ${whole} after ${took}.`
    : `Nothing to change (looked for ${took}).`
  const doneSentence = isChanged ? `Cluster ${layout.cluster} is up after ${took}.` : unchanged
  terminal.tell(
    ...notes.map((note) => `${messageStyle.warn(messageStyle.symbols.warning)} ${note}`),
    `${messageStyle.good(messageStyle.symbols.done)} ${doneSentence}`,
    '',
  )
  terminal.print(...renderStatus(status, terminal.width, terminal.style))
  if (url !== null) terminal.print('', `Connect  ${terminal.style.bold(url)}`)
  // Only with somebody to take over is the drill one.
  const canFailOver = status.verdict === 'healthy' && (status.sync?.count ?? 0) > 0
  tellNext(terminal, 'pgherd psql', canFailOver ? 'pgherd node kill primary' : 'pgherd status')
}

function firstDataNode(
  status: Awaited<ReturnType<typeof observeCluster>>['status'],
): { node: (typeof status.nodes)[number]['name'] } | null {
  const primary = status.nodes.find((node) => node.role === 'primary')
  return primary === undefined ? null : { node: primary.name }
}
