// Cleans up after a promotion that was cut off. PostgreSQL writes the history file of the new timeline
// before the timeline's first record; with the file alone the branch does not exist yet, but a standby
// would take it for the newest, and the next promotion would skip its number.

import { readdir, rm } from 'node:fs/promises'
import path from 'node:path'
import type { TimelineId } from '../../core/names.ts'
import { syncDirectory } from '../../host/files.ts'
import { readControlData } from './controldata.ts'
import { hasRecordOn } from './end-of-wal.ts'
import { nodePathsOf, type PostgresOptions } from './options.ts'
import { historyFileName, readHistory } from './timeline-files.ts'

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
  if (branchedAt === undefined) return null
  if (await hasRecordOn(options, newest, branchedAt, control.walSegmentBytes)) return null
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
