// The PostgreSQL of one data node: ports/postgres.ts on top of the pieces beside this file.
//
//   const postgres = createPostgres(options, { clock, process: guardClient, log })
//   (options: options.ts; binaries from findBinaries, runAs from resolveDatabaseUser)
//   postgres.onSyncWaitCancelled(listener)   // a client cancelled its wait for standbys
//   await postgres.close()                   // our connections; the server goes on
//
// Order that must hold: guard.ensure() before anything that starts or stops; guard.arm() before
// start('primary') and promote(); guard.disarm() before start('standby') after a fence.

import { rm } from 'node:fs/promises'
import path from 'node:path'
import type { Epoch, NodeName, SystemId, TimelineId } from '../../core/names.ts'
import type { Lsn } from '../../core/lsn.ts'
import type { TimelineHistory } from '../../core/position.ts'
import type {
  DataDirectory,
  PostgresObservation,
  ServerConfig,
  Upstream,
} from '../../core/server.ts'
import { exists } from '../../host/files.ts'
import { listDirectoryProcesses, resolveDataDirectory } from '../../host/process-table.ts'
import { messageOf } from '../../lib/errors.ts'
import type { Clock } from '../../ports/clock.ts'
import type { PostgresProcess } from '../../ports/postgres-process.ts'
import { PostgresError, type CopyProgress, type Postgres } from '../../ports/postgres.ts'
import { copyServer } from './base-backup.ts'
import {
  applyConfiguration,
  assertParameters,
  cleanAutoConf,
  prepareFolders,
} from './configuration.ts'
import { adoptStagedDirectory, inspectDirectory, replaceByClone } from './data-directory.ts'
import { keepWalFrom } from './diverged-wal.ts'
import { EndOfWal, hasRecordAt } from './end-of-wal.ts'
import { knock } from './gate-probe.ts'
import { initialiseStaged } from './initialise.ts'
import { LogWatch } from './log-watch.ts'
import { Observer } from './observe.ts'
import { nodePathsOf, roles, type NodePaths, type PostgresOptions } from './options.ts'
import { promoteServer } from './promote.ts'
import { awaitCheckpointedTimeline, identifyServer } from './remote-session.ts'
import { rewindDirectory } from './rewind.ts'
import { Session, SessionError } from './session.ts'
import { applySlots } from './slots.ts'
import { awaitReady, prepareStart, serverLogBytes } from './starting.ts'
import { SyncProbe, writeMark } from './sync-probe.ts'
import { readHistory } from './timeline-files.ts'
import { checkpointYoungTimeline } from './young-timeline.ts'

export type PostgresDependencies = {
  readonly clock: Clock
  readonly process: PostgresProcess
  /** For people: what was done on the side. Never a secret. */
  readonly log?: (message: string, fields: Readonly<Record<string, unknown>>) => void
}

export type PostgresAdapter = Postgres & {
  /** Ends our own connections. */
  close(): Promise<void>
}

class LocalPostgres implements PostgresAdapter {
  readonly #options: PostgresOptions
  readonly #paths: NodePaths
  readonly #clock: Clock
  readonly #process: PostgresProcess
  readonly #log: NonNullable<PostgresDependencies['log']>
  readonly #control: Session
  readonly #looking: Session
  readonly #observer: Observer
  readonly #endOfWal: EndOfWal
  readonly #syncProbe: SyncProbe
  readonly #logWatch: LogWatch
  readonly #cancelListeners: ((line: string) => void)[] = []
  #config: ServerConfig | null = null
  #mustReload = true
  #trouble: 'wal-removed' | null = null
  #logReadAtMs = Number.NEGATIVE_INFINITY
  #directoryWork: Promise<unknown> = Promise.resolve()

