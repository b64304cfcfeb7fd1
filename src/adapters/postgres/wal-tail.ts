// The end of the WAL that a rewound directory needs. pg_rewind copies the WAL files of its source once, and
// then demands (minimum recovery point) what the source wrote until it was done. Without that tail the
// server would wait for a stream before it accepts any connection; with it, it starts by itself.

import { open, type FileHandle } from 'node:fs/promises'
import path from 'node:path'
import { lagBytes, type Lsn } from '../../core/lsn.ts'
import type { TimelineId } from '../../core/names.ts'
import { syncDirectory } from '../../host/files.ts'
import type { Clock } from '../../ports/clock.ts'
import { PostgresError } from '../../ports/postgres.ts'
import { readControlData } from './controldata.ts'
import { nodePathsOf, type PostgresOptions } from './options.ts'
import { readSource, type Server, type SourceReader } from './remote-session.ts'
import { segmentName } from './timeline-files.ts'

const pageBytes = 8192
/** Read at once. A primary under load writes hundreds of megabytes while pg_rewind is at work. */
const chunkBytes = 4 * 1024 * 1024
const pollMs = 10

/**
 * Completes the WAL of a directory that pg_rewind has just left. Returns when it is on disk.
 * @param from what the source had flushed before pg_rewind began: everything below was copied whole
 * @throws PostgresError when the source does not answer, or has removed the WAL meanwhile
 */
export async function fetchWalTail(
  options: PostgresOptions,
  source: Server,
  from: Lsn,
  clock: Clock,
  signal: AbortSignal,
): Promise<void> {
  const { data } = nodePathsOf(options.nodeDirectory)
  const control = await readControlData(options.binaries.directory, data, options.runAs)
  const { minRecoveryLsn, minRecoveryTimeline, walSegmentBytes } = control
  if (lagBytes(minRecoveryLsn, from) === 0) return
  const walDirectory = path.join(data, 'pg_wal')
  const firstPage = Math.floor(from / pageBytes) * pageBytes
  await readSource(options, source, signal, async (reader) => {
    await awaitFlushed(reader, minRecoveryLsn, clock, signal)
    for (const part of partsOf(firstPage, minRecoveryLsn, walSegmentBytes)) {
      signal.throwIfAborted()
      const name = segmentNameAt(minRecoveryTimeline, part.position, walSegmentBytes)
      const bytes = await reader.file(`pg_wal/${name}`, part.offset, part.length)
      await writeInto(options, path.join(walDirectory, name), part, bytes, walSegmentBytes)
    }
  })
  await syncDirectory(walDirectory)
}

/** `until` is the end of what was inserted; what is not flushed is not in the files yet. */
async function awaitFlushed(
  reader: SourceReader,
  until: Lsn,
  clock: Clock,
  signal: AbortSignal,
): Promise<void> {
  while (lagBytes(until, await reader.flushedLsn()) > 0) {
    signal.throwIfAborted()
    await clock.sleep(pollMs, signal)
  }
}

function segmentNameAt(timeline: TimelineId, position: number, segmentBytes: number): string {
  // The function names the segment of the byte before, as PostgreSQL does for the end of a record.
  return segmentName(timeline, (position + 1) as Lsn, segmentBytes)
}

export type WalPart = {
  /** Position of the first byte in the WAL. */
  readonly position: number
  /** The same, in its segment. */
  readonly offset: number
  readonly length: number
  /** Nothing more of this segment follows. */
  readonly isLastOfSegment: boolean
}

/** Whole pages from `first` until `until` is covered, cut at segments and into readable chunks. */
export function partsOf(first: number, until: number, segmentBytes: number): readonly WalPart[] {
  const end = Math.ceil(until / pageBytes) * pageBytes
  const parts: WalPart[] = []
  for (let position = first; position < end;) {
    const offset = position % segmentBytes
    const length = Math.min(chunkBytes, segmentBytes - offset, end - position)
    const isLastOfSegment = offset + length === segmentBytes || position + length === end
    parts.push({ position, offset, length, isLastOfSegment })
    position += length
  }
  return parts
}

async function writeInto(
  options: PostgresOptions,
  file: string,
  part: WalPart,
  bytes: Buffer,
  segmentBytes: number,
): Promise<void> {
  const handle = await openSegment(file)
  try {
    const { runAs } = options
    if (runAs !== null) await handle.chown(runAs.uid, runAs.gid)
    const { bytesWritten } = await handle.write(bytes, 0, bytes.length, part.offset)
    if (bytesWritten !== bytes.length) throw new PostgresError('failed', `${file}: no room`)
    // A segment always has its full size; what was not written is zero and ends the reading.
    const { size } = await handle.stat()
    if (size < segmentBytes) await handle.truncate(segmentBytes)
    if (part.isLastOfSegment) await handle.sync()
  } finally {
    await handle.close()
  }
}

async function openSegment(file: string): Promise<FileHandle> {
  try {
    return await open(file, 'r+')
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error
    return open(file, 'wx', 0o600)
  }
}
