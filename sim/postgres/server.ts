// One run of a PostgreSQL server, from the start of its postmaster to the end of its last process.
// Its parts take over a changed configuration each in its own time, as the real processes do.

import {
  asEpoch,
  asTimeline,
  type Epoch,
  type NodeName,
  type TimelineId,
} from '../../src/core/names.ts'
import type { ServerConfig, Upstream } from '../../src/core/server.ts'
import { emptyList, type SyncList, type SyncSetting } from '../../src/core/sync-list.ts'
import type { Place } from '../network.ts'
import type { Spread } from '../physics.ts'
import type { SimRandom } from '../random.ts'
import { SimProcess } from '../simulator.ts'
import type { SimDataDirectory } from './data-directory.ts'
import type { ServerWorld } from './server-world.ts'
import { ClientSession } from './client-session.ts'
import { SyncWaits } from './sync-waits.ts'
import type { Commit, WalEntry } from './wal.ts'
import { WalReceiver } from './wal-receiver.ts'
import { SimWalsender } from './walsender.ts'

/** `orphaned`: the postmaster is dead, busy backends are not. */
export type ServerRole = 'starting' | 'standby' | 'primary' | 'stopping' | 'orphaned' | 'dead'

/** Who waits for a flush, and must hear when the server ended before. */
export type FlushWaiter = { readonly flushed: () => void; readonly lost: () => void }

const recordBytes = { mark: 56, checkpoint: 120, switch: 96 } as const

/** What `synchronous_standby_names` makes commits wait for. */
export function listOf(setting: SyncSetting): SyncList {
  if (setting.kind === 'list') return setting.list
  return nobodyList
}

/** `ANY 1 (pgherd_nobody)`: a list, and no member of it will ever connect. */
const nobodyList: SyncList = { count: 1, members: ['pgherd_nobody' as never] }

export class SimServer {
  readonly world: ServerWorld
  readonly node: NodeName
  readonly place: Place
  readonly directory: SimDataDirectory
  readonly process: SimProcess
  readonly random: SimRandom
  readonly sync = new SyncWaits()
  role: ServerRole = 'starting'
  /** As a primary: under which epoch. */
  epoch: Epoch = asEpoch(0)
  walsenders: SimWalsender[] = []
  receiver: WalReceiver | null = null
  readonly sessions = new Set<ClientSession>()
  /** What the postmaster uses, and gives to every process that it starts. */
  #config: ServerConfig
  /** What SHOW prints in a new transaction of pgherd's own session. */
  shownSync: SyncSetting
  #lettingIn: 'nobody' | 'somebody' = 'nobody'
  #flushing: FlushWaiter[] = []
  #isFlushScheduled = false
  #isPromoting = false
  #listeners: (() => void)[] = []

  constructor(
    world: ServerWorld,
    directory: SimDataDirectory,
    as: 'primary' | 'standby',
    random: SimRandom,
  ) {
    if (directory.config === null) throw new RangeError('a server needs a configuration')
    this.world = world
    this.node = directory.node
    this.place = world.placeOf(directory.node)
    this.directory = directory
    this.random = random
    this.process = new SimProcess(world.simulator, `${directory.node}/postgres`, {
      runsPromises: false,
    })
    this.#config = directory.config
    this.shownSync = directory.config.sync
    const wasClean = directory.isClean
    directory.isStandby = as === 'standby'
    directory.isClean = false
    const recoveryMs = wasClean ? 0 : this.draw(world.physics.crashRecovery)
    this.process.schedule(this.draw(world.physics.start) + recoveryMs, () => {
      if (this.role === 'starting') this.#ready(as, wasClean)
    })
  }

  draw(spread: Spread): number {
    return this.random.duration(spread.typicalMs, spread.worstMs)
  }

  /** How long a flush that begins now takes. */
  fsyncMs(): number {
    const hangMs = Math.max(0, this.directory.hangsUntilMs - this.world.simulator.nowMs)
    return hangMs + this.draw(this.world.physics.fsync)
  }

  get isUp(): boolean {
    return this.role === 'standby' || this.role === 'primary'
  }

  /** What the postmaster has read, and with it every process that is started now. */
  get reloadedSync(): SyncSetting {
    return this.#config.sync
  }

  get gate(): 'closed' | 'open' {
    return this.#config.gate
  }

  /** Called after each change of role. */
  onChange(listener: () => void): void {
    this.#listeners.push(listener)
  }

