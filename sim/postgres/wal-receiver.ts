// The WAL receiver of a standby: connects to its upstream again and again, receives, flushes, reports.

import type { Upstream } from '../../src/core/server.ts'
import { canStream, type WalEntry } from './wal.ts'
import type { SimWalsender } from './walsender.ts'
import type { SimServer } from './server.ts'

export class WalReceiver {
  readonly server: SimServer
  readonly upstream: Upstream
  /** Our end of the connection; null while there is none. */
  walsender: SimWalsender | null = null
  /** Between two attempts there is no such process. */
  isProcessAlive = false
  /** The upstream no longer has what this standby needs. */
  isWalMissing = false
  #isStopped = false
  #isFlushScheduled = false

  constructor(server: SimServer, upstream: Upstream) {
    this.server = server
    this.upstream = upstream
    this.#attempt()
  }

  /** Told to end: flushes what it has written, as WalRcvDie does, and hangs up. */
  stop(): void {
    if (this.#isStopped) return
    this.#isStopped = true
    this.isProcessAlive = false
    const { wal } = this.server.directory
    wal.flushTo(wal.count)
    this.walsender?.hangUp()
    this.walsender = null
  }

  /** The machine died under it. */
  cut(): void {
    this.#isStopped = true
    this.isProcessAlive = false
    this.walsender?.cutByStandby()
    this.walsender = null
  }

  /** For how long still this process waits for a disk that hangs: it does nothing else meanwhile. */
  get stuckMs(): number {
    const { directory, world } = this.server
    if (!this.#isFlushScheduled) return 0
    return Math.max(0, directory.hangsUntilMs - world.simulator.nowMs)
  }

  connectionEnded(walsender: SimWalsender): void {
    if (this.#isStopped || this.walsender !== walsender) return
    if (this.stuckMs > 0) {
      this.server.process.schedule(this.stuckMs, () => this.connectionEnded(walsender))
      return
    }
    walsender.hangUp()
    this.walsender = null
    const { wal } = this.server.directory
    wal.flushTo(wal.count)
    this.#retry()
  }

  receive(entries: readonly WalEntry[]): void {
    if (this.#isStopped) return
    const { wal } = this.server.directory
    for (const entry of entries) {
      if (!wal.holds(entry)) wal.receive(entry)
    }
    if (this.#isFlushScheduled) return
    this.#isFlushScheduled = true
    this.server.process.schedule(this.server.fsyncMs(), () => this.#flush())
  }

  /** Tells the upstream how far this standby is. */
  report(): void {
    const { walsender, server } = this
    if (walsender === null) return
    server.reportedFlush(walsender)
    const { endLsn } = server.directory.wal.flushedTip
    walsender.report({ flushLsn: endLsn, replayLsn: endLsn })
  }

  #flush(): void {
    this.#isFlushScheduled = false
    if (this.#isStopped) return
    const { wal } = this.server.directory
    wal.flushTo(wal.count)
    this.report()
    this.server.sendToCascade()
  }

  #retry(): void {
    this.isProcessAlive = false
    this.server.process.schedule(this.server.world.walRetrieveRetryMs, () => this.#attempt())
  }

  #attempt(): void {
    if (this.#isStopped) return
    this.isProcessAlive = true
    const { world, place, process } = this.server
    const target = world.serverOf(this.upstream.node)
    const targetPlace = world.placeOf(this.upstream.node)
    const roundTripMs = world.network.delayMs(place, targetPlace) * 2 + 1
    process.schedule(roundTripMs, () => {
      if (this.#isStopped) return
      const isReached =
        world.network.isOpenBothWays('replication', place, targetPlace) &&
        target !== null &&
        target === world.serverOf(this.upstream.node) &&
        target.process.isRunning
      if (isReached && this.#connect(target)) return
      this.#retry()
    })
  }

  #connect(target: SimServer): boolean {
    // The passfile lets it in at the configured upstream only, whatever this process has read so far.
    if (this.server.directory.config?.upstream?.node !== this.upstream.node) return false
    if (target.role !== 'primary' && target.role !== 'standby') return false
    const mine = this.server.directory
    const theirs = target.directory
    if (theirs.systemId !== mine.systemId) return false
    if (!theirs.slots.has(this.upstream.slotName)) return false
    if (target.walsenders.some((other) => other.slotName === this.upstream.slotName)) return false
    if (canStream(mine.wal.tip, theirs.wal.flushedTip) !== 'yes') return false
    if (!theirs.wal.holds(mine.wal.tip)) {
      this.server.world.emit({
        kind: 'branches-mixed',
        node: this.server.node,
        upstream: target.node,
        timeline: mine.wal.tip.timeline,
      })
      return false
    }
    if (mine.wal.count < theirs.keptFromIndex) {
      this.isWalMissing = true
      return false
    }
    this.isWalMissing = false
    // The receiver fetches every history file between its timeline and the upstream's.
    const { timeline } = theirs.wal.tip
    for (let id = mine.wal.tip.timeline + 1; id <= timeline; id++) mine.historyFiles.add(id)
    this.walsender = target.acceptStandby(this, mine.wal.count)
    this.report()
    return true
  }
}
