// The guard as a process: starting one, and finding and ending one that does not answer any more.

import { spawn } from 'node:child_process'
import { closeSync, mkdirSync, openSync } from 'node:fs'
import path from 'node:path'
import { PgherdError } from '../../lib/errors.ts'
import { readFileIfPresent } from '../../host/files.ts'
import { isProcessAlive, readCommandLine, signalProcess } from '../../host/process-table.ts'

export type GuardProgram = {
  /** The bundled guard, `dist/guard.mjs`. */
  readonly programFile: string
  readonly dataDirectory: string
  readonly socketPath: string
  readonly pidFile: string
  /** What the guard itself has to say; PostgreSQL's log is another file. */
  readonly logFile: string
  readonly killAfterMs: number
  readonly diskProbePeriodMs: number
  /** Without a server and without an agent for this long, the guard ends itself. */
  readonly idleExitMs?: number
}

// One of these runs beside every PostgreSQL: its heap is a few MB, V8 must not take more for comfort.
const nodeFlags = ['--max-semi-space-size=1', '--max-old-space-size=32', '--v8-pool-size=1']

// Linux: sun_path has 108 bytes, the last of them zero.
const socketPathMaxBytes = 107

/**
 * Starts a guard that outlives this process.
 * @returns its process id
 * @throws PgherdError PGHERD_SOCKET_PATH_TOO_LONG
 */
export function spawnGuard(program: GuardProgram): number {
  if (Buffer.byteLength(program.socketPath) > socketPathMaxBytes) {
    throw new PgherdError({
      code: 'PGHERD_SOCKET_PATH_TOO_LONG',
      reason: 'configuration',
      message: `the path of the guard's socket is too long: ${program.socketPath}`,
      because: `Linux allows ${socketPathMaxBytes} bytes for a socket's path`,
      hint: 'choose a shorter directory for sockets (--socket-dir)',
    })
  }
  mkdirSync(path.dirname(program.logFile), { recursive: true })
  const log = openSync(program.logFile, 'a', 0o640)
  try {
    const child = spawn(
      process.execPath,
      [
        ...nodeFlags,
        program.programFile,
        program.dataDirectory,
        program.socketPath,
        String(program.killAfterMs),
        program.pidFile,
        String(program.diskProbePeriodMs),
        String(program.idleExitMs ?? 30_000),
      ],
      {
        cwd: '/',
        detached: true,
        stdio: ['ignore', log, log],
        // Two threads: one may hang in fsync while the other still serves the log.
        env: { PATH: process.env['PATH'] ?? '/usr/bin:/bin', UV_THREADPOOL_SIZE: '2' },
      },
    )
    child.on('error', () => undefined)
    child.unref()
    return child.pid ?? -1
  } finally {
    closeSync(log)
  }
}

/** Process id of the guard that serves this socket, from its pid file; null when it is gone. */
export async function findGuard(program: GuardProgram): Promise<number | null> {
  const text = await readFileIfPresent(program.pidFile)
  const pid = Number(text?.trim())
  if (text === null || !Number.isSafeInteger(pid) || pid <= 1) return null
  // The number may have been given to another process since.
  return isProcessAlive(pid) && readCommandLine(pid).includes(program.socketPath) ? pid : null
}

/** Kills a guard that does not answer; the kernel then sends QUIT to its postmaster. */
export async function killGuard(pid: number): Promise<void> {
  signalProcess(pid, 'SIGKILL')
  while (isProcessAlive(pid)) await new Promise((resolve) => setTimeout(resolve, 2))
}
