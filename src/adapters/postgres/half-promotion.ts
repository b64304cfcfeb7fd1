// Cleans up after a promotion that was cut off. PostgreSQL writes the history file of the new timeline
// before the timeline's first record; with the file alone the branch does not exist yet, but a standby
// would take it for the newest, and the next promotion would skip its number.

import { readdir, rm } from 'node:fs/promises'
import path from 'node:path'
import { renderLsn, type Lsn } from '../../core/lsn.ts'
import type { TimelineId } from '../../core/names.ts'
import { syncDirectory } from '../../host/files.ts'
import { readControlData } from './controldata.ts'
import { nodePathsOf, type PostgresOptions } from './options.ts'
import { historyFileName, readHistory } from './timeline-files.ts'
import { runTool } from './tools.ts'

const waldumpMaxMs = 10_000

/**
 * Takes away the newest timeline of a stopped directory when it has a history but no record of its own.
 * A standby that was only about to follow that timeline fetches it again.
 * @returns the timeline that was removed
 * @throws PostgresError
 */
export async function removeUnbornTimeline(options: PostgresOptions): Promise<TimelineId | null> {
  const { data } = nodePathsOf(options.nodeDirectory)
  const newest = await newestHistory(data)
  if (newest === null) return null
  const control = await readControlData(options.binaries.directory, data, options.runAs)
  if (newest <= Math.max(control.timeline, control.minRecoveryTimeline)) return null
  const branchedAt = (await readHistory(data, newest))?.at(-1)?.endLsn
  if (branchedAt === undefined || (await hasRecord(options, newest, branchedAt))) return null
  await removeTimeline(data, newest)
  return newest
}

async function newestHistory(dataDirectory: string): Promise<TimelineId | null> {
  const names = await readdir(path.join(dataDirectory, 'pg_wal'))
  const timelines = names
    .filter((name) => /^[0-9A-F]{8}\.history$/.test(name))
    .map((name) => Number.parseInt(name.slice(0, 8), 16))
  return timelines.length === 0 ? null : (Math.max(...timelines) as TimelineId)
}

/** Whether the timeline has a whole record at `start`, where it begins, or behind. */
async function hasRecord(
  options: PostgresOptions,
  timeline: TimelineId,
  start: Lsn,
): Promise<boolean> {
  const { data } = nodePathsOf(options.nodeDirectory)
  const { stdout } = await runTool({
    program: path.join(options.binaries.directory, 'pg_waldump'),
    args: [
      `--path=${path.join(data, 'pg_wal')}`,
      `--timeline=${String(timeline)}`,
      `--start=${renderLsn(start)}`,
      '--limit=1',
    ],
    runAs: options.runAs,
    signal: AbortSignal.timeout(waldumpMaxMs),
    // It fails where there is no segment or no record.
    acceptCodes: [1],
  })
  return stdout.includes('rmgr:')
}

async function removeTimeline(dataDirectory: string, timeline: TimelineId): Promise<void> {
  const directory = path.join(dataDirectory, 'pg_wal')
  const history = historyFileName(timeline)
  // The history goes last: killed in between, this is run again.
  for (const name of await readdir(directory)) {
    if (/^[0-9A-F]{24}$/.test(name) && name.startsWith(history.slice(0, 8))) {
      await rm(path.join(directory, name))
    }
  }
  await rm(path.join(directory, history))
  await syncDirectory(directory)
}
