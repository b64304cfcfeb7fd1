// One PostgreSQL server and its data directory, as the agent needs it. Everything that changes it is
// idempotent: killed in the middle, it is run again. Calls that may take long take a progress listener.

import type { Epoch, NodeName, SystemId, TimelineId } from '../core/names.ts'
import type { Lsn } from '../core/lsn.ts'
import type { TimelineHistory } from '../core/position.ts'
import type { DataDirectory, PostgresObservation, ServerConfig, Upstream } from '../core/server.ts'

export type {
  DataDirectory,
  PostgresObservation,
  ServerConfig,
  Upstream,
  Walsender,
} from '../core/server.ts'

export type CopyProgress = { readonly doneBytes: number; readonly totalBytes: number | null }

export type PostgresErrorKind = 'timeout' | 'refused' | 'failed'

/** PostgreSQL or one of its tools could not do it. */
export class PostgresError extends Error {
  override readonly name = 'PostgresError'
  readonly kind: PostgresErrorKind
  constructor(kind: PostgresErrorKind, message: string, options?: { cause?: unknown }) {
    super(message, options)
    this.kind = kind
  }
}

/**
 * `rewind` or `clone` failed when the data directory had been changed already, or may have been: what was
 * known of it before holds no more. After any other error of theirs it is as it was, or `inspect` says
 * that it is broken.
 */
export class DirectoryChangedError extends PostgresError {
  constructor(message: string, options?: { cause?: unknown }) {
    super('failed', message, options)
  }
}

export interface Postgres {
  inspect(): Promise<DataDirectory>
  /** Looks at the server. Never throws: what could not be learned is `unknown`. */
  observe(deadlineMs: number): Promise<PostgresObservation>

  /** Makes a new database system beside the final place, `staged`. Returns its identifier. */
  initialise(deadlineMs: number): Promise<SystemId>
  /** Throws a staged directory away. */
  discardStaged(): Promise<void>
  /** Makes the staged directory the data directory. */
  adoptStaged(): Promise<void>

  /**
   * Writes the configuration and, when the server runs, reloads. Does nothing when it is current. Once
   * it has returned, no receiver can connect to an upstream that was taken away, not even one that is
   * started by a process which has not read the new setting yet; a connected one ends soon.
   */
  configure(config: ServerConfig): Promise<void>
  /**
   * Starts the server under the guard and returns when it accepts pgherd's own connections. Ends every
   * process that a former server left in the directory first. `configure` must have been called.
   * @throws PostgresError
   */
  start(as: 'primary' | 'standby', deadlineMs: number): Promise<void>
  /** Returns when no process of the data directory is left. `fast`: clean; `immediate`: no checkpoint. */
  stop(mode: 'fast' | 'immediate', deadlineMs: number): Promise<void>
  /** Cuts client sessions (not replication, not pgherd's own). */
  terminateClients(deadlineMs: number): Promise<void>
  checkpoint(deadlineMs: number): Promise<void>

  /**
   * Places empty history files for every id below `timeline` that is missing, so that the server takes
   * this id, then promotes and returns when the server is out of recovery and on a new timeline.
   * @returns the timeline it really got; the caller verifies it
   */
  promote(timeline: TimelineId, deadlineMs: number): Promise<TimelineId>
  /** Branches that lead to `timeline`, which the server is on, from its history file. */
  history(timeline: TimelineId): Promise<TimelineHistory>

  /**
   * `synchronous_standby_names` as the postmaster has read it, with the signal sent to every process. A
   * session cannot tell: one that has an earlier reload before it reads the newest file, and shows it.
   */
  reloadedSyncSetting(deadlineMs: number): Promise<string>
  /** The gate by which the postmaster judges every connection that comes from now on. */
  reloadedGate(deadlineMs: number): Promise<ServerConfig['gate']>
  /** Writes a record of our own, flushed locally, and returns the position behind it. Waits for nobody. */
  markWal(deadlineMs: number): Promise<Lsn>
  /** 2.4 step 2a: makes a commit of our own and says whether it waits for synchronous commit. */
  probeSyncWait(deadlineMs: number): Promise<'waits' | 'returned'>
  terminateWalsender(pid: number, deadlineMs: number): Promise<void>
  /** Makes missing slots for these nodes and drops pgherd's slots for others. On standbys too. */
  ensureSlots(nodes: readonly NodeName[], deadlineMs: number): Promise<void>

  /**
   * Asks a server for its identity and the end of its flushed WAL at this moment, over the
   * replication protocol (IDENTIFY_SYSTEM).
   * @throws PostgresError
   */
  identify(
    source: Upstream,
    deadlineMs: number,
  ): Promise<{ readonly systemId: SystemId; readonly timeline: TimelineId; readonly lsn: Lsn }>

  /** Keeps the WAL after `forkLsn` of a stopped server aside; returns where, and how many commits are in it. */
  keepDivergedWal(
    forkLsn: Lsn | null,
    epoch: Epoch,
  ): Promise<{ readonly path: string; readonly commitCount: number | null }>
  /**
   * pg_rewind of a cleanly stopped server. The result is a standby.
   * @throws PostgresError DirectoryChangedError when its end is in doubt
   */
  rewind(
    source: Upstream,
    onProgress: (progress: CopyProgress) => void,
    signal: AbortSignal,
  ): Promise<void>
  /**
   * Copies `source` beside the present directory and replaces it only when the copy is complete and
   * verified; the old one is kept aside until the new one streams (I8). Once `signal` has aborted, nothing
   * is replaced any more.
   * @throws PostgresError DirectoryChangedError when it failed while it replaced
   */
  clone(
    source: Upstream,
    onProgress: (progress: CopyProgress) => void,
    signal: AbortSignal,
  ): Promise<void>
  /**
   * Calls `listener` with the server's own words when a client stopped waiting for standbys: its commit
   * is visible but not proven safe (safety.md 2.5).
   */
  onSyncWaitCancelled(listener: (line: string) => void): void
  /** The node streams again: what `clone` kept aside may go. */
  discardReplaced(): Promise<void>
}
