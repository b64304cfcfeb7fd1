// One streaming connection: the walsender on the upstream and the pipes to the standby's WAL receiver.

import type { Incarnation } from '../../src/core/names.ts'
import { lsnZero, type Lsn } from '../../src/core/lsn.ts'
import { emptyList, type SyncList } from '../../src/core/sync-list.ts'
import { Pipe } from '../network.ts'
import type { SimServer } from './server.ts'
import type { SyncStandby } from './sync-waits.ts'
import type { WalEntry } from './wal.ts'
import type { WalReceiver } from './wal-receiver.ts'

export type FlushReport = { readonly flushLsn: Lsn; readonly replayLsn: Lsn }

export class SimWalsender implements SyncStandby {
  readonly pid: number
  readonly applicationName: Incarnation
  readonly slotName: string
  readonly upstream: SimServer
  state: 'catchup' | 'streaming' = 'catchup'
  flushLsn: Lsn = lsnZero
  replayLsn: Lsn = lsnZero
  /** The list that this process uses. */
  list: SyncList = emptyList
  readonly #receiver: WalReceiver
  readonly #toStandby: Pipe<readonly WalEntry[]>
  readonly #toUpstream: Pipe<FlushReport>
  #sentCount: number
  #isOver = false
  #silentSinceMs: number | null = null
  #isReloadPending = false
  /** Until then the process does not get to run: it neither reloads, nor sends, nor reads. */
  #stalledUntilMs = 0
  /** Until then the receiver has not asked for the next branch. */
  #resumesAtMs = 0

  constructor(upstream: SimServer, receiver: WalReceiver, sentCount: number) {
    this.pid = upstream.world.nextPid()
    this.upstream = upstream
    this.#receiver = receiver
    this.#sentCount = sentCount
    this.applicationName = receiver.upstream.applicationName
    this.slotName = receiver.upstream.slotName
    const { simulator, network } = upstream.world
    const ways = { traffic: 'replication' } as const
    const standby = receiver.server
    this.#toStandby = new Pipe(simulator, network, {
      ...ways,
      from: upstream.place,
      to: standby.place,
      receiver: standby.process,
      onMessage: (entries) => receiver.receive(entries),
      onEnd: () => receiver.connectionEnded(this),
    })
    this.#toUpstream = new Pipe(simulator, network, {
      ...ways,
      from: standby.place,
      to: upstream.place,
      receiver: upstream.process,
      onMessage: (report) => this.#hear(report),
      onEnd: () => this.#close(),
    })
    simulator.schedule(upstream.world.physics.replicationTimeoutMs / 4, this.#watchSilence)
  }

  get syncPriority(): number {
    return this.list.members.includes(this.applicationName) ? 1 : 0
  }

  /** SIGHUP has been handled by this process. */
  use(list: SyncList): void {
    this.list = list
  }

  /** SIGHUP arrives; it is handled after `delayMs`, and in any case before the next report is read. */
  signal(options: { readonly delayMs: number; readonly isStalled: boolean }): void {
    const { delayMs, isStalled } = options
    this.#isReloadPending = true
    if (isStalled) this.#stalledUntilMs = this.upstream.world.simulator.nowMs + delayMs
    this.#schedule(delayMs, () => this.#reload())
  }

  #reload(): void {
    if (!this.#isReloadPending || this.#isOver) return
    this.#isReloadPending = false
    this.upstream.walsenderReloaded(this)
  }

  get #stallMs(): number {
    return this.#stalledUntilMs - this.upstream.world.simulator.nowMs
  }

  #schedule(delayMs: number, action: () => void): void {
    this.upstream.process.schedule(delayMs, action)
  }

  /** Sends what has been flushed and not sent yet. */
  sendNew(): void {
    if (this.#isOver || this.upstream.world.simulator.nowMs < this.#resumesAtMs) return
    if (this.#stallMs > 0) {
      this.#schedule(this.#stallMs, () => this.sendNew())
      return
    }
    const { wal } = this.upstream.directory
    if (wal.flushedCount > this.#sentCount) {
      // A branch is streamed to its end; then the receiver asks again, for the next one.
      const next = wal.entries.slice(this.#sentCount, wal.flushedCount)
      const { timeline } = next[0] ?? wal.tip
      const branch = next.filter((entry) => entry.timeline === timeline)
      this.#toStandby.send(branch)
      this.#sentCount += branch.length
      if (branch.length < next.length) {
        const { typicalMs, worstMs } = this.upstream.world.physics.nextTimeline
        const pauseMs = this.upstream.random.duration(typicalMs, worstMs)
        this.#resumesAtMs = this.upstream.world.simulator.nowMs + pauseMs
        this.#schedule(pauseMs, () => this.sendNew())
        return
      }
    }
    this.state = 'streaming'
  }

  /** The standby's side: a report of what it has flushed. */
  report(report: FlushReport): void {
    this.#toUpstream.send(report)
  }

  /** The walsender ends (terminated, or its server stops); the standby sees the connection close. */
  terminate(): void {
    this.#toStandby.end()
    this.#close()
  }

  /** The standby ends the connection: reports on their way still arrive. */
  hangUp(): void {
    this.#toUpstream.end()
    this.#toStandby.close()
  }

  /** The upstream's machine died. */
  cutByUpstream(): void {
    this.#toStandby.cut()
    this.#toUpstream.close()
    this.#isOver = true
  }

  /** The standby's machine died. */
  cutByStandby(): void {
    this.#toUpstream.cut()
    this.#toStandby.close()
  }

  #hear(report: FlushReport): void {
    if (this.#isOver) return
    if (this.#stallMs > 0) {
      this.#schedule(this.#stallMs, () => this.#hear(report))
      return
    }
    // The loop of a walsender looks at its signals before it reads replies.
    this.#reload()
    this.flushLsn = report.flushLsn
    this.replayLsn = report.replayLsn
    this.upstream.heard(this)
  }

  #close(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#toUpstream.close()
    this.upstream.walsenderEnded(this)
  }

  /** Both sides give up a connection on which nothing came for the replication time-out. */
  readonly #watchSilence = (): void => {
    const { simulator, network, physics } = this.upstream.world
    if (this.#isOver && this.#receiver.walsender !== this) return
    const standby = this.#receiver.server
    const isSilent =
      !network.isOpenBothWays('replication', this.upstream.place, standby.place) ||
      !this.upstream.process.isRunning ||
      !standby.process.isRunning ||
      this.#receiver.stuckMs > 0 ||
      this.#isOver
    if (isSilent) this.#silentSinceMs ??= simulator.nowMs
    else {
      this.#silentSinceMs = null
      // The periodic status of the receiver (wal_receiver_status_interval).
      this.#receiver.report()
    }
    const isTimedOut =
      this.#silentSinceMs !== null &&
      simulator.nowMs - this.#silentSinceMs >= physics.replicationTimeoutMs
    if (isTimedOut) {
      // On a frozen side this waits until it wakes, behind all that is in its buffers.
      if (!this.#isOver) this.upstream.process.schedule(0, () => this.terminate())
      if (this.#receiver.walsender === this) {
        standby.process.schedule(0, () => this.#receiver.connectionEnded(this))
      }
      return
    }
    simulator.schedule(physics.replicationTimeoutMs / 4, this.#watchSilence)
  }
}
