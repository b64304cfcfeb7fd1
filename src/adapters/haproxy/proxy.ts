// Keeps one HAProxy running with the rendered configuration and passes routing decisions to it.

import { dataNodesOf } from '../../core/cluster-layout.ts'
import type { NodeName } from '../../core/names.ts'
import { keepRunning } from '../../host/keep-running.ts'
import type { KeptProgram } from '../../host/keep-running.ts'
import type { LastingProcess } from '../../host/lasting-process.ts'
import { signalProcess } from '../../host/process-table.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Journal } from '../../ports/journal.ts'
import { ProxyError } from '../../ports/proxy.ts'
import type { Proxy, ProxyState } from '../../ports/proxy.ts'
import { endServing, ensureServing, replaceServing } from './process.ts'
import type { HaproxyProcessOptions, ServingProcess } from './process.ts'
import { firstAlert } from './program.ts'
import { primaryProxy, writeProxy } from './render.ts'
import { parseServersState, sendCommand } from './runtime-api.ts'

export type HaproxyOptions = HaproxyProcessOptions

const lookPeriodMs = 250
const looksPerQuestion = 4
const answerDeadlineMs = 1000
/** So many questions in a row without an answer: it hangs. */
const silentCountMax = 4
/** How often a configuration that was not taken is tried again: whatever was in its way may be gone. */
const looksPerRetry = 40

/** The proxy of one balancer node. */
export function createHaproxy(clock: Clock, journal: Journal, options: HaproxyOptions): Proxy {
  const stopping = new AbortController()
  const startedListeners: (() => void)[] = []
  let state: ProxyState = { kind: 'starting', detail: 'HAProxy is being started' }
  let keeping: Promise<void> | null = null
  const nodes = dataNodesOf(options.layout).map((node) => node.name)

  const send = async (commands: readonly string[], deadlineMs: number): Promise<string> => {
    if (state.kind !== 'running') throw new ProxyError('HAProxy is not running')
    const answer = await sendCommand(options.socketPath, commands.join('; '), deadlineMs)
    return answer
  }
  const close = (node: NodeName): readonly string[] => [
    `set server ${primaryProxy}/${node} health down`,
    `shutdown sessions server ${writeProxy}/${node}`,
  ]
  /** Commands that only change something answer nothing when they succeed. */
  const change = async (commands: readonly string[], deadlineMs: number): Promise<void> => {
    if (commands.length === 0) return
    const answer = await send(commands, deadlineMs)
    if (answer !== '') throw new ProxyError(`HAProxy refused: ${answer.split('\n')[0] ?? answer}`)
  }
  const usableNodes = async (deadlineMs: number): Promise<readonly NodeName[]> => {
    const answer = await send([`show servers state ${writeProxy}`], deadlineMs)
    const usable = parseServersState(answer).filter((each) => each.isUsable)
    return nodes.filter((node) => usable.some((each) => each.server === node))
  }

  let serving: ServingProcess | null = null

  /** Another process serves, or the same one with another configuration. */
  const follow = (next: ServingProcess): void => {
    if (next.outdated !== null && next.outdated !== serving?.outdated) {
      journal.log('error', `HAProxy keeps its former configuration: ${next.outdated}`)
    }
    serving = next
    state = { kind: 'running', outdated: next.outdated }
    for (const listener of startedListeners) listener()
  }

  let silentCount = 0
  /** One that hangs serves nobody, and would be found running for ever. */
  const endSilent = async ({ pid }: LastingProcess): Promise<void> => {
    const isSilent = await sendCommand(options.socketPath, 'show info', answerDeadlineMs).then(
      () => false,
      () => true,
    )
    silentCount = isSilent ? silentCount + 1 : 0
    if (silentCount < silentCountMax) return
    silentCount = 0
    journal.log('warn', 'HAProxy does not answer any more: it is killed.')
    signalProcess(pid, 'SIGKILL')
  }

  const program: KeptProgram = {
    name: 'HAProxy',
    logFile: options.logFile,
    lookPeriodMs,
    begin: async () => {
      const next = await ensureServing(clock, options)
      follow(next)
      return next.process
    },
    onLook: async (count) => {
      if (serving === null || count === 0) return null
      if (count % looksPerQuestion === 0) await endSilent(serving.process)
      if (serving.outdated === null || count % looksPerRetry !== 0) return null
      const before = serving.process
      const next = await replaceServing(clock, options, before)
      if (next.process !== before) follow(next)
      return next.process
    },
    onNotRunning: (next) => {
      serving = null
      state = next
    },
    complaintIn: firstAlert,
  }

  return {
    start: () => void (keeping ??= keepRunning(program, clock, journal, stopping.signal)),
    state: () => state,
    onStarted: (listener) => void startedListeners.push(listener),
    routeWrites: async (node, deadlineMs) => {
      const others = nodes.filter((each) => each !== node)
      const open = node === null ? [] : [`set server ${primaryProxy}/${node} health up`]
      await change([...others.flatMap(close), ...open], deadlineMs)
    },
    openForWrites: usableNodes,
    closeWrites: (closed, deadlineMs) => change(closed.flatMap(close), deadlineMs),
    stop: async () => {
      stopping.abort()
      await keeping
      await endServing(options)
    },
  }
}
