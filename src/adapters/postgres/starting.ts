// Bringing a server up: the directory made ready, the command for the guard, and waiting until it takes
// our connections or has told its log why it ended.

import { stat } from 'node:fs/promises'
import path from 'node:path'
import type { Clock } from '../../ports/clock.ts'
import type { PostgresProcess, ServerCommand } from '../../ports/postgres-process.ts'
import { PostgresError } from '../../ports/postgres.ts'
import { cleanAutoConf } from './configuration.ts'
import { readControlData } from './controldata.ts'
import { placeSignalFiles } from './data-directory.ts'
import { removeUnbornTimeline } from './half-promotion.ts'
import { readLogErrors } from './log-watch.ts'
import { nodePathsOf, type PostgresOptions } from './options.ts'
import { SessionError, type Session } from './session.ts'
import { renderArguments } from './settings.ts'
import { removeLeftoverPlaceholders } from './timeline-files.ts'
import { toolEnvironment } from './tools.ts'

const connectPollMs = 10
const connectAttemptMs = 2000
const serverLogSizeMaxBytes = 64 * 1024 * 1024

/** Makes a stopped directory come up as `as` when it is started next. @throws PostgresError */
export async function prepareStart(
  options: PostgresOptions,
  as: 'primary' | 'standby',
): Promise<ServerCommand> {
  const paths = nodePathsOf(options.nodeDirectory)
  const { runAs, binaries } = options
  await removeLeftoverPlaceholders(paths.data)
  if (as === 'standby') await removeUnbornTimeline(options)
  await placeSignalFiles(paths.data, as, runAs)
  await cleanAutoConf(options)
  const control = await readControlData(binaries.directory, paths.data, runAs)
  return {
    program: path.join(binaries.directory, 'postgres'),
    args: renderArguments(options, as === 'standby' ? control.minimums : {}),
    env: {
      ...toolEnvironment(),
      // Backends may be killed when memory is short, the postmaster not.
      PG_OOM_ADJUST_FILE: '/proc/self/oom_score_adj',
      PG_OOM_ADJUST_VALUE: '0',
    },
    runAs,
    logFile: paths.serverLog,
    logSizeMaxBytes: serverLogSizeMaxBytes,
  }
}

/** How long the server's log is now: what comes behind belongs to the start that follows. */
export async function serverLogBytes(options: PostgresOptions): Promise<number> {
  const { serverLog } = nodePathsOf(options.nodeDirectory)
  return stat(serverLog).then(
    (stats) => stats.size,
    () => 0,
  )
}

export type ReadyInputs = {
  readonly options: PostgresOptions
  readonly process: PostgresProcess
  readonly session: Session
  readonly clock: Clock
  readonly leftMs: () => number
  /** From `serverLogBytes`, before the start. */
  readonly logOffset: number
}

/**
 * Returns when the server takes our connections: a primary after crash recovery, a standby when it is
 * consistent.
 * @throws PostgresError `failed` with the server's own words, `timeout` when it is still at it
 */
export async function awaitReady(inputs: ReadyInputs): Promise<void> {
  const { options, process, session, clock, leftMs, logOffset } = inputs
  for (;;) {
    try {
      await session.connect(Math.min(connectAttemptMs, leftMs()))
      return
    } catch (error) {
      if (!(error instanceof SessionError) || error.failure === 'error') throw error
    }
    if (process.state().kind !== 'running') {
      const said = await readLogErrors(nodePathsOf(options.nodeDirectory).serverLog, logOffset)
      throw new PostgresError('failed', `PostgreSQL ended while starting: ${said ?? 'see its log'}`)
    }
    if (leftMs() <= 1) throw new PostgresError('timeout', 'PostgreSQL is still starting')
    await clock.sleep(connectPollMs)
  }
}
