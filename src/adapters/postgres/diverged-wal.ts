// Keeps the WAL that a node has and the primary's history lacks, before a rewind or a clone destroys it:
// files, and a count of the transactions in them, so that a person can see what was not taken over.

import { constants, copyFile, mkdir, readFile, readdir, rename, rm } from 'node:fs/promises'
import path from 'node:path'
import type { Epoch, TimelineId } from '../../core/names.ts'
import { lsnZero, parseLsn, renderLsn, type Lsn } from '../../core/lsn.ts'
import { exists, syncDirectory, writeFileAtomic } from '../../host/files.ts'
import { PostgresError } from '../../ports/postgres.ts'
import { readControlData } from './controldata.ts'
import { endOfFiles, isEndOfWal, segmentsBetween } from './end-of-wal.ts'
import { nodePathsOf, type PostgresOptions } from './options.ts'
import { readHistory, segmentName } from './timeline-files.ts'
import { runTool } from './tools.ts'

export type KeptWal = { readonly path: string; readonly commitCount: number | null }

type WalRange = { readonly timeline: TimelineId; readonly start: Lsn; readonly end: Lsn | null }
/** What could be read; null when it could not be read to its end. */
type WalContent = { readonly commitCount: number; readonly lastLsn: Lsn } | null

/**
 * Copies the segments from `forkLsn` on to `diverged/`. Null: the branches have nothing in common that
 * this node knows of; everything since its last checkpoint is kept and commits are not counted. Nor are
 * they when the WAL cannot be read to its end: then every file from the fork on is kept. Run
 * again for the same fork and epoch, it returns what is there.
 * @throws PostgresError
 */
export async function keepWalFrom(
  options: PostgresOptions,
  forkLsn: Lsn | null,
  epoch: Epoch,
): Promise<KeptWal> {
  const paths = nodePathsOf(options.nodeDirectory)
  const control = await readControlData(options.binaries.directory, paths.data, options.runAs)
  const start = forkLsn ?? control.redoLsn
  const name = `epoch-${String(epoch)}-from-${renderLsn(start).replace('/', '-')}`
  const target = path.join(paths.diverged, name)
  if (await exists(target)) return { path: target, commitCount: await readCount(target) }

  const timeline = await newestTimeline(paths.data)
  const ranges = await rangesFrom(paths.data, timeline, start)
  const content = await readWal(options, ranges, control.walSegmentBytes)
  const commitCount = forkLsn === null ? null : (content?.commitCount ?? null)
  const scratch = `${target}.new`
  await rm(scratch, { recursive: true, force: true })
  await mkdir(scratch, { recursive: true, mode: 0o700 })
  await copySegments(paths.data, scratch, {
    first: segmentName(timeline, (start + 1) as Lsn, control.walSegmentBytes).slice(8),
    last:
      content === null
        ? lastNumber
        : segmentName(timeline, (content.lastLsn + 1) as Lsn, control.walSegmentBytes).slice(8),
  })
  const about = {
    epoch,
    timeline,
    forkLsn: renderLsn(start),
    commitCount,
    systemId: control.systemId,
  }
  await writeFileAtomic(path.join(scratch, aboutFile), `${JSON.stringify(about, null, 2)}\n`, {
    mode: 0o600,
  })
  await rename(scratch, target)
  await syncDirectory(paths.diverged)
  return { path: target, commitCount }
}

/** What cannot be read is kept to its last file. */
const lastNumber = 'F'.repeat(16)

const aboutFile = 'about.json'

async function readCount(target: string): Promise<number | null> {
  const about: unknown = JSON.parse(await readFile(path.join(target, aboutFile), 'utf8'))
  const { commitCount } = about as { readonly commitCount?: unknown }
  return typeof commitCount === 'number' ? commitCount : null
}

/** The timeline of the newest segment: the control file may lag behind a promotion. */
async function newestTimeline(dataDirectory: string): Promise<TimelineId> {
  const names = (await readdir(path.join(dataDirectory, 'pg_wal'))).filter(isSegment)
  const timelines = names.map((name) => Number.parseInt(name.slice(0, 8), 16))
  return Math.max(1, ...timelines) as TimelineId
}

function isSegment(name: string): boolean {
  return /^[0-9A-F]{24}(?:\.partial)?$/.test(name)
}

/** The parts of the WAL from `start` on, by timeline; the last one has no known end. */
async function rangesFrom(
  dataDirectory: string,
  timeline: TimelineId,
  start: Lsn,
): Promise<readonly WalRange[]> {
  const ranges: WalRange[] = []
  let from = start
  for (const entry of (await readHistory(dataDirectory, timeline)) ?? []) {
    if (entry.endLsn <= from) continue
    ranges.push({ timeline: entry.timeline, start: from, end: entry.endLsn })
    from = entry.endLsn
  }
  return [...ranges, { timeline, start: from, end: null }]
}

async function readWal(
  options: PostgresOptions,
  ranges: readonly WalRange[],
  segmentBytes: number,
): Promise<WalContent> {
  const directory = path.join(nodePathsOf(options.nodeDirectory).data, 'pg_wal')
  let commitCount = 0
  let lastLsn = ranges[0]?.start ?? lsnZero
  for (const { timeline, start, end } of ranges) {
    const until = end ?? (await endOfFiles(directory, timeline, start, segmentBytes))
    const read = await runTool({
      program: path.join(options.binaries.directory, 'pg_waldump'),
      args: [
        `--path=${directory}`,
        `--start=${renderLsn(start)}`,
        `--end=${renderLsn(until)}`,
        ...segmentsBetween(timeline, start, until, segmentBytes),
      ],
      runAs: options.runAs,
      signal: AbortSignal.timeout(waldumpMaxMs),
      // It ends with an error where the WAL ends.
      acceptCodes: [1],
      onLine: (line) => {
        const record = /^rmgr: (\S+).*? lsn: ([0-9A-F]+\/[0-9A-F]+).*?desc: (\S+)/.exec(line)
        if (record?.[2] === undefined) return
        lastLsn = parseLsn(record[2])
        if (record[1] === 'Transaction' && record[3] === 'COMMIT') commitCount += 1
      },
    }).catch(asUnread)
    if (read === null || (read.exitCode !== 0 && !isEndOfWal(read.stderr))) return null
  }
  return { commitCount, lastLsn }
}

const waldumpMaxMs = 120_000

/** WAL that takes too long to count is kept uncounted. */
function asUnread(error: unknown): null {
  if (error instanceof PostgresError && error.kind === 'timeout') return null
  throw error
}

/** Copies segments numbered from `first` to `last` (of any timeline) and all history files. */
async function copySegments(
  dataDirectory: string,
  target: string,
  numbers: { readonly first: string; readonly last: string },
): Promise<void> {
  const source = path.join(dataDirectory, 'pg_wal')
  for (const name of await readdir(source)) {
    const number = name.slice(8, 24)
    const isWanted = isSegment(name) && number >= numbers.first && number <= numbers.last
    if (!isWanted && !name.endsWith('.history')) continue
    await copyFile(path.join(source, name), path.join(target, name), constants.COPYFILE_FICLONE)
  }
}
