// The supervisor as commands see it: whether it runs, starting it, ending it.

import { spawn, spawnSync } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { chown, rm } from 'node:fs/promises'
import path from 'node:path'
import { isProcessAlive, signalProcess } from '../../host/process-table.ts'
import { PgherdError } from '../../lib/errors.ts'
import type { ClusterPaths } from './paths.ts'
import { isSameProcess } from '../../host/process-info.ts'
import type { LocalSettings } from './settings.ts'
import { readSupervisorRecord } from './state-files.ts'

/** Longest time that a supervisor which lives may take to say so: Node alone needs long on a busy machine. */
const startMs = 60_000
const endMs = 5000
const pollMs = 20

/** Process id of the running supervisor; null when there is none. */
export async function findSupervisor(paths: ClusterPaths): Promise<number | null> {
  const record = await readSupervisorRecord(paths.supervisorFile)
  return record !== null && isSameProcess(record.pid, record.startTicks) ? record.pid : null
}

/**
 * Starts the supervisor when none runs and returns when it has taken its place.
 * @returns false when one ran already
 * @throws PgherdError PGHERD_SUPERVISOR_FAILED, PGHERD_PROGRAM_CLOSED
 */
export async function ensureSupervisor(
  settings: LocalSettings,
  paths: ClusterPaths,
  cluster: string,
  nodes: readonly string[],
): Promise<boolean> {
  if ((await findSupervisor(paths)) !== null) return false
  const { owner, program, home, clock } = settings
  if (owner !== null) assertRunnable(settings, paths)
  const log = openSync(paths.supervisorLog, 'a', 0o640)
  if (owner !== null) await chown(paths.supervisorLog, owner.uid, owner.gid)
  try {
    const words = ['supervise', '--home', home, '--cluster', cluster, ...nodes]
    const child = spawn(program.execPath, [path.join(paths.program, program.main), ...words], {
      cwd: paths.directory,
      detached: true,
      stdio: ['ignore', log, log],
      env: supervisorEnvironment(),
      ...(owner === null ? {} : { uid: owner.uid, gid: owner.gid }),
    })
    child.on('error', () => undefined)
    child.unref()
    const deadlineMs = clock.monotonicMs() + startMs
    while ((await findSupervisor(paths)) === null) {
      if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) {
        throw notStarted(
          paths,
          `it ended: ${child.signalCode ?? `exit code ${String(child.exitCode)}`}`,
        )
      }
      if (clock.monotonicMs() > deadlineMs) {
        signalProcess(child.pid, 'SIGKILL')
        throw notStarted(paths, 'it did not say so in a minute: this machine is too busy')
      }
      await clock.sleep(pollMs)
    }
  } finally {
    closeSync(log)
  }
  return true
}

/** Ends the supervisor; the agents stay. @returns false when none ran */
export async function endSupervisor(
  settings: LocalSettings,
  paths: ClusterPaths,
): Promise<boolean> {
  const pid = await findSupervisor(paths)
  if (pid === null) return false
  signalProcess(pid, 'SIGTERM')
  const { clock } = settings
  const deadlineMs = clock.monotonicMs() + endMs
  while (isProcessAlive(pid)) {
    if (clock.monotonicMs() > deadlineMs) signalProcess(pid, 'SIGKILL')
    await clock.sleep(pollMs)
  }
  await rm(paths.supervisorFile, { force: true })
  return true
}

/** As root everything runs as another user, who must reach Node and the cluster's folder. */
function assertRunnable(settings: LocalSettings, paths: ClusterPaths): void {
  const { owner, program } = settings
  if (owner === null) return
  const { uid, gid } = owner
  const main = path.join(paths.program, program.main)
  // As a working directory the folder would be no trial: it is entered before the user is changed.
  const script = 'require("node:fs").accessSync(process.argv[1])'
  const trial = spawnSync(program.execPath, ['-e', script, main], { uid, gid, cwd: '/' })
  if (trial.status === 0) return
  throw new PgherdError({
    code: 'PGHERD_PROGRAM_CLOSED',
    reason: 'system',
    message: `the user ${owner.name} cannot run ${program.execPath} in ${paths.directory}`,
    because: 'one of the folders above them is closed for other users',
    hint: `install Node where everybody can reach it, and set PGHERD_HOME to a folder that ${owner.name} can enter, as /var/lib/pgherd`,
    cause: trial.error,
  })
}

function supervisorEnvironment(): NodeJS.ProcessEnv {
  const kept = ['PATH', 'HOME', 'LANG', 'LC_ALL', 'TZ'].flatMap((name) => {
    const value = process.env[name]
    return value === undefined ? [] : [[name, value] as const]
  })
  return Object.fromEntries(kept)
}

function notStarted(paths: ClusterPaths, because: string): PgherdError {
  return new PgherdError({
    code: 'PGHERD_SUPERVISOR_FAILED',
    reason: 'system',
    message: 'the supervisor of the agents did not start',
    because,
    hint: `see why in ${paths.supervisorLog}, then run the command again`,
  })
}
