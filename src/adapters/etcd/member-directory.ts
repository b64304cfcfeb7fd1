// The disk of one member: etcd's own directory, the marker beside it that says that this node has been
// part of the store (it must not vanish with the store's volume), and the processes that a former agent
// left behind on it.

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { rename, rm } from 'node:fs/promises'
import path from 'node:path'
import * as z from 'zod'
import type { FileOwner } from '../../host/files.ts'
import { ensureDirectory, syncDirectory, writeFileAtomic } from '../../host/files.ts'
import { isProcessAlive, readCommandLine, signalProcess } from '../../host/process-table.ts'
import { rest } from './rest.ts'

/** How long a killed etcd may take to be gone; more means that the kernel holds it (hung disk). */
const leftoverGiveUpMs = 10_000

/** The part that older versions wrote, into the store's own directory. */
const oldMarkerSchema = z.object({ memberId: z.string() })
const markerSchema = z.object({
  format: z.literal(1),
  /** Written before etcd is started for the first time; null: this node joined a store. */
  founding: z.string().min(1).nullable(),
  /** Null until it has served. */
  memberId: z.string().nullable(),
})

type Marker =
  | { readonly kind: 'none' }
  | { readonly kind: 'damaged' }
  | { readonly kind: 'known'; readonly founding: string | null; readonly memberId: string | null }

export type MemberDirectory = {
  readonly dataDirectory: string
  /** No write-ahead log: etcd would start as a new member. */
  readonly isFresh: () => boolean
  /** Whether a store has run here, also when nothing of it is left. */
  readonly hasEverRun: () => boolean
  /** The founding that was begun here; null: none. */
  readonly foundingToken: () => string | null
  /** The id under which this node last served; null when it never did. */
  readonly servedAs: () => string | null
  /** Notes, on disk when it returns, that etcd is about to be started as a founder. */
  readonly markFounding: (token: string) => Promise<void>
  /** Notes, on disk when it returns, that this node is part of the store. */
  readonly markServed: (memberId: string) => Promise<void>
  /** Makes the directories. @throws the error of the file system */
  readonly ensure: () => Promise<void>
  /** Ends every etcd that runs on this directory. @throws Error when one does not die */
  readonly endLeftovers: () => Promise<void>
  /** Puts etcd's directory aside, in place of what was put aside before. */
  readonly setAside: () => Promise<string>
  /** Where a store is made that takes the place of this one; empty when it returns. */
  readonly makeNursery: () => Promise<string>
  /** Puts what lies there aside and what was made in the nursery into its place, on disk. */
  readonly adoptNursery: () => Promise<void>
  /** Throws away what a start without a write-ahead log left. Only while isFresh. */
  readonly discardFragments: () => Promise<void>
}

/**
 * @param markerFile outside of `directory`, which may be a volume of its own
 * @param owner whom etcd runs as; null: as ourselves
 */
export function createMemberDirectory(
  directory: string,
  markerFile: string,
  owner: FileOwner | null,
): MemberDirectory {
  const dataDirectory = path.join(directory, 'etcd')
  const logDirectory = path.join(dataDirectory, 'member', 'wal')
  const oldMarkerFile = path.join(directory, 'ever-run.json')
  const aside = path.join(directory, 'etcd.set-aside')
  const nursery = path.join(directory, 'etcd.new')

  const isFresh = (): boolean =>
    !existsSync(logDirectory) || !readdirSync(logDirectory).some((name) => name.endsWith('.wal'))

  // Once known it stays so: a file that is deleted under a running agent changes nothing.
  let marker = readMarker(markerFile, oldMarkerFile)
  const look = (): Marker => {
    if (marker.kind === 'none') marker = readMarker(markerFile, oldMarkerFile)
    return marker
  }
  const write = async (founding: string | null, memberId: string | null): Promise<void> => {
    const text = `${JSON.stringify({ format: 1, founding, memberId })}\n`
    await writeFileAtomic(markerFile, text, { mode: 0o644 })
    marker = { kind: 'known', founding, memberId }
  }
  const foundingToken = (): string | null => {
    const known = look()
    return known.kind === 'known' ? known.founding : null
  }

  return {
    dataDirectory,
    isFresh,
    hasEverRun: () => {
      const known = look()
      // A founder whose etcd waits for the others has not run yet; a log without a marker has.
      if (known.kind === 'none') return !isFresh()
      return known.kind === 'damaged' || known.memberId !== null
    },
    foundingToken,
    servedAs: () => {
      const known = look()
      return known.kind === 'known' ? known.memberId : null
    },
    markFounding: (token) => write(token, null),
    markServed: async (memberId) => {
      await write(foundingToken(), memberId)
      // For an older version that runs here later.
      await writeFileAtomic(oldMarkerFile, `${JSON.stringify({ memberId })}\n`, { mode: 0o644 })
    },
    ensure: async () => {
      await ensureDirectory(directory, 0o755)
      await ensureDirectory(dataDirectory, 0o700, owner)
      const known = look()
      // What an older version noted inside is noted outside before anything can happen to it.
      if (known.kind === 'known' && known.memberId !== null && !existsSync(markerFile)) {
        await write(known.founding, known.memberId)
      }
    },
    endLeftovers: async () => {
      const endsAtMs = performance.now() + leftoverGiveUpMs
      for (;;) {
        const pids = findEtcd(dataDirectory)
        if (pids.length === 0) return
        if (performance.now() > endsAtMs) {
          throw new Error(`a former etcd on ${dataDirectory} does not die: ${pids.join(', ')}`)
        }
        // KILL is safe: etcd's write-ahead log is synced before anything is acknowledged.
        for (const pid of pids) signalProcess(pid, 'SIGKILL')
        await rest(5)
      }
    },
    setAside: async () => {
      await rm(aside, { recursive: true, force: true })
      await rename(dataDirectory, aside)
      await ensureDirectory(dataDirectory, 0o700, owner)
      return aside
    },
    makeNursery: async () => {
      await rm(nursery, { recursive: true, force: true })
      await ensureDirectory(nursery, 0o700, owner)
      return nursery
    },
    adoptNursery: async () => {
      await rm(aside, { recursive: true, force: true })
      await rename(dataDirectory, aside)
      await rename(nursery, dataDirectory)
      await syncDirectory(directory)
    },
    discardFragments: async () => {
      if (isFresh()) await rm(path.join(dataDirectory, 'member'), { recursive: true, force: true })
    },
  }
}

function readMarker(markerFile: string, oldMarkerFile: string): Marker {
  if (existsSync(markerFile)) {
    const parsed = markerSchema.safeParse(readJsonOrNull(markerFile))
    if (!parsed.success) return { kind: 'damaged' }
    return { kind: 'known', founding: parsed.data.founding, memberId: parsed.data.memberId }
  }
  if (!existsSync(oldMarkerFile)) return { kind: 'none' }
  const parsed = oldMarkerSchema.safeParse(readJsonOrNull(oldMarkerFile))
  if (!parsed.success) return { kind: 'damaged' }
  return { kind: 'known', founding: null, memberId: parsed.data.memberId }
}

/** Processes that were started with exactly this data directory. */
function findEtcd(dataDirectory: string): readonly number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => readCommandLine(pid).includes(`--data-dir=${dataDirectory}`))
    .filter((pid) => isProcessAlive(pid))
}

/** Null also for a file that the disk does not give: it is there, and that tells enough. */
function readJsonOrNull(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'))
  } catch {
    return null
  }
}
