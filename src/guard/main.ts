// The guard program:
//   guard DATA_DIRECTORY SOCKET KILL_AFTER_MS PID_FILE [DISK_PROBE_PERIOD_MS [IDLE_EXIT_MS]]
// Started by the agent (src/adapters/guard), detached, in a session of its own. It is the parent of the
// postmaster and outlives the agent.

import { rmSync, writeFileSync } from 'node:fs'
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

function log(message: string): void {
  process.stderr.write(`${new Date().toISOString()} guard ${process.pid}: ${message}\n`)
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
  log('usage: guard DATA_DIRECTORY SOCKET KILL_AFTER_MS PID_FILE [PROBE_MS [IDLE_EXIT_MS]]')
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
  killAfterMs,
  diskProbePeriodMs,
  idleExitMs,
  log,
  exit: () => {
    rmSync(pidFile, { force: true })
    process.exit(0)
  },
})

try {
  await guard.run()
  writeFileSync(pidFile, `${String(process.pid)}\n`)
  log(`guarding ${dataDirectory}`)
} catch (error) {
  log(error instanceof Error ? error.message : String(error))
  process.exit(1)
}
