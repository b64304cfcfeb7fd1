// pg_rewind: takes a directory back to where its WAL left that of another server, and makes it a standby
// of that one. While it writes, the directory is unusable; a mark beside it says so.

import { rm } from 'node:fs/promises'
import path from 'node:path'
import type { Upstream } from '../../core/server.ts'
import { syncDirectory, writeFileAtomic } from '../../host/files.ts'
import type { Clock } from '../../ports/clock.ts'
import { DirectoryChangedError, type CopyProgress } from '../../ports/postgres.ts'
import { messageOf } from '../../lib/errors.ts'
import { parseProgress } from './base-backup.ts'
import { placeSignalFiles } from './data-directory.ts'
import { nodePathsOf, type PostgresOptions } from './options.ts'
import { readSource } from './remote-session.ts'
import { renderConnection } from './settings.ts'
import { endLeftoverTools, runTool } from './tools.ts'
import { fetchWalTail } from './wal-tail.ts'

/**
 * Rewinds a cleanly stopped directory; the result starts as a standby also without a primary. When it
 * fails before it has written anything, the directory is as before; after that it is broken and must be
 * cloned.
 * @throws PostgresError
 */
export async function rewindDirectory(
  options: PostgresOptions,
  source: Upstream,
  clock: Clock,
  onProgress: (progress: CopyProgress) => void,
  signal: AbortSignal,
): Promise<void> {
  const paths = nodePathsOf(options.nodeDirectory)
  const seen = { hasWritten: false }
  // Its list of the source's files costs much by the planner's estimate: to compile it takes a third of a
  // second, to run it some milliseconds.
  const connection = `${renderConnection(options, source, `pgherd_rewind ${options.node}`, { database: 'postgres' })} options='-c jit=off'`
  const from = await readSource(options, source, signal, (reader) => reader.flushedLsn())
  const target = `--target-pgdata=${paths.data}`
  await endLeftoverTools(target)
  await writeFileAtomic(paths.rewindMark, `from ${source.node}\n`, { mode: 0o600 })
  try {
    await runTool({
      program: path.join(options.binaries.directory, 'pg_rewind'),
      args: [target, `--source-server=${connection}`, '--no-ensure-shutdown', '--progress'],
      runAs: options.runAs,
      signal,
      onLine: (line) => {
        // "need to copy N MB": the last thing it says before it writes.
        if (line.includes('need to copy')) seen.hasWritten = true
        const progress = parseProgress(line)
        if (progress !== null) onProgress(progress)
      },
    })
  } catch (error) {
    if (!seen.hasWritten) await removeMark(paths.rewindMark)
    throw error
  }
  await fetchWalTail(options, source, from, clock, signal)
  await placeSignalFiles(paths.data, 'standby', options.runAs)
  try {
    await removeMark(paths.rewindMark)
  } catch (error) {
    const why = `the end of the rewind is in doubt: ${messageOf(error)}`
    throw new DirectoryChangedError(why, { cause: error })
  }
}

async function removeMark(mark: string): Promise<void> {
  await rm(mark, { force: true })
  await syncDirectory(path.dirname(mark))
}
