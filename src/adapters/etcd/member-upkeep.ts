// Keeps the database of one member small, and brings back one that has run into its quota.

import { messageOf } from '../../lib/errors.ts'
import type { Endpoint } from './endpoint.ts'
import type { MemberCalls } from './member-calls.ts'
import { quotaBytes } from './member-flags.ts'
import type { MemberStatus } from './messages.ts'

/** Below this a file is not worth standing still for. */
const defragmentFromBytes = 64 * 1024 * 1024

/** Compaction and defragmentation read the whole database. */
const longCallMs = 30_000

/** True when most of the file is free pages: only then does defragmenting help. */
export function isWorthDefragmenting(status: MemberStatus): boolean {
  const isLarge = status.databaseBytes >= defragmentFromBytes
  return isLarge && status.databaseBytesInUse < status.databaseBytes / 2
}

/**
 * Does what `status` asks for. Returns what is wrong and stays wrong, for people; null when all is well.
 * A leader does not defragment: the whole store would wait for it.
 */
export async function keepSmall(
  calls: MemberCalls,
  endpoint: Endpoint,
  status: MemberStatus,
): Promise<string | null> {
  if (status.isOutOfSpace) return makeRoom(calls, endpoint, status)
  const isLeader = status.leaderId === status.memberId
  if (!isLeader && isWorthDefragmenting(status)) await calls.defragment(endpoint, longCallMs)
  return null
}

/** The order matters: only compacted history is free space, and only free space can be given back. */
async function makeRoom(
  calls: MemberCalls,
  endpoint: Endpoint,
  status: MemberStatus,
): Promise<string | null> {
  try {
    // Another member may have compacted up to there already, which is as good.
    await calls.compact(endpoint, status.revision, longCallMs).catch(() => undefined)
    await calls.defragment(endpoint, longCallMs)
    const after = await calls.status(endpoint, longCallMs)
    if (after.databaseBytes > quotaBytes * 0.9) {
      return `its database is full (${megabytes(after.databaseBytes)} MB) and does not get smaller: remove foreign keys from the store`
    }
    await calls.disarmNoSpace(endpoint, status.memberId, longCallMs)
    return null
  } catch (error) {
    return `its database is full and could not be made smaller: ${messageOf(error)}`
  }
}

function megabytes(bytes: number): number {
  return Math.round(bytes / 1024 / 1024)
}