  constructor(options: PostgresOptions, dependencies: PostgresDependencies) {
    assertParameters(options)
    this.#options = options
    this.#paths = nodePathsOf(options.nodeDirectory)
    this.#clock = dependencies.clock
    this.#process = dependencies.process
    this.#log = dependencies.log ?? (() => undefined)
    this.#control = new Session(options, 'control')
    this.#looking = new Session(options, 'observer', { statement_timeout: '5s' })
    this.#endOfWal = new EndOfWal((lsn, segmentBytes) => hasRecordAt(options, lsn, segmentBytes))
    this.#observer = new Observer(this.#looking, this.#paths.data, this.#endOfWal)
    this.#syncProbe = new SyncProbe(options, this.#clock, this.#control)
    this.#logWatch = new LogWatch(this.#paths.serverLog)
    this.#process.onEnd(() => {
      this.#disconnect()
    })
  }

  async inspect(): Promise<DataDirectory> {
    const { binaries, runAs } = this.#options
    return this.#withDirectory(() =>
      inspectDirectory({ paths: this.#paths, binDirectory: binaries.directory, runAs }),
    )
  }

  async observe(deadlineMs: number): Promise<PostgresObservation> {
    const waiting = new AbortController()
    const timeout = this.#clock.sleep(deadlineMs, waiting.signal).then((): PostgresObservation => ({
      kind: 'unknown',
      why: `nothing was learned in ${String(Math.round(deadlineMs))} ms`,
    }))
    try {
      return await Promise.race([this.#look(deadlineMs), timeout])
    } catch (error) {
      return { kind: 'unknown', why: messageOf(error) }
    } finally {
      waiting.abort()
    }
  }

  async #look(deadlineMs: number): Promise<PostgresObservation> {
    if (this.#process.state().kind !== 'running' && this.#hasNoProcess()) {
      return (await exists(path.join(this.#paths.data, 'PG_VERSION')))
        ? { kind: 'stopped' }
        : { kind: 'absent' }
    }
    try {
      const seen = await this.#observer.look(this.#config?.upstream, deadlineMs)
      await this.#readLog()
      if (seen.kind === 'primary') return seen
      if (seen.isStreaming) this.#trouble = null
      return { ...seen, trouble: this.#trouble }
    } catch (error) {
      if (!(error instanceof SessionError)) throw error
      if (error.failure === 'not-ready') return { kind: 'starting' }
      if (error.failure !== 'unreachable' && error.failure !== 'lost') throw error
      // A postmaster that does not listen yet, or is ending; or its guard died with it.
      return this.#hasNoProcess() ? { kind: 'stopped' } : { kind: 'starting' }
    }
  }

  async #readLog(periodMs = logPeriodMs): Promise<void> {
    const nowMs = this.#clock.monotonicMs()
    if (nowMs - this.#logReadAtMs < periodMs) return
    this.#logReadAtMs = nowMs
    for (const { finding, line } of await this.#logWatch.read()) {
      if (finding === 'wal-removed') this.#trouble = 'wal-removed'
      else for (const listener of this.#cancelListeners) listener(line)
    }
  }

  onSyncWaitCancelled(listener: (line: string) => void): void {
    this.#cancelListeners.push(listener)
  }

  async initialise(deadlineMs: number): Promise<SystemId> {
    await prepareFolders(this.#options)
    return initialiseStaged(this.#options, deadlineMs)
  }

  async discardStaged(): Promise<void> {
    await rm(this.#paths.staging, { recursive: true, force: true })
    await rm(this.#paths.staged, { recursive: true, force: true })
  }

  async adoptStaged(): Promise<void> {
    await this.#withDirectory(() => adoptStagedDirectory(this.#paths))
  }

  async configure(config: ServerConfig): Promise<void> {
    const isNewUpstream =
      JSON.stringify(this.#config?.upstream ?? null) !== JSON.stringify(config.upstream)
    if (this.#config === null) await prepareFolders(this.#options)
    // Until everything is written: an attempt that fails half-way leaves files that the server has not
    // read, and the next attempt, which finds nothing to change in them, has to make it read them.
    const mustReload = this.#mustReload
    this.#mustReload = true
    // Both to their end, also when one fails: what is still being written by an attempt that is over would
    // come after the files of the next one, and bring an upstream back that was taken away.
    const [applied, cleaned] = await Promise.allSettled([
      applyConfiguration(this.#options, config),
      cleanAutoConf(this.#options),
    ])
    const hasChanged = valueOf(applied)
    const overridden = valueOf(cleaned)
    this.#mustReload = mustReload || hasChanged || overridden.length > 0
    if (overridden.length > 0) {
      this.#log('settings made by ALTER SYSTEM were taken back: pgherd manages them', {
        settings: overridden,
      })
    }
    this.#config = config
    if (isNewUpstream) {
      // What the log says of the former upstream is no trouble of the new one.
      await this.#readLog(0)
      this.#trouble = null
    }
    // An adapter that has just taken a server over does not know whether it has read the files.
    const server = this.#process.state().kind
    if (this.#mustReload && server === 'running') await this.#process.reload()
    if (server !== 'unknown') this.#mustReload = false
  }

  /** Tools read the passfile; an agent that has just started may not have configured anything yet. */
  async #ensureConfiguration(): Promise<void> {
    await prepareFolders(this.#options)
    if (this.#config === null) await applyConfiguration(this.#options, quiet)
  }

  async start(as: 'primary' | 'standby', deadlineMs: number): Promise<void> {
    const leftMs = this.#countDown(deadlineMs)
    if (this.#process.state().kind === 'running') {
      await this.#awaitReady(leftMs, 0)
      await this.#assertRole(as, leftMs())
      return
    }
    if (this.#config === null) throw new PostgresError('refused', 'start before configure')
    if (!(await exists(this.#paths.data))) {
      throw new PostgresError('refused', `there is no data directory ${this.#paths.data}`)
    }
    this.#disconnect()
    const command = await prepareStart(this.#options, as)
    const logOffset = await serverLogBytes(this.#options)
    await this.#process.start(as, command, leftMs())
    this.#mustReload = false
    await this.#awaitReady(leftMs, logOffset)
  }

  #awaitReady(leftMs: () => number, logOffset: number): Promise<void> {
    return awaitReady({
      options: this.#options,
      process: this.#process,
      session: this.#control,
      clock: this.#clock,
      leftMs,
      logOffset,
    })
  }

  /** What is left of a deadline; never less than 1 ms, so that it stays a valid time. */
  #countDown(deadlineMs: number): () => number {
    const giveUpAtMs = this.#clock.monotonicMs() + deadlineMs
    return () => Math.max(1, giveUpAtMs - this.#clock.monotonicMs())
  }

  async #assertRole(as: 'primary' | 'standby', deadlineMs: number): Promise<void> {
    const [row] = await this.#control.query('select pg_is_in_recovery() as r', [], deadlineMs)
    const is = row?.['r'] === true ? 'standby' : 'primary'
    if (is !== as) throw new PostgresError('refused', `PostgreSQL runs already, as ${is}`)
  }

  async stop(mode: 'fast' | 'immediate', deadlineMs: number): Promise<void> {
    await this.#process.stop(mode, deadlineMs)
    this.#disconnect()
  }

  async terminateClients(deadlineMs: number): Promise<void> {
    await this.#control.query(
      `select pg_terminate_backend(pid) from pg_stat_activity
       where backend_type = 'client backend' and pid <> pg_backend_pid()
         and usename not in ('${roles.pgherd}', '${roles.replication}')`,
      [],
      deadlineMs,
    )
  }

  async checkpoint(deadlineMs: number): Promise<void> {
    const session = new Session(this.#options, 'checkpoint', { statement_timeout: '0' })
    try {
      await session.query('checkpoint', [], deadlineMs)
    } finally {
      session.disconnect()
    }
  }

  async promote(timeline: TimelineId, deadlineMs: number): Promise<TimelineId> {
    const leftMs = this.#countDown(deadlineMs)
    const present = await this.#observer.look(undefined, leftMs())
    if (present.kind === 'primary') return present.position.timeline
    if (present.position.timeline === timeline) return this.#resumePromotion(leftMs)
    return promoteServer({
      session: this.#control,
      clock: this.#clock,
      dataDirectory: this.#paths.data,
      owner: this.#options.runAs,
      present: present.position.timeline,
      wanted: timeline,
      deadlineMs: leftMs(),
    })
  }

  /**
   * A promotion was cut off after the first record of its timeline: the standby is on that timeline, and
   * to promote it again would make another. Stopped and started as a primary, it goes on where it was.
   */
  async #resumePromotion(leftMs: () => number): Promise<TimelineId> {
    await this.stop('fast', leftMs())
    await this.start('primary', leftMs())
    return (await this.#observer.look(undefined, leftMs())).position.timeline
  }

  async history(timeline: TimelineId): Promise<TimelineHistory> {
    const history = await readHistory(this.#paths.data, timeline)
    if (history !== null) return history
    throw new PostgresError('failed', `timeline ${String(timeline)} has no history file`)
  }

  /**
   * A new connection has what the postmaster has; or the signal of a reload that is being passed on has
   * reached it already. The postmaster lets a second one in only when it is done with that.
   */
  async reloadedSyncSetting(deadlineMs: number): Promise<string> {
    const first = new Session(this.#options, 'reload')
    const second = new Session(this.#options, 'reload')
    try {
      const [row] = await first.query('show synchronous_standby_names', [], deadlineMs)
      await second.connect(deadlineMs)
      return String(row?.['synchronous_standby_names'])
    } finally {
      first.disconnect()
      second.disconnect()
    }
  }

  reloadedGate(deadlineMs: number): Promise<'open' | 'closed'> {
    return knock(this.#options, deadlineMs)
  }

  markWal(deadlineMs: number): Promise<Lsn> {
    return writeMark(this.#control, deadlineMs)
  }

  probeSyncWait(deadlineMs: number): Promise<'waits' | 'returned'> {
    return this.#syncProbe.run(deadlineMs)
  }

  async terminateWalsender(pid: number, deadlineMs: number): Promise<void> {
    await this.#control.query(
      'select pg_terminate_backend(pid) from pg_stat_replication where pid = $1',
      [pid],
      deadlineMs,
    )
  }

  ensureSlots(nodes: readonly NodeName[], deadlineMs: number): Promise<void> {
    return applySlots(this.#control, nodes, deadlineMs)
  }

  identify(
    source: Upstream,
    deadlineMs: number,
  ): Promise<{ readonly systemId: SystemId; readonly timeline: TimelineId; readonly lsn: Lsn }> {
    return identifyServer(this.#options, source, deadlineMs)
  }

  async keepDivergedWal(
    forkLsn: Lsn | null,
    epoch: Epoch,
  ): Promise<{ readonly path: string; readonly commitCount: number | null }> {
    this.#assertStopped()
    return keepWalFrom(this.#options, forkLsn, epoch)
  }

  async rewind(
    source: Upstream,
    onProgress: (progress: CopyProgress) => void,
    signal: AbortSignal,
  ): Promise<void> {
    this.#assertStopped()
    await this.#ensureConfiguration()
    await this.#stopCleanly()
    await checkpointYoungTimeline(this.#options, signal)
    await awaitCheckpointedTimeline(this.#options, source, this.#clock, signal)
    await rewindDirectory(this.#options, source, this.#clock, onProgress, signal)
  }

  /**
   * pg_rewind wants a directory that was shut down. One that was not is brought up as a standby of
   * nobody, which replays its own WAL and writes none, and stopped again.
   */
  async #stopCleanly(): Promise<void> {
    const directory = await this.inspect()
    if (directory.kind !== 'present') {
      throw new PostgresError('refused', `nothing to rewind: the directory is ${directory.kind}`)
    }
    if (directory.isClean) return
    await this.configure(quiet)
    await this.start('standby', recoverMaxMs)
    await this.stop('fast', recoverMaxMs)
  }

  async clone(
    source: Upstream,
    onProgress: (progress: CopyProgress) => void,
    signal: AbortSignal,
  ): Promise<void> {
    this.#assertStopped()
    await this.#ensureConfiguration()
    await copyServer(this.#options, source, onProgress, signal)
    this.#assertStopped()
    await this.#withDirectory(() => replaceByClone(this.#paths, signal))
  }

  async discardReplaced(): Promise<void> {
    await rm(this.#paths.replaced, { recursive: true, force: true })
  }

  async close(): Promise<void> {
    this.#disconnect()
  }

  #disconnect(): void {
    this.#control.disconnect()
    this.#looking.disconnect()
    // Another life of the server may receive again before it is looked at.
    this.#endOfWal.reset()
    this.#syncProbe.close()
  }

  #hasNoProcess(): boolean {
    return listDirectoryProcesses(resolveDataDirectory(this.#paths.data)).length === 0
  }

  #assertStopped(): void {
    if (this.#hasNoProcess()) return
    throw new PostgresError('refused', 'PostgreSQL still runs in the data directory')
  }

  /** One at a time: whoever looks at the directory must not see it half replaced. */
  #withDirectory<Result>(work: () => Promise<Result>): Promise<Result> {
    const result = this.#directoryWork.then(work)
    this.#directoryWork = result.catch(() => undefined)
    return result
  }
}

/** What a server that belongs to nobody is given. */
const quiet: ServerConfig = { upstream: null, sync: { kind: 'nobody' }, gate: 'closed' }

/** What only the log tells is no matter of milliseconds, and a look costs three of the disk's. */
const logPeriodMs = 1000

// Crash recovery may have to replay as much WAL as max_wal_size allows.
const recoverMaxMs = 600_000

/** @throws what the call has failed with */
function valueOf<T>(result: PromiseSettledResult<T>): T {
  if (result.status === 'rejected') throw result.reason
  return result.value
}

/** @throws PgherdError PGHERD_MANAGED_PARAMETER */
export function createPostgres(
  options: PostgresOptions,
  dependencies: PostgresDependencies,
): PostgresAdapter {
  return new LocalPostgres(options, dependencies)
}
