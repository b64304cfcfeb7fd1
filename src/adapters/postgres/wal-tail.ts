// The end of the WAL that a rewound directory needs. pg_rewind copies the WAL files of its source once, and
// then demands (minimum recovery point) what the source wrote until it was done. Without that tail the
// server would wait for a stream before it accepts any connection; with it, it starts by itself.

import { open, type FileHandle } from 'node:fs/promises'
import path from 'node:path'
import { lagBytes, type Lsn } from '../../core/lsn.ts'
import type { TimelineId } from '../../core/names.ts'
import type { Clock } from '../../ports/clock.ts'
import { readControlData } from './controldata.ts'
import { nodePathsOf, type PostgresOptions } from './options.ts'
import { readFlushedLsn, readServerFile, type Server } from './remote-session.ts'
import { segmentName } from './timeline-files.ts'

const pageBytes = 8192
const chunkBytes = 1024 * 1024
const pollMs = 10

/**
 * Completes the WAL of a directory that pg_rewind has just left.
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
  // It is the end of what was inserted; what is not flushed is not in the files yet.
  while (lagBytes(minRecoveryLsn, await readFlushedLsn(options, source)) > 0) {
    signal.throwIfAborted()
    await clock.sleep(pollMs, signal)
  }
  const firstPage = Math.floor(from / pageBytes) * pageBytes
  for (const part of partsOf(firstPage, minRecoveryLsn, walSegmentBytes)) {
    signal.throwIfAborted()
    const name = segmentNameAt(minRecoveryTimeline, part.position, walSegmentBytes)
    const bytes = await readServerFile(options, source, `pg_wal/${name}`, part.offset, part.length)
    await writeInto(options, path.join(data, 'pg_wal', name), part.offset, bytes, walSegmentBytes)
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
}

/** Whole pages from `first` until `until` is covered, cut at segments and into readable chunks. */
export function partsOf(first: number, until: number, segmentBytes: number): readonly WalPart[] {
  const end = Math.ceil(until / pageBytes) * pageBytes
  const parts: WalPart[] = []
  for (let position = first; position < end;) {
    const offset = position % segmentBytes
    const length = Math.min(chunkBytes, segmentBytes - offset, end - position)
    parts.push({ position, offset, length })
    position += length
  }
  return parts
}

async function writeInto(
  options: PostgresOptions,
  file: string,
  offset: number,
  bytes: Buffer,
  segmentBytes: number,
): Promise<void> {
  const handle = await openSegment(file)
  try {
    const { runAs } = options
    if (runAs !== null) await handle.chown(runAs.uid, runAs.gid)
    await handle.write(bytes, 0, bytes.length, offset)
    // A segment always has its full size; what was not written is zero and ends the reading.
    const { size } = await handle.stat()
    if (size < segmentBytes) await handle.truncate(segmentBytes)
    await handle.sync()
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
