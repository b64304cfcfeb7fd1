// Programs that outlive the agent that started them: they are started apart from it, found again by a
// pid file, and ended by signals.

import { spawn } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { readFile, realpath, stat, truncate } from 'node:fs/promises'
import { readFileIfPresent, writeFileAtomic } from './files.ts'
import { listProcesses } from './process-info.ts'
import { isProcessAlive, readCommandLine, signalProcess } from './process-table.ts'

export type LastingFiles = {
  /** Working directory of the process, by which it is found as part of its node. */
  readonly directory: string
  /** Also an argument of the process, by which it is told from others. */
  readonly configFile: string
  readonly pidFile: string
  readonly logFile: string
}

export type LastingProcess = {
  readonly pid: number
  /** Aborts when the process has ended, with how as its reason; never for one that was taken over. */
  readonly ended: AbortSignal
  /** Of our own child not before `ended` says how: /proc shows it dead a moment earlier. */
  isAlive(): boolean
}

/**
 * Starts a program whose output goes to the log file. It is found again after `recordLasting`.
 * @param parameters one of them is the configuration file, or begins with its path
 * @throws Error when it cannot be started
 */
export function startLasting(
  binary: string,
  parameters: readonly string[],
  files: LastingFiles,
): LastingProcess {
  const log = openSync(files.logFile, 'a', 0o640)
  try {
    const child = spawn(binary, parameters, {
      cwd: files.directory,
      detached: true,
      stdio: ['ignore', log, log],
    })
    const ended = new AbortController()
    child.on('exit', (code, signal) => ended.abort(signal ?? `exit code ${String(code)}`))
    child.on('error', (error) => ended.abort(error.message))
    child.unref()
    if (child.pid === undefined) throw new Error(`${binary} could not be started`)
    return { pid: child.pid, ended: ended.signal, isAlive: () => !ended.signal.aborted }
  } finally {
    closeSync(log)
  }
}

/** A process that a former agent started: nobody tells us of its end. */
export function adoptLasting(pid: number): LastingProcess {
  return { pid, ended: new AbortController().signal, isAlive: () => isProcessAlive(pid) }
}

/** From now on `pid` is the process that `findLasting` finds. */
export function recordLasting(files: LastingFiles, pid: number): Promise<void> {
  return writeFileAtomic(files.pidFile, `${String(pid)}\n`, { mode: 0o640 })
}

/**
 * The process that runs with our configuration file: the recorded one, or else (its agent was killed before
 * it was recorded) one that was started as `startLasting` does it. Null when there is none.
 */
export async function findLasting(files: LastingFiles): Promise<number | null> {
  const recorded = await findRecorded(files)
  if (recorded !== null) return recorded
  const directory = await realpath(files.directory).catch(() => files.directory)
  const unrecorded = listProcesses().find(
    (each) =>
      each.isSessionLeader &&
      each.workingDirectory === directory &&
      each.arguments.some((argument) => argument.startsWith(files.configFile)),
  )
  return unrecorded?.pid ?? null
}

/** The process that a pid file names, if it still is one of ours. */
export async function findRecorded(
  files: Pick<LastingFiles, 'pidFile' | 'configFile'>,
): Promise<number | null> {
  const pid = Number((await readFileIfPresent(files.pidFile))?.trim())
  if (!Number.isSafeInteger(pid) || pid <= 1 || !isProcessAlive(pid)) return null
  // The number may have been given to another process since.
  const isOurs = readCommandLine(pid).some((argument) => argument.startsWith(files.configFile))
  return isOurs ? pid : null
}

/** SIGTERM, after `graceMs` SIGKILL; returns when the process is gone. */
export async function endLasting(pid: number, graceMs: number): Promise<void> {
  signalProcess(pid, 'SIGTERM')
  const deadlineMs = performance.now() + graceMs
  while (isProcessAlive(pid)) {
    if (performance.now() > deadlineMs) signalProcess(pid, 'SIGKILL')
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

/** What a program has logged since `offset`. */
export async function readLogSince(logFile: string, offset: number): Promise<string> {
  const log = await readFile(logFile).catch(() => Buffer.alloc(0))
  return log.subarray(offset).toString('utf8')
}

const logBytesMax = 4 * 1024 * 1024

/** Empties a log that has grown large. @returns its length */
export async function trimLog(logFile: string): Promise<number> {
  const { size } = await stat(logFile).catch(() => ({ size: 0 }))
  if (size <= logBytesMax) return size
  await truncate(logFile)
  return 0
}
