// The PostgreSQL port of one agent process over the simulated server and directory of its node.

import type { Epoch, NodeName, SystemId, TimelineId } from '../../src/core/names.ts'
import { slotNameOf } from '../../src/core/names.ts'
import type { Lsn } from '../../src/core/lsn.ts'
import type { TimelineHistory } from '../../src/core/position.ts'
import type {
  DataDirectory,
  PostgresObservation,
  ServerConfig,
  Upstream,
} from '../../src/core/server.ts'
import { renderSyncSetting } from '../../src/core/sync-list.ts'
import { PostgresError, type CopyProgress, type Postgres } from '../../src/ports/postgres.ts'
import type { SimGuardProcess } from '../guard.ts'
import { HalfDoneError, type HalfDoneCalls } from '../half-done.ts'
import type { SimRandom } from '../random.ts'
import type { SimProcess } from '../simulator.ts'
import { copyDirectory, rewindDirectory } from './copying.ts'
import type { SimDataDirectory } from './data-directory.ts'
import type { ServerWorld } from './server-world.ts'
import type { SimServer } from './server.ts'

export type PostgresOptions = {
  readonly node: NodeName
  readonly agent: SimProcess
  readonly world: ServerWorld
  readonly directory: SimDataDirectory
  readonly random: SimRandom
  /** The guard that would be asked to start a server now. */
  readonly guard: () => SimGuardProcess | null
  /** Starts a server process under the guard. */
  readonly launch: (guard: SimGuardProcess, as: 'primary' | 'standby') => SimServer
  readonly trueMs: (durationMs: number) => number
  readonly halfDone: HalfDoneCalls
}

const unreadablePollMs = 100

/** What was done of a `configure` that fails. */
const configureBreaks = ['nothing', 'files', 'everything'] as const

export class SimPostgres implements Postgres {
  readonly #options: PostgresOptions
  /** Files were written that the server was not told to read; an agent that has just started cannot know. */
  #mustReload = true

  constructor(options: PostgresOptions) {
    this.#options = options
  }

  // --- looking ---------------------------------------------------------------------------------

  async inspect(): Promise<DataDirectory> {
    await this.#pause()
    const { directory, agent } = this.#options
    while (directory.isUnreadable) await agent.sleep(unreadablePollMs)
    const { systemId, wal } = directory
    if (directory.state === 'broken') return { kind: 'broken', why: directory.brokenBecause }
    if (directory.state === 'absent' || systemId === null) return { kind: 'absent' }
    if (directory.state === 'staged') return { kind: 'staged', systemId }
    return {
      kind: 'present',
      systemId,
      isStandby: directory.isStandby,
      isClean: directory.isClean,
      timeline: wal.flushedTip.timeline,
    }
  }

  async observe(deadlineMs: number): Promise<PostgresObservation> {
    await this.#pause()
    const { directory } = this.#options
    const server = this.#server
    if (server === null) return { kind: directory.state === 'absent' ? 'absent' : 'stopped' }
    if (!server.process.isRunning) {
      await this.#options.agent.sleep(this.#options.trueMs(deadlineMs))
      return { kind: 'unknown', why: 'no answer in time' }
    }
    if (server.role === 'primary') return observePrimary(server)
    if (server.role === 'standby') return this.#observeStandby(server)
    if (server.role === 'orphaned') {
      // "Stopped" must mean that no process is left; whoever looks at the postmaster alone believes it.
      const { endsOrphans } = this.#options.world
      return endsOrphans ? { kind: 'unknown', why: 'connections are refused' } : { kind: 'stopped' }
    }
    return { kind: 'starting' }
  }

