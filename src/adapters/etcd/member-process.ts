// One run of the etcd program: started, signalled, and why it ended. Its output goes straight to a file:
// through a pipe, an agent that is frozen would freeze etcd at its next log line.

import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { copyFile, mkdir, open, stat, truncate } from 'node:fs/promises'
import path from 'node:path'
import type { FileOwner } from '../../host/files.ts'
import { isMissing } from '../../host/files.ts'

const logBytesMax = 8 * 1024 * 1024
const tailBytes = 16 * 1024

export type EtcdCommand = {
  readonly program: string
  readonly flags: readonly string[]
  /** Null: as ourselves. */
  readonly runAs: FileOwner | null
  readonly logFile: string
}

export type EtcdExit = {
  /** etcd's own last complaint, or how the process ended. */
  readonly reason: string
}

export type EtcdProcess = {
  readonly pid: number
  readonly signal: (signal: NodeJS.Signals) => void
  /** Resolves when the process is gone; never rejects. */
  readonly exited: Promise<EtcdExit>
}

/**
 * Starts etcd. It ends with this process (SIGTERM by the kernel), as etcd hands leadership over then.
 * @throws Error when the program cannot be started
 */
export async function startEtcdProcess(command: EtcdCommand): Promise<EtcdProcess> {
  await mkdir(path.dirname(command.logFile), { recursive: true })
  const logStart = await sizeOf(command.logFile)
  const drop =
    command.runAs === null
      ? []
      : [`--reuid=${command.runAs.uid}`, `--regid=${command.runAs.gid}`, '--clear-groups']
  const args = ['--pdeathsig=TERM', ...drop, '--', command.program, ...command.flags]
  // etcd takes settings from ETCD_… variables, so it gets none but the path.
  const env = { PATH: process.env['PATH'] ?? '/usr/bin:/bin' }
  const log = openSync(command.logFile, 'a', 0o640)
  let child: ChildProcess
  try {
    child = spawn('setpriv', args, { cwd: '/', env, stdio: ['ignore', log, log] })
  } finally {
    closeSync(log)
  }
  const exited = new Promise<EtcdExit>((resolve) => {
    child.once('exit', (code, signal) => {
      const how = signal === null ? `exit code ${code ?? 0}` : signal
      void readComplaint(command.logFile, logStart).then((complaint) =>
        resolve({ reason: complaint === null ? `ended (${how})` : `${complaint} (${how})` }),
      )
    })
  })
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve)
    child.once('error', reject)
  })
  if (child.pid === undefined) throw new Error('etcd has no process id')
  return { pid: child.pid, signal: (signal) => void child.kill(signal), exited }
}

/**
 * Moves the content of a log that has grown too large to `<file>.1`. The writer keeps the file open for
 * appending, so it is copied and emptied; a line written in between may be lost.
 */
export async function rotateLog(logFile: string): Promise<void> {
  if ((await sizeOf(logFile)) < logBytesMax) return
  await copyFile(logFile, `${logFile}.1`)
  await truncate(logFile, 0)
}

async function sizeOf(file: string): Promise<number> {
  try {
    return (await stat(file)).size
  } catch (error) {
    if (isMissing(error)) return 0
    throw error
  }
}

/** The last serious line of a log behind `start`; null when there is none or it cannot be read. */
async function readComplaint(logFile: string, start: number): Promise<string | null> {
  try {
    const size = await sizeOf(logFile)
    const from = Math.max(start <= size ? start : 0, size - tailBytes)
    const handle = await open(logFile, 'r')
    try {
      const buffer = Buffer.alloc(size - from)
      await handle.read(buffer, 0, buffer.length, from)
      return findComplaint(buffer.toString('utf8'))
    } finally {
      await handle.close()
    }
  } catch {
    // The reason is for people only; without it the exit code has to do.
    return null
  }
}

/**
 * What in etcd's log says why it ended: its last serious JSON line, which has the cause, or else Go's
 * own `panic:`, which often repeats it without.
 */
export function findComplaint(log: string): string | null {
  let panic: string | null = null
  for (const line of log.split('\n').reverse()) {
    if (/^(panic|fatal error|setpriv): /.test(line)) panic ??= line
    const entry = parseLine(line)
    if (entry === null || !isSerious(entry)) continue
    return entry.error === '' ? entry.msg : `${entry.msg}: ${entry.error}`
  }
  return panic
}

/** 3.4 says as a mere warning that it was removed from the store. */
function isSerious(entry: LogEntry): boolean {
  return ['fatal', 'panic', 'error'].includes(entry.level) || entry.msg === 'server error'
}

type LogEntry = { readonly level: string; readonly msg: string; readonly error: string }

function parseLine(line: string): LogEntry | null {
  try {
    const entry = JSON.parse(line) as Record<string, unknown>
    const text = (key: string): string => (typeof entry[key] === 'string' ? entry[key] : '')
    return { level: text('level'), msg: text('msg'), error: text('error') }
  } catch {
    return null
  }
}
