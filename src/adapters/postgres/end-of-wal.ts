// Whether a standby has read its WAL to the end: the position that a seal answers with rests on it, so it
// is proved, never guessed from how long nothing has moved.

import { readdir } from 'node:fs/promises'
import path from 'node:path'
import { renderLsn, type Lsn } from '../../core/lsn.ts'
import type { TimelineId } from '../../core/names.ts'
import { PostgresError } from '../../ports/postgres.ts'
import { nodePathsOf, type PostgresOptions } from './options.ts'
import { newestTimelineAt, segmentName } from './timeline-files.ts'
import { lastWords, runTool } from './tools.ts'

/** What one look at a standby tells about its reading. */
export type Reading = {
  /** It has a WAL receiver, or might still start one. */
  readonly isReceiving: boolean
  /** `wait_event` of the startup process. */
  readonly startupWait: string | null
  /** Zero when no receiver has run since the start. */
  readonly receiveLsn: Lsn
  /** End of the last record that was replayed. */
  readonly replayLsn: Lsn
  readonly segmentBytes: number
}

/** Whether the WAL on disk has a whole record at `lsn`. */
export type HasRecordAt = (lsn: Lsn, segmentBytes: number) => Promise<boolean>

/** Remembers what was proved from look to look: without a receiver no WAL comes, so an end stays the end. */
export class EndOfWal {
  readonly #hasRecordAt: HasRecordAt
  #provenKey: string | null = null

  constructor(hasRecordAt: HasRecordAt) {
    this.#hasRecordAt = hasRecordAt
  }

  /** Forgets what was proved: the server is no standby any more. */
  reset(): void {
    this.#provenKey = null
  }

  /**
   * The startup process waits for more only after it has read all local WAL. But in the moment after a
   * receiver has ended it may be caught waiting before it reads what came last, and on a busy machine
   * that moment is as long as its turn on a processor is away. So it must also have replayed all that
   * was received; and where it has not, because a record was cut off, the WAL itself is asked whether a
   * whole one follows.
   */
  async isReached(reading: Reading): Promise<boolean> {
    const { isReceiving, startupWait, receiveLsn, replayLsn, segmentBytes } = reading
    const key = `${String(receiveLsn)}/${String(replayLsn)}`
    if (isReceiving) {
      this.#provenKey = null
      return startupWait === 'RecoveryWalStream' && replayLsn >= receiveLsn && replayLsn > 0
    }
    if (this.#provenKey === key) return true
    if (startupWait !== 'RecoveryRetrieveRetryInterval' || replayLsn === 0) return false
    const isAllReplayed = receiveLsn > 0 && replayLsn >= receiveLsn
    if (!isAllReplayed && (await this.#hasRecordAt(replayLsn, segmentBytes))) return false
    this.#provenKey = key
    return true
  }
}

/** Long enough for a busy machine; a look that takes longer has its own deadline. */
const waldumpMaxMs = 5000

/**
 * Asks pg_waldump, which reads the same files with the same code as recovery does.
 * @throws PostgresError when it fails for another reason than the end of the WAL
 */
export async function hasRecordAt(
  options: PostgresOptions,
  lsn: Lsn,
  segmentBytes: number,
): Promise<boolean> {
  const { data } = nodePathsOf(options.nodeDirectory)
  // Segments are named by the byte before; the record begins here.
  const timeline = await newestTimelineAt(data, (lsn + 1) as Lsn, segmentBytes)
  return timeline !== null && hasRecordOn(options, timeline, lsn, segmentBytes)
}

/**
 * The same for one timeline, whatever others have there: a whole record at `lsn` or behind.
 * @throws PostgresError when it fails for another reason than the end of the WAL
 */
export async function hasRecordOn(
  options: PostgresOptions,
  timeline: TimelineId,
  lsn: Lsn,
  segmentBytes: number,
): Promise<boolean> {
  const { data } = nodePathsOf(options.nodeDirectory)
  const directory = path.join(data, 'pg_wal')
  const end = await endOfFiles(directory, timeline, lsn, segmentBytes)
  if (end <= lsn) return false
  const { exitCode, stderr } = await runTool({
    program: path.join(options.binaries.directory, 'pg_waldump'),
    args: [
      `--path=${directory}`,
      `--start=${renderLsn(lsn)}`,
      `--end=${renderLsn(end)}`,
      '--limit=1',
      '--quiet',
      ...segmentsBetween(timeline, lsn, end, segmentBytes),
    ],
    runAs: options.runAs,
    signal: AbortSignal.timeout(waldumpMaxMs),
    acceptCodes: [1],
  })
  if (exitCode === 0) return true
  if (isEndOfWal(stderr)) return false
  throw new PostgresError('failed', `pg_waldump cannot read the WAL: ${lastWords(stderr)}`)
}

/**
 * Whether pg_waldump stopped because no whole record follows, and not because it could not read. The
 * segment that was named and has no size in its header was made for later use: it holds no record yet.
 */
export function isEndOfWal(message: string): boolean {
  return /could not find a valid record after|error in WAL record at|WAL segment size must be/.test(
    message,
  )
}

/**
 * First and last segment for pg_waldump. Without them it learns the size of segments from any file that
 * it finds first, and one that was made for later use is empty.
 */
export function segmentsBetween(
  timeline: TimelineId,
  start: Lsn,
  end: Lsn,
  segmentBytes: number,
): readonly [first: string, last: string] {
  return [
    segmentName(timeline, (start + 1) as Lsn, segmentBytes),
    segmentName(timeline, end, segmentBytes),
  ]
}

/** Where the first missing segment from `lsn` on begins: pg_waldump waits five seconds for it. */
export async function endOfFiles(
  directory: string,
  timeline: TimelineId,
  lsn: Lsn,
  segmentBytes: number,
): Promise<Lsn> {
  const names = new Set(await readdir(directory))
  let start = Math.floor(lsn / segmentBytes) * segmentBytes
  while (names.has(segmentName(timeline, (start + 1) as Lsn, segmentBytes))) start += segmentBytes
  return start as Lsn
}
