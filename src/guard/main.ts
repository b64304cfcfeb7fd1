// The guard program:
//   guard DATA_DIRECTORY SOCKET KILL_AFTER_MS PID_FILE [DISK_PROBE_PERIOD_MS [IDLE_EXIT_MS]]
// Started by the agent (src/adapters/guard), detached, in a session of its own. It is the parent of the
// postmaster and outlives the agent.

import { rm, write, writeFileSync, writeSync } from 'node:fs'
import path from 'node:path'
import { sharedMemoryRecordName } from '../host/shared-memory.ts'
import { Guard } from './guard.ts'

const [
  dataDirectory,
  socketPath,
  killAfterText,
  pidFile,
  probePeriodText = '500',
  idleExitText = '30000',
] = process.argv.slice(2)
const killAfterMs = Number(killAfterText)
const diskProbePeriodMs = Number(probePeriodText)
const idleExitMs = Number(idleExitText)

/** Not synchronous: on a hung disk the guard must go on, and its log may lie on that very disk. */
function log(message: string): void {
  write(2, `${new Date().toISOString()} guard ${process.pid}: ${message}\n`, () => undefined)
}

function isPeriod(value: number): boolean {
  return Number.isFinite(value) && value > 0
}

if (
  dataDirectory === undefined ||
  socketPath === undefined ||
  pidFile === undefined ||
  !isPeriod(killAfterMs) ||
  !isPeriod(diskProbePeriodMs) ||
  !isPeriod(idleExitMs)
) {
  writeSync(
    2,
    'usage: guard DATA_DIRECTORY SOCKET KILL_AFTER_MS PID_FILE [PROBE_MS [IDLE_EXIT_MS]]\n',
  )
  process.exit(2)
}

// The kernel may end anything before the guard: without it nobody stops a primary in time. Needs root;
// the postmaster inherits the value and gives its backends 0 (PG_OOM_ADJUST_VALUE).
try {
  writeFileSync('/proc/self/oom_score_adj', '-900')
} catch {
  // Not root.
}

process.umask(0o077)
for (const signal of ['SIGHUP', 'SIGINT', 'SIGTERM'] as const) {
  // A stray signal to the session must not take PostgreSQL along: the agent says `quit`.
  process.on(signal, () => log(`${signal} ignored`))
}

const guard = new Guard({
  dataDirectory,
  socketPath,
  sharedMemoryRecord: path.join(path.dirname(pidFile), sharedMemoryRecordName),
  killAfterMs,
  diskProbePeriodMs,
  idleExitMs,
  log,
  exit: () => {
    // An ordinary exit waits for threads, and one may hang in fsync for ever. Nothing is left to lose.
    const end = (): void => {
      process.kill(process.pid, 'SIGKILL')
    }
    setTimeout(end, 200)
    rm(pidFile, { force: true }, end)
  },
})

try {
  await guard.run()
  writeFileSync(pidFile, `${String(process.pid)}\n`)
  log(`guarding ${dataDirectory}`)
} catch (error) {
  writeSync(2, `guard: ${error instanceof Error ? error.message : String(error)}\n`)
  process.exit(1)
}
