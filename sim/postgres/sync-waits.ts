// Waiting for synchronous commit, as PostgreSQL 15 does it: the checkpointer alone decides whether
// commits wait at all; each walsender decides with the list that it uses itself; and the walsender of an
// unlisted standby decides nothing. (src/backend/replication/syncrep.c)

import { lsnZero, type Lsn } from '../../src/core/lsn.ts'
import type { SyncList } from '../../src/core/sync-list.ts'
import type { WalEntry } from './wal.ts'

export type CommitWaiter = {
  readonly entry: WalEntry
  /** `done`: the commit returns to its client. `lost`: its backend ended before. */
  readonly settle: (outcome: 'done' | 'lost') => void
}

/** The part of a walsender that others see in shared memory. */
export type SyncStandby = {
  readonly flushLsn: Lsn
  readonly syncPriority: number
}

export class SyncWaits {
  /** WalSndCtl->sync_standbys_defined: only the checkpointer writes it. */
  isDefined = false
  /** WalSndCtl->lsn: everything up to it was released. */
  #releasedLsn: Lsn = lsnZero
  #waiters: CommitWaiter[] = []

  get waiterCount(): number {
    return this.#waiters.length
  }

  /** A flushed commit comes here before it returns. */
  enter(waiter: CommitWaiter): void {
    if (!this.isDefined || waiter.entry.endLsn <= this.#releasedLsn) {
      waiter.settle('done')
      return
    }
    this.#waiters.push(waiter)
  }

  /** The checkpointer uses `list` from now on. With an empty one everybody who waits is let go. */
  useInCheckpointer(list: SyncList): void {
    this.isDefined = list.members.length > 0
    if (!this.isDefined) this.#release(Number.MAX_SAFE_INTEGER as Lsn)
  }

  /**
   * A walsender that uses `list` got a report from its standby.
   * @param standbys all walsenders of the server that stream and have a priority
   */
  afterReport(list: SyncList, standbys: readonly SyncStandby[]): void {
    if (standbys.length < list.count || list.count < 1) return
    const flushed = standbys.map((standby) => standby.flushLsn).sort((a, b) => b - a)
    const reached = flushed[list.count - 1]
    if (reached !== undefined && reached > this.#releasedLsn) {
      this.#releasedLsn = reached
      this.#release(reached)
    }
  }

  /** All backends end. */
  dropAll(): void {
    for (const waiter of this.#waiters.splice(0)) waiter.settle('lost')
  }

  #release(upTo: Lsn): void {
    const released = this.#waiters.filter((waiter) => waiter.entry.endLsn <= upTo)
    if (released.length === 0) return
    this.#waiters = this.#waiters.filter((waiter) => waiter.entry.endLsn > upTo)
    for (const waiter of released) waiter.settle('done')
  }
}
