// The disk of one member: etcd's own directory, the marker that says that this volume has been part of
// the store, and the processes that a former agent left behind on it.

import { existsSync, readdirSync } from 'node:fs'
import { rename, rm } from 'node:fs/promises'
import path from 'node:path'
import * as z from 'zod'
import type { FileOwner } from '../../host/files.ts'
import {
  ensureDirectory,
  readFileIfPresent,
  syncDirectory,
  writeFileAtomic,
} from '../../host/files.ts'
import { isProcessAlive, readCommandLine, signalProcess } from '../../host/process-table.ts'
import { rest } from './rest.ts'

/** How long a killed etcd may take to be gone; more means that the kernel holds it (hung disk). */
const leftoverGiveUpMs = 10_000

const markerSchema = z.object({ memberId: z.string() })

export type MemberDirectory = {
  readonly dataDirectory: string
  /** No write-ahead log: etcd would start as a new member. */
  readonly isFresh: () => boolean
  readonly hasEverRun: () => boolean
  /** The id under which this volume last served; null when it never did. */
  readonly servedAs: () => Promise<string | null>
  /** Notes, on disk when it returns, that this volume is part of the store. */
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

/** @param owner whom etcd runs as; null: as ourselves */
export function createMemberDirectory(directory: string, owner: FileOwner | null): MemberDirectory {
  const dataDirectory = path.join(directory, 'etcd')
  const logDirectory = path.join(dataDirectory, 'member', 'wal')
  const marker = path.join(directory, 'ever-run.json')
  const aside = path.join(directory, 'etcd.set-aside')
  const nursery = path.join(directory, 'etcd.new')

  const isFresh = (): boolean =>
    !existsSync(logDirectory) || !readdirSync(logDirectory).some((name) => name.endsWith('.wal'))

  return {
    dataDirectory,
    isFresh,
    hasEverRun: () => existsSync(marker),
    servedAs: async () => {
      const text = await readFileIfPresent(marker)
      if (text === null) return null
      const parsed = markerSchema.safeParse(parseOrNull(text))
      return parsed.success ? parsed.data.memberId : null
    },
    markServed: async (memberId) => {
      await writeFileAtomic(marker, `${JSON.stringify({ memberId })}\n`, { mode: 0o644 })
    },
    ensure: async () => {
      await ensureDirectory(directory, 0o755)
      await ensureDirectory(dataDirectory, 0o700, owner)
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

/** Processes that were started with exactly this data directory. */
function findEtcd(dataDirectory: string): readonly number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => readCommandLine(pid).includes(`--data-dir=${dataDirectory}`))
    .filter((pid) => isProcessAlive(pid))
}

function parseOrNull(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}
