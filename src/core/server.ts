// A PostgreSQL server and its directory as plain data: what was observed, what is wanted.

import type { Incarnation, NodeName, SystemId, TimelineId } from './names.ts'
import type { Lsn } from './lsn.ts'
import type { WalPosition } from './position.ts'
import type { SyncSetting } from './sync-list.ts'

/** A server to stream from. */
export type Upstream = {
  readonly node: NodeName
  readonly host: string
  readonly port: number
  readonly slotName: string
  /** The incarnation under which this node counts. */
  readonly applicationName: Incarnation
}

/** Everything that a running server takes over by reload. */
export type ServerConfig = {
  /** Null: receives nothing. */
  readonly upstream: Upstream | null
  readonly sync: SyncSetting
  /** `closed`: only pgherd itself and replication get in; `open`: clients too. */
  readonly gate: 'closed' | 'open'
}

/** What one walsender of a primary says (pg_stat_replication). */
export type Walsender = {
  readonly pid: number
  readonly applicationName: string
  readonly state: string
  readonly flushLsn: Lsn | null
  readonly replayLsn: Lsn | null
  /** 0 when this walsender does not use a list with its name in it. */
  readonly syncPriority: number
  readonly syncState: string
}

export type PostgresObservation =
  /** No answer in time, or an answer that says nothing. Never "stopped". */
  | { readonly kind: 'unknown'; readonly why: string }
  /** There is no data directory. */
  | { readonly kind: 'absent' }
  /** No process of the data directory is left. */
  | { readonly kind: 'stopped' }
  /** A postmaster runs and does not accept connections yet, or is shutting down. */
  | { readonly kind: 'starting' }
  | {
      readonly kind: 'standby'
      /** End of flushed WAL. Exact only while `isReceiving` is false and `isAtEndOfWal` is true. */
      readonly position: WalPosition
      readonly replayLsn: Lsn
      /** A WAL receiver process exists. */
      readonly isReceiving: boolean
      /** It streams (status `streaming`) from this application name's configured upstream. */
      readonly isStreaming: boolean
      /** Host and port the receiver is connected to. */
      readonly receivingFrom: { readonly host: string; readonly port: number } | null
      /** Local WAL has been read to its end, nothing is left to replay. */
      readonly isAtEndOfWal: boolean
      /** What its log says about why it cannot stream: the primary no longer has the WAL it needs. */
      readonly trouble: 'wal-removed' | null
    }
  | {
      readonly kind: 'primary'
      readonly position: WalPosition
      readonly walsenders: readonly Walsender[]
      /** Clients that wait for synchronous commit now. */
      readonly syncWaiterCount: number
      /** What SHOW synchronous_standby_names says to a new transaction. */
      readonly syncSettingText: string
    }

/** A directory as it lies on disk, without a server. */
export type DataDirectory =
  | { readonly kind: 'absent' }
  | {
      readonly kind: 'present'
      readonly systemId: SystemId
      /** Started next, it would come up as a standby (standby.signal). */
      readonly isStandby: boolean
      /** The last shutdown was clean (pg_controldata). */
      readonly isClean: boolean
      readonly timeline: TimelineId
    }
  /** Made by a bootstrap that was not recorded yet: may be thrown away. */
  | { readonly kind: 'staged'; readonly systemId: SystemId }
  | { readonly kind: 'broken'; readonly why: string }
