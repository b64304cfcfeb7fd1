// Running PostgreSQL's programs (initdb, pg_basebackup, pg_rewind …) once, as the database user, with a
// way to abort them. They die with us: an orphaned pg_rewind would go on changing the data directory.

import { spawn } from 'node:child_process'
import path from 'node:path'
import { listProcessesWithArgument, signalProcess } from '../../host/process-table.ts'
import { PostgresError } from '../../ports/postgres.ts'
import type { DatabaseUser } from './database-user.ts'

export type ToolRun = {
  /** Absolute path. */
  readonly program: string
  readonly args: readonly string[]
  readonly runAs: DatabaseUser | null
  /** Aborts with SIGINT, and SIGKILL two seconds later. */
  readonly signal: AbortSignal
  readonly stdin?: string
  /** Every line of standard output and error as it comes; a carriage return ends a line too. */
  readonly onLine?: (line: string) => void
  /** Exit codes that are no failure; 0 always is. */
  readonly acceptCodes?: readonly number[]
}

export type ToolResult = {
  readonly exitCode: number
  readonly stdout: string
  readonly stderr: string
}

// Enough for every message; the output of pg_waldump is read line by line and not kept.
const keptCharacters = 64 * 1024
const killAfterAbortMs = 2000

/** The environment of PostgreSQL's programs: ours holds things that are none of their business. */
export function toolEnvironment(): Record<string, string> {
  const zone = process.env['TZ']
  return {
    PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    LC_ALL: 'C.UTF-8',
    PGAPPNAME: 'pgherd_tool',
    ...(zone === undefined ? {} : { TZ: zone }),
  }
}

/** Runs a program to its end. @throws PostgresError with the last lines of what it said */
export function runTool(run: ToolRun): Promise<ToolResult> {
  const name = path.basename(run.program)
  return new Promise((resolve, reject) => {
    if (run.signal.aborted) {
      reject(new PostgresError('timeout', `${name} was aborted before it began`))
      return
    }
    const child = spawn('setpriv', [...privilegesFor(run.runAs), run.program, ...run.args], {
      cwd: '/',
      env: toolEnvironment(),
      stdio: ['pipe', 'pipe', 'pipe'],
      // A process group of its own: pg_basebackup has a child that receives WAL and that a signal to
      // the parent alone would leave behind.
      detached: true,
    })
    const signalGroup = (signal: NodeJS.Signals): void => {
      if (child.pid !== undefined) signalProcess(-child.pid, signal)
    }
    let killTimer: NodeJS.Timeout | undefined
    const abort = (): void => {
      signalGroup('SIGINT')
      killTimer = setTimeout(() => {
        signalGroup('SIGKILL')
      }, killAfterAbortMs)
    }
    child.once('exit', () => {
      signalGroup('SIGKILL')
    })
    run.signal.addEventListener('abort', abort, { once: true })
    const stdout = collect(child.stdout, run.onLine)
    const stderr = collect(child.stderr, run.onLine)
    child.stdin.on('error', () => undefined)
    child.stdin.end(run.stdin ?? '')

    const finish = (): void => {
      clearTimeout(killTimer)
      run.signal.removeEventListener('abort', abort)
    }
    child.once('error', (error) => {
      finish()
      reject(new PostgresError('failed', `cannot run ${name}: ${error.message}`, { cause: error }))
    })
    child.once('close', (exitCode, signal) => {
      finish()
      if (exitCode !== null && (exitCode === 0 || run.acceptCodes?.includes(exitCode) === true)) {
        resolve({ exitCode, stdout: stdout(), stderr: stderr() })
      } else if (run.signal.aborted) {
        reject(new PostgresError('timeout', `${name} was aborted`))
      } else {
        const ending = signal === null ? `exit code ${String(exitCode)}` : `signal ${signal}`
        reject(new PostgresError('failed', `${name} failed (${ending}): ${lastWords(stderr())}`))
      }
    })
  })
}

/**
 * Ends tools that a killed agent left working on a directory: the death signal reaches the program that
 * we started, not the children it has. Returns when they are gone.
 * @param argument as it was given to the tool, for example `--pgdata=…`
 */
export async function endLeftoverTools(argument: string): Promise<void> {
  for (;;) {
    const pids = listProcessesWithArgument(argument)
    if (pids.length === 0) return
    for (const pid of pids) signalProcess(pid, 'SIGKILL')
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

function privilegesFor(runAs: DatabaseUser | null): readonly string[] {
  const drop =
    runAs === null
      ? []
      : [`--reuid=${String(runAs.uid)}`, `--regid=${String(runAs.gid)}`, '--clear-groups']
  return ['--pdeathsig=KILL', ...drop, '--']
}

function collect(
  stream: NodeJS.ReadableStream,
  onLine: ((line: string) => void) | undefined,
): () => string {
  let kept = ''
  let rest = ''
  stream.setEncoding('utf8')
  stream.on('data', (chunk: string) => {
    kept = (kept + chunk).slice(-keptCharacters)
    if (onLine === undefined) return
    const lines = (rest + chunk).split(/[\r\n]/)
    rest = lines.pop() ?? ''
    for (const line of lines) if (line !== '') onLine(line)
  })
  stream.on('end', () => {
    if (rest !== '') onLine?.(rest)
  })
  return () => kept
}

/** The last few lines that say something, on one line. */
export function lastWords(text: string): string {
  const lines = text.split(/[\r\n]+/).filter((line) => line.trim() !== '')
  return lines.length === 0 ? 'it said nothing' : lines.slice(-4).join(' | ')
}