  #observeStandby(server: SimServer): PostgresObservation {
    const { wal } = server.directory
    const receiver = server.receiver
    const isStreaming = receiver !== null && receiver.walsender !== null
    return {
      kind: 'standby',
      position: wal.flushedPosition,
      replayLsn: wal.flushedTip.endLsn,
      isReceiving: receiver?.isProcessAlive ?? false,
      isStreaming,
      receivingFrom: isStreaming
        ? { host: receiver.upstream.host, port: receiver.upstream.port }
        : null,
      isAtEndOfWal: wal.flushedCount === wal.count,
      trouble: receiver?.isWalMissing === true ? 'wal-removed' : null,
    }
  }

  async history(_timeline: TimelineId): Promise<TimelineHistory> {
    await this.#pause()
    return this.#options.directory.wal.flushedTip.history
  }

  async identify(
    source: Upstream,
    deadlineMs: number,
  ): Promise<{ readonly systemId: SystemId; readonly timeline: TimelineId; readonly lsn: Lsn }> {
    const server = await this.#reach(source, deadlineMs)
    const { systemId, wal } = server.directory
    if (systemId === null) throw new PostgresError('refused', 'no database system there')
    return { systemId, timeline: wal.flushedTip.timeline, lsn: wal.flushedTip.endLsn }
  }

  // --- first directory -------------------------------------------------------------------------

  async initialise(deadlineMs: number): Promise<SystemId> {
    const { directory, random, world } = this.#options
    await this.#take(random.duration(world.physics.initialise.typicalMs, 1500), deadlineMs)
    const systemId = `7${random.hex(8)}` as SystemId
    directory.stage(systemId)
    return systemId
  }

  async discardStaged(): Promise<void> {
    await this.#pause()
    if (this.#options.directory.state === 'staged') this.#options.directory.discard()
  }

  async adoptStaged(): Promise<void> {
    await this.#pause()
    this.#options.directory.adoptStaged()
  }

  // --- running ---------------------------------------------------------------------------------

  async configure(config: ServerConfig): Promise<void> {
    await this.#pause()
    const { directory, random, halfDone } = this.#options
    const how = halfDone.decide?.('configure', config) ?? null
    if (how === 'nothing done') throw new HalfDoneError('configure: no answer')
    const brokenAt = directory.breaksCalls ? random.pick(configureBreaks) : null
    if (brokenAt === 'nothing') throw new PostgresError('failed', 'the disk refuses')
    if (!isSameConfig(directory.config, config)) {
      directory.config = config
      this.#mustReload = true
    }
    if (how === 'still to come') {
      // The files are written, and the postmaster is told when nobody expects it any more.
      const server = this.#server
      server?.process.schedule(halfDone.drawDelayMs(), () => server.reload())
      throw new HalfDoneError('configure: no answer')
    }
    if (brokenAt === 'files') throw new PostgresError('timeout', 'the guard does not answer')
    if (this.#mustReload) this.#server?.reload()
    this.#mustReload = false
    if (brokenAt === 'everything') throw new PostgresError('timeout', 'the answer is lost')
  }

  /**
   * A call that is broken in half of all cases: before it does anything, or with the answer lost after it
   * did everything.
   */
  async #mayBreak<T>(call: () => Promise<T>): Promise<T> {
    const { directory, random } = this.#options
    if (!directory.breaksCalls || random.chance(0.5)) return call()
    if (random.chance(0.5)) {
      await this.#pause()
      throw new PostgresError('failed', 'the connection broke before')
    }
    await call()
    throw new PostgresError('timeout', 'the answer is lost')
  }

  start(as: 'primary' | 'standby', deadlineMs: number): Promise<void> {
    return this.#mayBreak(() => this.#start(as, deadlineMs))
  }

  async #start(as: 'primary' | 'standby', deadlineMs: number): Promise<void> {
    const { directory, launch, guard, world } = this.#options
    await this.#pause()
    let server = this.#server
    if (server?.role === 'orphaned') {
      if (!world.endsOrphans) {
        throw new PostgresError('failed', 'pre-existing shared memory block is still in use')
      }
      server.kill()
      server = this.#server
    }
    if (server === null) {
      const parent = guard()
      if (parent?.process.isRunning !== true)
        throw new PostgresError('refused', 'there is no guard')
      if (directory.state !== 'present') throw new PostgresError('failed', 'no data directory')
      if (as === 'standby') directory.forgetUnbornTimelines()
      server = launch(parent, as)
    }
    this.#mustReload = false
    const started = server
    await this.#until(started, deadlineMs, () => started.isUp || started.role === 'dead')
    if (started.role === 'dead') throw new PostgresError('failed', 'the server ended at its start')
  }

  stop(mode: 'fast' | 'immediate', deadlineMs: number): Promise<void> {
    return this.#mayBreak(() => this.#stop(mode, deadlineMs))
  }

  async #stop(mode: 'fast' | 'immediate', deadlineMs: number): Promise<void> {
    await this.#pause()
    const server = this.#server
    if (server === null) return
    const guard = this.#options.guard()
    guard?.expectStop()
    if (mode === 'fast') server.stopFast()
    else {
      if (guard?.process.isRunning === false) {
        // A silent guard is not waited for: killed, it takes its server along.
        await this.#take(this.#options.random.duration(150, 250), deadlineMs)
        guard.endIfSilent()
      }
      server.quit()
    }
    await this.#until(server, deadlineMs, () => server.role === 'dead')
  }

  terminateClients(_deadlineMs: number): Promise<void> {
    return this.#mayBreak(async () => {
      const server = await this.#running()
      server.terminateClients()
    })
  }

  async checkpoint(deadlineMs: number): Promise<void> {
    const server = await this.#running()
    await this.#take(this.#options.random.duration(40, 800), deadlineMs)
    if (server.role !== 'primary') return
    server.directory.wal.append('checkpoint', 120, null)
    await this.#flushed(server, deadlineMs)
  }

  promote(timeline: TimelineId, deadlineMs: number): Promise<TimelineId> {
    return this.#mayBreak(() => this.#promote(timeline, deadlineMs))
  }

  async #promote(timeline: TimelineId, deadlineMs: number): Promise<TimelineId> {
    const server = await this.#running()
    const { directory } = this.#options
    if (server.role === 'standby') {
      for (let id = 2; id < timeline; id++) directory.historyFiles.add(id)
      server.promote()
      await this.#until(server, deadlineMs, () => server.role !== 'standby')
      if (directory.losesPromotionAnswer) throw new PostgresError('failed', 'the connection broke')
    }
    if (server.role !== 'primary') throw new PostgresError('failed', 'the server ended')
    return directory.wal.tip.timeline
  }

  // --- synchronous commit ----------------------------------------------------------------------

  async reloadedSyncSetting(_deadlineMs: number): Promise<string> {
    const server = await this.#running()
    return renderSyncSetting(server.reloadedSync)
  }

  async reloadedGate(_deadlineMs: number): Promise<'open' | 'closed'> {
    const server = await this.#running()
    if (server.directory.isCrowded) throw new PostgresError('failed', 'too many clients already')
    return server.gate
  }

  markWal(deadlineMs: number): Promise<Lsn> {
    return this.#mayBreak(async () => {
      const server = await this.#running()
      if (server.role !== 'primary') throw new PostgresError('refused', 'not a primary')
      return this.#flushed(server, deadlineMs)
    })
  }

  async probeSyncWait(deadlineMs: number): Promise<'waits' | 'returned'> {
    const server = await this.#running()
    if (server.role !== 'primary') throw new PostgresError('refused', 'not a primary')
    await this.#flushed(server, deadlineMs)
    return server.sync.isDefined ? 'waits' : 'returned'
  }

  async terminateWalsender(pid: number, _deadlineMs: number): Promise<void> {
    const server = await this.#running()
    server.terminateWalsender(pid)
  }

  async ensureSlots(nodes: readonly NodeName[], _deadlineMs: number): Promise<void> {
    const server = await this.#running()
    const { slots, hasNoSlotLeft } = server.directory
    if (hasNoSlotLeft) throw new PostgresError('failed', 'all replication slots are in use')
    const wanted = new Set(nodes.map((node) => slotNameOf(node)))
    for (const slot of slots) {
      const isActive = server.walsenders.some((walsender) => walsender.slotName === slot)
      if (!wanted.has(slot) && !isActive) slots.delete(slot)
    }
    for (const slot of wanted) slots.add(slot)
  }

  // --- rejoining -------------------------------------------------------------------------------

  async keepDivergedWal(
    forkLsn: Lsn | null,
    epoch: Epoch,
  ): Promise<{ readonly path: string; readonly commitCount: number | null }> {
    await this.#pause()
    if (this.#server !== null) throw new PostgresError('refused', 'the server runs')
    const { directory } = this.#options
    const { wal } = directory
    directory.divergedKept.add(wal.tip)
    const from = forkLsn === null ? 0 : wal.countUpTo(forkLsn)
    const commits = wal.entries.slice(from).filter((entry) => entry.kind === 'commit')
    return { path: `diverged/epoch-${String(epoch)}`, commitCount: commits.length }
  }

  async rewind(
    source: Upstream,
    onProgress: (progress: CopyProgress) => void,
    signal: AbortSignal,
  ): Promise<void> {
    if (this.#server !== null) throw new PostgresError('refused', 'the server runs')
    const server = await this.#reach(source, 1000)
    await rewindDirectory(this.#options, server, onProgress, signal)
  }

  async clone(
    source: Upstream,
    onProgress: (progress: CopyProgress) => void,
    signal: AbortSignal,
  ): Promise<void> {
    if (this.#server !== null) throw new PostgresError('refused', 'the server runs')
    const server = await this.#reach(source, 1000)
    await copyDirectory(this.#options, server, onProgress, signal)
  }

  /** Simulated clients never cancel. */
  onSyncWaitCancelled(): void {
    return
  }

  async discardReplaced(): Promise<void> {
    await this.#pause()
    this.#options.directory.aside = null
  }

  // --- helpers ---------------------------------------------------------------------------------

  get #server(): SimServer | null {
    return this.#options.world.serverOf(this.#options.node)
  }

  /** A query over a connection that is there, or a look at a file. */
  #pause(): Promise<void> {
    const { agent, random, world } = this.#options
    const { typicalMs, worstMs } = world.physics.query
    return agent.sleep(random.duration(typicalMs, worstMs))
  }

  async #running(): Promise<SimServer> {
    await this.#pause()
    const server = this.#server
    if (server?.isUp !== true || !server.process.isRunning) {
      throw new PostgresError('refused', 'the server does not accept connections')
    }
    return server
  }

  /** Work of `durationMs`; too long for the deadline is a time-out. */
  async #take(durationMs: number, deadlineMs: number): Promise<void> {
    const { agent, trueMs } = this.#options
    const allowedMs = trueMs(deadlineMs)
    await agent.sleep(Math.min(durationMs, allowedMs))
    if (durationMs > allowedMs) throw new PostgresError('timeout', 'it took too long')
  }

  /** A record of our own, flushed; returns the position behind it. */
  #flushed(server: SimServer, deadlineMs: number): Promise<Lsn> {
    const { agent, trueMs } = this.#options
    return new Promise((resolve, reject) => {
      const timer = agent.schedule(trueMs(deadlineMs), () => {
        reject(new PostgresError('timeout', 'the record was not flushed in time'))
      })
      const entry = server.write('mark', null, {
        flushed: () =>
          agent.schedule(0, () => {
            timer.action = null
            resolve(entry.endLsn)
          }),
        lost: () =>
          agent.schedule(0, () => {
            timer.action = null
            reject(new PostgresError('failed', 'the connection broke'))
          }),
      })
    })
  }

  async #until(server: SimServer, deadlineMs: number, isReached: () => boolean): Promise<void> {
    if (isReached()) return
    const { agent, trueMs } = this.#options
    await new Promise<void>((resolve, reject) => {
      const timer = agent.schedule(trueMs(deadlineMs), () => {
        reject(new PostgresError('timeout', 'it took too long'))
      })
      const look = (): void => {
        if (isReached()) {
          timer.action = null
          agent.schedule(0, resolve)
        } else server.onChange(look)
      }
      server.onChange(look)
    })
  }

  /** Connects to another server. @throws PostgresError */
  async #reach(source: Upstream, deadlineMs: number): Promise<SimServer> {
    const { world, node, agent, trueMs } = this.#options
    const [here, there] = [world.placeOf(node), world.placeOf(source.node)]
    const roundTripMs = world.network.delayMs(here, there) + world.network.delayMs(there, here)
    await this.#take(roundTripMs, deadlineMs)
    const server = world.serverOf(source.node)
    if (!world.network.isOpenBothWays('replication', here, there)) {
      await agent.sleep(trueMs(deadlineMs))
      throw new PostgresError('timeout', `${source.node} did not answer in time`)
    }
    if (server?.isUp !== true) throw new PostgresError('refused', `${source.node} refuses`)
    return server
  }
}

function observePrimary(server: SimServer): PostgresObservation {
  return {
    kind: 'primary',
    position: server.directory.wal.flushedPosition,
    walsenders: server.walsenders.map((walsender) => ({
      pid: walsender.pid,
      applicationName: walsender.applicationName,
      state: walsender.state,
      flushLsn: walsender.flushLsn === 0 ? null : walsender.flushLsn,
      replayLsn: walsender.replayLsn === 0 ? null : walsender.replayLsn,
      syncPriority: walsender.syncPriority,
      syncState: walsender.syncPriority > 0 ? 'quorum' : 'async',
    })),
    syncWaiterCount: server.sync.waiterCount,
    syncSettingText: renderSyncSetting(server.shownSync),
  }
}

function isSameConfig(left: ServerConfig | null, right: ServerConfig): boolean {
  return left !== null && JSON.stringify(left) === JSON.stringify(right)
}
