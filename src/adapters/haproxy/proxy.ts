// Keeps one HAProxy running with the rendered configuration and passes routing decisions to it.

import { readFile, rm } from 'node:fs/promises'
import { dataNodesOf } from '../../core/cluster-layout.ts'
import type { ClusterLayout } from '../../core/cluster-layout.ts'
import type { NodeName } from '../../core/names.ts'
import { isProcessAlive } from '../../host/process-table.ts'
import { readFileIfPresent, writeFileAtomic } from '../../host/files.ts'
import { endLasting, findLasting, trimLog } from '../../host/lasting-process.ts'
import type { LastingProcess } from '../../host/lasting-process.ts'
import { messageOf } from '../../lib/errors.ts'
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

const restartPauseMs = { first: 100, longest: 2000 } as const
const aliveCheckMs = 250
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

  const keep = async (): Promise<void> => {
    let pauseMs: number = restartPauseMs.first
    while (!stopping.signal.aborted) {
      const logOffset = await trimLog(options.logFile)
      try {
        const running = await ensureRunning(options)
        await untilAnswering(clock, options.socketPath, running)
        state = { kind: 'running' }
        pauseMs = restartPauseMs.first
        for (const listener of startedListeners) listener()
        const words = await untilEnded(clock, running, stopping.signal)
        if (words !== null) journal.log('warn', `HAProxy ended (${words}); it is started again`)
        state = { kind: 'starting', detail: 'HAProxy ended and is started again' }
      } catch (error) {
        const detail = await lastWords(options.logFile, logOffset, messageOf(error))
        if (state.kind !== 'failed' || state.detail !== detail) {
          journal.log('error', `HAProxy does not run: ${detail}`)
        }
        state = { kind: 'failed', detail }
      }
      await clock.sleep(pauseMs, stopping.signal)
      pauseMs = Math.min(pauseMs * 2, restartPauseMs.longest)
    }
  }

  return {
    start: () => void (keeping ??= keep()),
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
  if (pid !== null && isCurrent) return { pid, ended: new AbortController().signal }
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

/** Waits for the end of the process and says how it ended; null when `signal` aborted first. */
async function untilEnded(
  clock: Clock,
  running: LastingProcess,
  signal: AbortSignal,
): Promise<string | null> {
  const either = AbortSignal.any([signal, running.ended])
  while (!either.aborted && isProcessAlive(running.pid)) await clock.sleep(aliveCheckMs, either)
  if (signal.aborted) return null
  return running.ended.aborted ? String(running.ended.reason) : 'it is gone'
}

/** What HAProxy complained about since `offset` of its log; otherwise `fallback`. */
async function lastWords(logFile: string, offset: number, fallback: string): Promise<string> {
  const log = await readFile(logFile).catch(() => Buffer.alloc(0))
  return firstAlert(log.subarray(offset).toString('utf8')) ?? fallback
}
