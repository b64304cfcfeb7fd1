// Which HAProxy process serves with our configuration, and how another one takes its place. The files say
// what is true once the new one answers, and not before: whatever fails until then leaves the old one.

import { rename, rm } from 'node:fs/promises'
import type { ClusterLayout } from '../../core/cluster-layout.ts'
import { readFileIfPresent, writeFileAtomic } from '../../host/files.ts'
import {
  adoptLasting,
  endLasting,
  findLasting,
  readLogSince,
  recordLasting,
  trimLog,
} from '../../host/lasting-process.ts'
import type { LastingProcess } from '../../host/lasting-process.ts'
import { signalProcess } from '../../host/process-table.ts'
import { describeError } from '../../lib/errors.ts'
import type { Clock } from '../../ports/clock.ts'
import { ProxyError } from '../../ports/proxy.ts'
import { firstAlert, startHaproxy, validateConfig } from './program.ts'
import type { HaproxyFiles } from './program.ts'
import { primaryProxy, renderClosedState, renderConfig } from './render.ts'
import type { HaproxySettings } from './render.ts'
import { sendCommand } from './runtime-api.ts'

export type HaproxyProcessOptions = HaproxyFiles &
  HaproxySettings & {
    /** Name or path of the program. */
    readonly binary: string
    readonly layout: ClusterLayout
    readonly stateFile: string
  }

/** `outdated`: why it serves with an older configuration; null when it has the present one. */
export type ServingProcess = {
  readonly process: LastingProcess
  readonly outdated: string | null
}

const answerDeadlineMs = 1000
/** One that says nothing for so long hangs. */
const silentMsMax = 5000
const answerPauseMs = 20
const stopGraceMs = 2000

/**
 * Takes over the process that serves, replaced if its configuration is old; or starts one, closed for writes.
 * One that does not answer any more is ended first.
 * @throws Error that says why none serves
 */
export async function ensureServing(
  clock: Clock,
  options: HaproxyProcessOptions,
): Promise<ServingProcess> {
  const pid = await findServing(clock, options)
  if (pid === null) {
    await writeFileAtomic(options.stateFile, renderClosedState(options.layout), { mode: 0o640 })
    return { process: await launch(clock, options, null), outdated: null }
  }
  const isCurrent = (await readFileIfPresent(options.configFile)) === renderConfigOf(options)
  if (isCurrent) return { process: adoptLasting(pid), outdated: null }
  return replaceServing(clock, options, adoptLasting(pid))
}

/**
 * Lets a process with the present configuration take the place of `old`; when it cannot, `old` stays.
 * @throws Error when neither serves
 */
export async function replaceServing(
  clock: Clock,
  options: HaproxyProcessOptions,
  old: LastingProcess,
): Promise<ServingProcess> {
  const logOffset = await trimLog(options.logFile)
  try {
    const states = await sendCommand(options.socketPath, 'show servers state', answerDeadlineMs)
    // One of an older version says nothing of the servers that checks are made of now: closed then, not
    // open, which is what HAProxy would take them for. Clients wait for the few moments until a check.
    const isComplete = states.includes(` ${primaryProxy} `)
    const text = isComplete ? `${states}\n` : renderClosedState(options.layout)
    await writeFileAtomic(options.stateFile, text, { mode: 0o640 })
    return { process: await launch(clock, options, old.pid), outdated: null }
  } catch (error) {
    const answering = await untilAnswering(clock, options.socketPath, old, old.pid)
    // The new one failed after it had taken over: nobody serves now.
    if (answering === null) throw error
    const alert = firstAlert(await readLogSince(options.logFile, logOffset))
    return { process: old, outdated: alert ?? describeError(error) }
  }
}

/** Ends whichever process serves, with all its sessions. */
export async function endServing(options: HaproxyProcessOptions): Promise<void> {
  // More than one, when an agent was killed while one took the place of the other.
  for (let pid = await findLasting(options); pid !== null; pid = await findLasting(options)) {
    await endLasting(pid, stopGraceMs)
  }
  for (const file of [options.pidFile, options.socketPath]) await rm(file, { force: true })
}

const renderConfigOf = (options: HaproxyProcessOptions): string =>
  renderConfig(options.layout, options)

/** The process that answers, which an agent that was killed may not have recorded. */
async function findServing(clock: Clock, options: HaproxyProcessOptions): Promise<number | null> {
  const found = await findLasting(options)
  if (found === null) return null
  const answering = await untilAnswering(clock, options.socketPath, adoptLasting(found), null)
  if (answering === null) {
    await endLasting(found, stopGraceMs)
    return null
  }
  await recordLasting(options, answering)
  return answering
}

/** @throws Error when it ends, or stays silent; nothing of it is left then */
async function launch(
  clock: Clock,
  options: HaproxyProcessOptions,
  oldPid: number | null,
): Promise<LastingProcess> {
  const draft = `${options.configFile}.draft`
  await writeFileAtomic(draft, renderConfigOf(options), { mode: 0o600 })
  try {
    await validateConfig(options.binary, draft)
    const started = startHaproxy(options.binary, options, draft, oldPid)
    const answering = await untilAnswering(clock, options.socketPath, started, started.pid)
    if (answering === null) {
      signalProcess(started.pid, 'SIGKILL')
      throw new Error(
        started.isAlive()
          ? 'it does not answer on its socket'
          : `it ended at once (${String(started.ended.reason)})`,
      )
    }
    await recordLasting(options, started.pid)
    await rename(draft, options.configFile)
    return started
  } finally {
    await rm(draft, { force: true })
  }
}

/**
 * Waits until somebody answers on the socket, who may still be the former process during a change.
 * @param wanted the process that must answer; null: any
 * @returns who; null when `running` ended or nobody answered
 */
async function untilAnswering(
  clock: Clock,
  socketPath: string,
  running: LastingProcess,
  wanted: number | null,
): Promise<number | null> {
  const untilMs = clock.monotonicMs() + silentMsMax
  while (clock.monotonicMs() < untilMs && running.isAlive()) {
    try {
      const answer = await sendCommand(socketPath, 'show info', answerDeadlineMs)
      const pid = Number(/^Pid: (\d+)$/m.exec(answer)?.[1])
      if (pid > 0 && (wanted === null || pid === wanted)) return pid
    } catch (error) {
      if (!(error instanceof ProxyError)) throw error
    }
    await clock.sleep(answerPauseMs)
  }
  return null
}