  // --- configuration ---------------------------------------------------------------------------

  /** SIGHUP: the postmaster reads the file, then tells each process, which reads it in its own time. */
  reload(): void {
    this.process.schedule(this.draw(this.world.physics.reload), () => {
      const { config } = this.directory
      if (config === null) return
      this.#config = config
      this.#signal(() => this.#reloadCheckpointer())
      this.#signal(() => {
        this.shownSync = this.directory.config?.sync ?? this.shownSync
      })
      if (this.role === 'standby') this.#signal(() => this.#retarget())
      for (const walsender of this.walsenders) walsender.signal(this.#reloadDelay())
    })
  }

  #signal(handle: () => void): void {
    this.process.schedule(this.#reloadDelay().delayMs, handle)
  }

  /** When a signalled process handles its SIGHUP; a stalled one does nothing else before, either. */
  #reloadDelay(): { readonly delayMs: number; readonly isStalled: boolean } {
    const { reload, reloadStall, reloadStallRate } = this.world.physics
    const isStalled = this.random.chance(reloadStallRate)
    return { delayMs: this.draw(isStalled ? reloadStall : reload), isStalled }
  }

  #reloadCheckpointer(): void {
    if (this.directory.config === null || !this.isUp) return
    this.sync.useInCheckpointer(listOf(this.directory.config.sync))
    this.#tellLists()
  }

  /** A walsender has handled its SIGHUP. */
  walsenderReloaded(walsender: SimWalsender): void {
    if (this.directory.config === null || !this.walsenders.includes(walsender)) return
    walsender.use(listOf(this.directory.config.sync))
    this.#tellLists()
  }

  /** The startup process: receives from what the configuration names, or from nobody. */
  #retarget(): void {
    if (this.role !== 'standby' || !this.directory.isStandby) return
    const wanted = this.directory.config?.upstream ?? null
    if (isSameUpstream(this.receiver?.upstream ?? null, wanted)) return
    if (this.receiver === null) {
      if (wanted !== null) this.receiver = new WalReceiver(this, wanted)
      return
    }
    const leaving = this.receiver
    const stopMs = leaving.stuckMs + this.draw(this.world.physics.receiverStop)
    this.process.schedule(stopMs, () => {
      if (this.receiver !== leaving) return
      leaving.stop()
      this.receiver = null
      this.#retarget()
    })
  }

  // --- life ------------------------------------------------------------------------------------

  #ready(as: 'primary' | 'standby', wasClean: boolean): void {
    const { directory } = this
    // After a crash the server begins by flushing what the operating system still holds.
    directory.wal.flushTo(directory.wal.count)
    this.#config = directory.config ?? this.#config
    this.shownSync = this.#config.sync
    if (as === 'standby') {
      this.#become('standby')
      this.#reloadCheckpointer()
      this.#retarget()
      return
    }
    if (!wasClean) {
      directory.wal.append('checkpoint', recordBytes.checkpoint, null)
      directory.wal.flushTo(directory.wal.count)
    }
    this.#open(this.world.epochOf(this.node))
    this.#reloadCheckpointer()
  }

  /**
   * Ends recovery on the timeline that PostgreSQL's own rule gives. First the history file is written
   * and the signal file removed, and only some time later is the new timeline on disk: cut off between,
   * the directory looks like a primary's and is still on its old timeline.
   */
  promote(): void {
    if (this.role !== 'standby' || this.#isPromoting) return
    this.#isPromoting = true
    const durationMs = this.draw(this.world.physics.promote)
    this.process.schedule(durationMs * 0.7, () => {
      if (this.role !== 'standby') return
      const { directory } = this
      this.receiver?.stop()
      this.receiver = null
      let newest: number = directory.wal.tip.timeline
      while (directory.historyFiles.has(newest + 1)) newest++
      const timeline = asTimeline(newest + 1)
      directory.historyFiles.add(timeline)
      directory.isStandby = false
      this.process.schedule(durationMs * 0.3, () => {
        if (this.role === 'standby') this.#finishPromotion(timeline)
      })
    })
  }

  #finishPromotion(timeline: TimelineId): void {
    const { directory, node, world } = this
    const entry = directory.wal.appendSwitch(timeline, recordBytes.switch)
    directory.wal.flushTo(directory.wal.count)
    const epoch = world.birthEpochOf(timeline) ?? world.epochOf(node)
    world.emit({ kind: 'promoted', node, epoch, timeline, entry })
    this.#open(epoch)
    this.sendToCascade()
    this.#tellLists()
  }

  #open(epoch: Epoch): void {
    this.epoch = epoch
    this.#lettingIn = 'nobody'
    this.#become('primary')
    const { node, directory } = this
    this.world.emit({ kind: 'opened', node, epoch, wal: [...directory.wal.entries] })
    // Sessions from the time as a standby live on.
    if (this.sessions.size > 0) this.#tellLetIn()
  }

  /** The node took a new epoch as the owner of the record while its server ran on. */
  continueIn(epoch: Epoch): void {
    if (this.role !== 'primary' || epoch <= this.epoch) return
    this.epoch = epoch
    const { node, directory } = this
    this.world.emit({ kind: 'opened', node, epoch, wal: [...directory.wal.entries] })
  }

  #become(role: ServerRole): void {
    this.role = role
    for (const listener of this.#listeners.splice(0)) listener()
  }

  /** Fast shutdown: sessions are cut, everything is sent to the standbys, the end is clean. */
  stopFast(): void {
    if (!this.isUp && this.role !== 'starting') return
    const wasPrimary = this.role === 'primary'
    this.#become('stopping')
    this.#endSessions()
    this.receiver?.stop()
    this.process.schedule(this.draw(this.world.physics.fastStop), () => {
      if (this.role !== 'stopping') return
      if (wasPrimary) {
        this.directory.wal.append('checkpoint', recordBytes.checkpoint, null)
        this.directory.wal.flushTo(this.directory.wal.count)
        this.sendToCascade()
      }
      this.#endWhenSent()
    })
  }

  #endWhenSent(): void {
    if (this.role !== 'stopping') return
    const { endLsn } = this.directory.wal.flushedTip
    if (this.walsenders.every((walsender) => walsender.flushLsn >= endLsn)) {
      this.directory.isClean = true
      this.#end('process')
      return
    }
    this.process.schedule(10, () => this.#endWhenSent())
  }

  /** SIGQUIT: every process ends soon, none of them in an orderly way. */
  quit(): void {
    if (this.role === 'dead') return
    this.process.schedule(this.draw(this.world.physics.quit), () => this.#end('process'))
  }

  /** SIGKILL to every process. */
  kill(): void {
    this.#end('process')
  }

  /** The machine lost power. */
  losePower(): void {
    this.#end('machine')
  }

  /**
   * SIGKILL to the postmaster alone: everything that waits on a latch notices and ends; backends that
   * are busy go on, commit, and answer their clients.
   */
  killPostmaster(): void {
    if (this.role === 'dead' || this.role === 'orphaned') return
    this.sync.dropAll()
    this.receiver?.stop()
    this.receiver = null
    for (const walsender of [...this.walsenders]) walsender.terminate()
    const isBusy = (session: ClientSession): boolean => session.isWriting || this.random.chance(0.3)
    const busy = [...this.sessions].filter(isBusy)
    for (const session of [...this.sessions]) if (!busy.includes(session)) session.end()
    if (busy.length === 0) {
      this.#end('process')
      return
    }
    this.#become('orphaned')
    for (const session of busy) session.goOnAlone()
  }

  /** A backend that went on without its postmaster has ended. */
  orphanEnded(): void {
    if (this.role === 'orphaned' && this.sessions.size === 0) this.#end('process')
  }

  #end(how: 'process' | 'machine'): void {
    if (this.role === 'dead') return
    for (const walsender of [...this.walsenders]) {
      if (how === 'machine') walsender.cutByUpstream()
      else walsender.terminate()
    }
    this.walsenders = []
    if (how === 'machine') this.receiver?.cut()
    else this.receiver?.stop()
    this.receiver = null
    this.#endSessions()
    // Buffers that were not written die with the processes that shared them.
    const { wal } = this.directory
    if (!this.directory.isStandby && !this.directory.isClean && how === 'process') {
      wal.cutTo(wal.flushedCount + this.random.below(wal.count - wal.flushedCount + 1))
    }
    if (how === 'machine') this.directory.losePower(this.random)
    this.process.kill()
    this.#become('dead')
  }

  #endSessions(): void {
    this.sync.dropAll()
    for (const waiter of this.#flushing.splice(0)) waiter.lost()
    for (const session of [...this.sessions]) session.end()
    this.sessions.clear()
  }

  // --- clients ---------------------------------------------------------------------------------

  /**
   * Lets a client in, or returns null: to a primary, or to a standby, where it may read. The first one
   * on a primary sees all that recovery left.
   */
  connectClient(onEnd: () => void): ClientSession | null {
    if (!this.isUp || this.#config.gate !== 'open' || !this.process.isRunning) return null
    const session = new ClientSession(this, onEnd)
    this.sessions.add(session)
    this.#tellLetIn()
    return session
  }

  #tellLetIn(): void {
    if (this.role !== 'primary' || this.#lettingIn === 'somebody') return
    this.#lettingIn = 'somebody'
    const { node, epoch, directory } = this
    this.world.emit({ kind: 'clients-let-in', node, epoch, wal: [...directory.wal.entries] })
  }

  terminateClients(): void {
    for (const session of [...this.sessions]) session.end()
  }

  /** Adds a record and calls back once it is flushed here, with all before it. */
  write(kind: 'commit' | 'mark', commit: Commit | null, after: FlushWaiter): WalEntry {
    const bytes = kind === 'mark' ? recordBytes.mark : 80 + this.random.below(400) * 8
    const entry = this.directory.wal.append(kind, bytes, commit)
    this.#flushing.push(after)
    if (!this.#isFlushScheduled) {
      this.#isFlushScheduled = true
      this.process.schedule(this.fsyncMs(), () => this.#flush())
    }
    return entry
  }

  #flush(): void {
    this.#isFlushScheduled = false
    if (this.role === 'dead') return
    const { wal } = this.directory
    wal.flushTo(wal.count)
    this.sendToCascade()
    for (const waiter of this.#flushing.splice(0)) waiter.flushed()
  }

  // --- replication -----------------------------------------------------------------------------

  acceptStandby(receiver: WalReceiver, sentCount: number): SimWalsender {
    const walsender = new SimWalsender(this, receiver, sentCount)
    walsender.use(listOf(this.#config.sync))
    this.walsenders.push(walsender)
    const { world, node } = this
    world.emit({
      kind: 'attached',
      how: 'stream',
      node: receiver.server.node,
      promise: world.promiseOf(receiver.server.node),
      upstream: node,
      upstreamEpoch: this.role === 'primary' ? this.epoch : null,
      birthEpoch: world.birthEpochOf(this.directory.wal.tip.timeline),
    })
    walsender.sendNew()
    this.#tellLists()
    return walsender
  }

  sendToCascade(): void {
    for (const walsender of this.walsenders) walsender.sendNew()
  }

  walsenderEnded(walsender: SimWalsender): void {
    this.walsenders = this.walsenders.filter((other) => other !== walsender)
    this.#tellLists()
  }

  terminateWalsender(pid: number): void {
    this.walsenders.find((walsender) => walsender.pid === pid)?.terminate()
  }

  /** A walsender has read a report: its own list decides, over all that stream and have a priority. */
  heard(walsender: SimWalsender): void {
    if (this.role !== 'primary' || walsender.state !== 'streaming') return
    if (walsender.syncPriority === 0) return
    const standbys = this.walsenders.filter(
      (other) => other.state === 'streaming' && other.syncPriority > 0,
    )
    this.sync.afterReport(walsender.list, standbys)
  }

  reportedFlush(walsender: SimWalsender): void {
    const { upstream } = walsender
    if (upstream.role !== 'primary') return
    const { world, node } = this
    world.emit({
      kind: 'flush-reported',
      node,
      upstream: upstream.node,
      upstreamEpoch: upstream.epoch,
      isListed: walsender.syncPriority > 0,
      promise: world.promiseOf(node),
      birthEpoch: world.birthEpochOf(upstream.directory.wal.tip.timeline),
    })
  }

  /** Lists that can let a commit go: the checkpointer's, and that of each walsender with a priority. */
  listsInUse(): readonly SyncList[] {
    const lists = this.walsenders
      .filter((walsender) => walsender.syncPriority > 0)
      .map((walsender) => walsender.list)
    return this.sync.isDefined ? lists : [emptyList, ...lists]
  }

  #tellLists(): void {
    if (this.role !== 'primary') return
    const { node, epoch } = this
    this.world.emit({ kind: 'lists-used', node, epoch, lists: this.listsInUse() })
  }
}

function isSameUpstream(left: Upstream | null, right: Upstream | null): boolean {
  if (left === null || right === null) return left === right
  return (
    left.node === right.node &&
    left.slotName === right.slotName &&
    left.applicationName === right.applicationName
  )
}
