// Keeps one HAProxy running with the rendered configuration and passes routing decisions to it.

import { rm } from 'node:fs/promises'
import { dataNodesOf } from '../../core/cluster-layout.ts'
import type { ClusterLayout } from '../../core/cluster-layout.ts'
import type { NodeName } from '../../core/names.ts'
import { readFileIfPresent, writeFileAtomic } from '../../host/files.ts'
import { keepRunning } from '../../host/keep-running.ts'
import type { KeptProgram } from '../../host/keep-running.ts'
import { adoptLasting, endLasting, findLasting } from '../../host/lasting-process.ts'
import type { LastingProcess } from '../../host/lasting-process.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Journal } from '../../ports/journal.ts'
import { ProxyError } from '../../ports/proxy.ts'
import type { Proxy, ProxyState } from '../../ports/proxy.ts'
import { firstAlert, startHaproxy, validateConfig } from './program.ts'
import type { HaproxyFiles } from './program.ts'
import { renderClosedState, renderConfig, writeProxy } from './render.ts'
import type { HaproxySettings } from './render.ts'
import { parseServersState, sendCommand } from './runtime-api.ts'

export type HaproxyOptions = HaproxyFiles &
  HaproxySettings & {
    /** Name or path of the program. */
    readonly binary: string
    readonly layout: ClusterLayout
    readonly stateFile: string
  }

const lookPeriodMs = 250
const answerDeadlineMs = 1000
const stopGraceMs = 2000

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
    `set server ${writeProxy}/${node} health down`,
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

  const program: KeptProgram = {
    name: 'HAProxy',
    logFile: options.logFile,
    lookPeriodMs,
    begin: async () => {
      const running = await ensureRunning(options)
      await untilAnswering(clock, options.socketPath, running)
      return running
    },
    onLook: (count) => {
      if (count > 0) return
      state = { kind: 'running' }
      for (const listener of startedListeners) listener()
    },
    onNotRunning: (next) => {
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
      const open = node === null ? [] : [`set server ${writeProxy}/${node} health up`]
      await change([...others.flatMap(close), ...open], deadlineMs)
    },
    openForWrites: usableNodes,
    closeWrites: (closed, deadlineMs) => change(closed.flatMap(close), deadlineMs),
    stop: async () => {
      stopping.abort()
      await keeping
      const pid = await findLasting(options)
      if (pid !== null) await endLasting(pid, stopGraceMs)
      for (const file of [options.pidFile, options.socketPath]) await rm(file, { force: true })
    },
  }
}

/** Takes over the running process, replaces it when its configuration is old, or starts one. */
async function ensureRunning(options: HaproxyOptions): Promise<LastingProcess> {
  const config = renderConfig(options.layout, options)
  const pid = await findLasting(options)
  const isCurrent = (await readFileIfPresent(options.configFile)) === config
  if (pid !== null && isCurrent) return adoptLasting(pid)
  if (pid === null) {
    await writeFileAtomic(options.stateFile, renderClosedState(options.layout), { mode: 0o640 })
  } else {
    const states = await sendCommand(options.socketPath, 'show servers state', answerDeadlineMs)
    await writeFileAtomic(options.stateFile, `${states}\n`, { mode: 0o640 })
  }
  const draft = `${options.configFile}.draft`
  await writeFileAtomic(draft, config, { mode: 0o600 })
  try {
    await validateConfig(options.binary, draft)
    await writeFileAtomic(options.configFile, config, { mode: 0o600 })
  } finally {
    await rm(draft, { force: true })
  }
  return startHaproxy(options.binary, options, pid)
}

/** @throws Error when the process ends instead, or stays silent */
async function untilAnswering(
  clock: Clock,
  socketPath: string,
  running: LastingProcess,
): Promise<void> {
  for (let attempt = 0; attempt < 100; attempt++) {
    if (running.ended.aborted) throw new Error(`it ended at once (${String(running.ended.reason)})`)
    try {
      const answer = await sendCommand(socketPath, 'show info', answerDeadlineMs)
      // During a reload the old process may still answer on the same path.
      if (answer.includes(`\nPid: ${String(running.pid)}\n`)) return
    } catch (error) {
      if (!(error instanceof ProxyError)) throw error
    }
    await clock.sleep(20)
  }
  throw new Error('it does not answer on its socket')
}
