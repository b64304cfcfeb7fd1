// The shared memory of a server: files in /dev/shm, one of which lists the others, and a System V segment
// that guards its directory. One that is killed leaves them all until another is started in the same
// directory; a cluster that is destroyed instead would leave them until the machine has no room (4096
// segments, half of the memory). So what a running server has is recorded beside it, for whoever destroys
// it when it is dead.

import { execFile } from 'node:child_process'
import { existsSync, readFile, readFileSync, readdirSync, rm, rmSync, writeFile } from 'node:fs'
import { promisify } from 'node:util'
import { readTextOrNull } from './read-text.ts'

export type SharedMemory = {
  /** Paths in /dev/shm. Of a postmaster: the one that lists what its backends share. */
  readonly files: readonly string[]
  readonly segments: readonly Segment[]
}

/** A System V segment; the key (signed, 32 bits) tells whether the id still means the same one. */
export type Segment = { readonly id: number; readonly key: number }

/** The name of the record; the guard writes it beside its pid file. */
export const sharedMemoryRecordName = 'shared-memory'

export const noSharedMemory: SharedMemory = { files: [], segments: [] }

/**
 * Tells what `pid` has mapped now; nothing when its memory map cannot be read, as on a hung disk, where
 * the answer may never come. Knows nothing of what parallel queries use for a moment.
 */
export function findSharedMemory(pid: number, onAnswer: (found: SharedMemory) => void): void {
  readFile(`/proc/${pid}/maps`, 'utf8', (error, text) => {
    onAnswer(error === null ? parseSharedMemory(text) : noSharedMemory)
  })
}

/** What of PostgreSQL's a process's memory map names. The inode of a segment is its id (proc(5)). */
export function parseSharedMemory(maps: string): SharedMemory {
  const segments = new Map<number, Segment>()
  for (const [, id, key] of maps.matchAll(/ (\d+) +\/SYSV([0-9a-f]{8})\b/g)) {
    segments.set(Number(id), { id: Number(id), key: Number.parseInt(String(key), 16) | 0 })
  }
  return {
    files: [...new Set(maps.match(/\/dev\/shm\/PostgreSQL\.\d+/g))],
    segments: [...segments.values()],
  }
}

/**
 * Removes files and what they list. Does not wait. To be called when no process uses them any more; what
 * is gone already is no matter.
 */
export function removeFiles({ files }: SharedMemory): void {
  for (const file of files) {
    readFile(file, (_error, bytes: Buffer | undefined) => {
      for (const each of [file, ...listedFiles(bytes)]) rm(each, { force: true }, () => undefined)
    })
  }
}

const listMagic = 0x9a503d32
const headerBytes = 16
const itemBytes = 40

/**
 * The files that the list in one of them names; none when it is no list (dsm.c, dsm_control_header: magic,
 * count, size, then items that begin with their handle; the same from PostgreSQL 14 to 18).
 */
export function listedFiles(bytes: Buffer | undefined): readonly string[] {
  if (bytes === undefined || bytes.length < headerBytes) return []
  if (bytes.readUInt32LE(0) !== listMagic) return []
  const itemCountMax = Math.floor((bytes.length - headerBytes) / itemBytes)
  const itemCount = Math.min(bytes.readUInt32LE(4), itemCountMax)
  return Array.from({ length: itemCount }, (_, index) =>
    bytes.readUInt32LE(headerBytes + index * itemBytes),
  )
    .filter((handle) => handle !== 0)
    .map((handle) => `/dev/shm/PostgreSQL.${String(handle)}`)
}

/**
 * Adds to the record, and takes out of it what is gone: memory of a server that was killed stays when its
 * directory was replaced by another. Does not wait, and says nothing when it fails: what is not recorded
 * is left, and nothing else.
 */
export function recordSharedMemory(recordFile: string, memory: SharedMemory): void {
  readFile(recordFile, 'utf8', (error, text) => {
    const former = error === null ? parseRecord(text) : noSharedMemory
    const files = former.files.filter((file) => existsSync(file))
    const segments = former.segments.filter((segment) => usersOf(segment) !== null)
    const lines = [
      ...[...memory.files, ...files],
      ...[...memory.segments, ...segments].map(
        ({ id, key }) => `segment ${String(id)} key ${String(key)}`,
      ),
    ]
    writeFile(recordFile, `${[...new Set(lines)].join('\n')}\n`, () => undefined)
  })
}

/** What a record says; lines that make no sense are left out. */
export function parseRecord(text: string): SharedMemory {
  return {
    files: text.match(/^\/dev\/shm\/PostgreSQL\.\d+$/gm) ?? [],
    segments: [...text.matchAll(/^segment (\d+) key (-?\d+)$/gm)].map(([, id, key]) => ({
      id: Number(id),
      key: Number(key),
    })),
  }
}

/**
 * Removes what a record names and no process uses: another server may have got the same name since.
 * @param recordFile may be missing: then there is nothing to remove
 */
export async function removeRecordedMemory(recordFile: string): Promise<void> {
  const text = readTextOrNull(recordFile)
  if (text === null) return
  const recorded = parseRecord(text)
  for (const file of unusedFiles(recorded.files, new Set(mappedFiles()))) {
    rmSync(file, { force: true })
  }
  for (const segment of recorded.segments) await removeSegment(segment)
}

/** Those in nobody's use, and what they list; the list of somebody else's server is none of our business. */
export function unusedFiles(
  files: readonly string[],
  used: ReadonlySet<string>,
): readonly string[] {
  return files
    .filter((file) => !used.has(file))
    .flatMap((file) => [file, ...listedFiles(readBytes(file))])
    .filter((file) => !used.has(file))
}

function mappedFiles(): readonly string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => parseSharedMemory(readTextOrNull(`/proc/${name}/maps`) ?? '').files)
}

/** Node has no call for it; `ipcrm` belongs to every Debian. */
async function removeSegment(segment: Segment): Promise<void> {
  if (usersOf(segment) !== 0) return
  await promisify(execFile)('ipcrm', ['--shmem-id', String(segment.id)]).catch(() => undefined)
}

/** How many processes use it; null when it is gone, or its id is another's by now. */
function usersOf({ id, key }: Segment): number | null {
  // Columns: key, shmid, permissions, size, creator, last user, how many processes use it (proc(5)).
  const row = (readTextOrNull('/proc/sysvipc/shm') ?? '')
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number))
    .find((columns) => columns[0] === key && columns[1] === id)
  return row?.[6] ?? null
}

function readBytes(file: string): Buffer | undefined {
  try {
    return readFileSync(file)
  } catch {
    return undefined
  }
}
