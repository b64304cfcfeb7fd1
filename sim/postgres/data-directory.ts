// What lies on the disk of a data node: outlives every process. A crash of the machine takes only what
// was not flushed.

import type { NodeName, SystemId } from '../../src/core/names.ts'
import type { ServerConfig } from '../../src/core/server.ts'
import type { SimRandom } from '../random.ts'
import { Wal, type WalEntry } from './wal.ts'

export type DirectoryState = 'absent' | 'staged' | 'present' | 'broken'

/** `before`: the state of a directory that was replaced, kept until the new one is proven (I8). */
type Contents = {
  readonly systemId: SystemId | null
  readonly wal: Wal
}

export class SimDataDirectory {
  readonly node: NodeName
  state: DirectoryState = 'absent'
  brokenBecause = ''
  systemId: SystemId | null = null
  wal: Wal = Wal.create()
  isStandby = false
  isClean = true
  config: ServerConfig | null = null
  /** Timeline ids for which a history file lies in pg_wal. */
  readonly historyFiles = new Set<number>()
  readonly slots = new Set<string>()
  /** Entries before this index are no longer there to be streamed. */
  keptFromIndex = 0
  /** What a replaced directory held; null when there is nothing aside. */
  aside: Contents | null = null
  /** The WAL that was kept before a rewind, by its tip. */
  readonly divergedKept = new Set<WalEntry>()
  /** Truth for I11: the end of the source's flushed WAL when this directory last went backwards. */
  mustPass: WalEntry | null = null
  /** Superusers hold every connection, and are back after each start: pgherd cannot knock. */
  isCrowded = false
  /** Every place for a replication slot is taken, and one of ours is missing. */
  hasNoSlotLeft = false
  /** The connection over which a promotion is asked for breaks when the server is a primary. */
  losesPromotionAnswer = false
  /** The program that reads its control file hangs: whoever looks at the directory learns nothing. */
  isUnreadable = false
  /** Calls that change the server end half-way: without effect, with a part of it, or with an answer lost. */
  breaksCalls = false
  /** Flushes started before this do not end before it: the disk hangs. */
  hangsUntilMs = 0

  constructor(node: NodeName) {
    this.node = node
  }

  /** What `cp` makes of the directory of another node. */
  static copyOf(source: SimDataDirectory, node: NodeName): SimDataDirectory {
    const copy = new SimDataDirectory(node)
    copy.replaceBy(source)
    copy.state = source.state
    copy.isStandby = source.isStandby
    copy.keptFromIndex = source.keptFromIndex
    for (const slot of source.slots) copy.slots.add(slot)
    return copy
  }

  stage(systemId: SystemId): void {
    this.#reset()
    this.state = 'staged'
    this.systemId = systemId
  }

  adoptStaged(): void {
    if (this.state === 'staged') this.state = 'present'
  }

  discard(): void {
    this.#reset()
  }

  /** Becomes a copy of `source`; what was there stays aside. */
  replaceBy(source: SimDataDirectory): void {
    const aside: Contents | null =
      this.state === 'absent' ? null : { systemId: this.systemId, wal: this.wal }
    this.#reset()
    this.state = 'present'
    this.systemId = source.systemId
    this.wal = source.wal.copyFlushed()
    this.isStandby = true
    this.keptFromIndex = this.wal.count - 1
    for (const id of source.historyFiles) this.historyFiles.add(id)
    this.aside = aside
  }

  /**
   * Before a start as a standby: a promotion that was cut off has left the history of a timeline that
   * has no record, and the next one would skip its number (half-promotion.ts does this for real).
   */
  forgetUnbornTimelines(): void {
    for (const id of this.historyFiles) {
      if (id > this.wal.tip.timeline) this.historyFiles.delete(id)
    }
  }

  /** The machine lost power: of what was not flushed, a random part is gone. */
  losePower(random: SimRandom): void {
    const { flushedCount, count } = this.wal
    this.wal.cutTo(flushedCount + random.below(count - flushedCount + 1))
    this.wal.flushTo(this.wal.count)
  }

  #reset(): void {
    this.state = 'absent'
    this.brokenBecause = ''
    this.systemId = null
    this.wal = Wal.create()
    this.isStandby = false
    this.isClean = true
    this.config = null
    this.historyFiles.clear()
    this.slots.clear()
    this.keptFromIndex = 0
    this.aside = null
    this.divergedKept.clear()
    this.mustPass = null
  }
}
