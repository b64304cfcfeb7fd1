// Looks at the running server in one round trip and says what it is: standby or primary, how far, who
// streams from it.

import type { TimelineId } from '../../core/names.ts'
import { lsnZero, parseLsn, type Lsn } from '../../core/lsn.ts'
import type { PostgresObservation, Upstream, Walsender } from '../../core/server.ts'
import type { EndOfWal } from './end-of-wal.ts'
import type { Session, Row } from './session.ts'
import { roles } from './options.ts'
import { newestTimelineAt, readHistory, timelineAt } from './timeline-files.ts'

type Standby = Extract<PostgresObservation, { kind: 'standby' }>
type Primary = Extract<PostgresObservation, { kind: 'primary' }>

// pg_walfile_name and the current LSNs refuse to work in recovery, the CASE keeps them from being called.
// Columns are worked out in this order: the receiver comes before what it has received, so that without
// one the end of it is final.
const observationSql = `
select r.in_recovery,
  current_setting('wal_segment_size') as segment_size,
  case when not r.in_recovery then pg_current_wal_flush_lsn()::text end as flush_lsn,
  case when not r.in_recovery
    then substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8) end as timeline_hex,
  case when not r.in_recovery then current_setting('synchronous_standby_names') end as sync_names,
  case when not r.in_recovery then (
    select coalesce(json_agg(json_build_object(
      'pid', pid, 'application_name', application_name, 'state', state,
      'flush_lsn', flush_lsn::text, 'replay_lsn', replay_lsn::text,
      'sync_priority', sync_priority, 'sync_state', sync_state)), '[]'::json)
    from pg_stat_replication) end as walsenders,
  case when not r.in_recovery then (
    select count(*)::int from pg_stat_activity
    where wait_event = 'SyncRep' and usename is distinct from '${roles.pgherd}') end as sync_waiters,
  case when r.in_recovery then current_setting('primary_conninfo') <> '' end as has_upstream,
  case when r.in_recovery then exists (
    select 1 from pg_stat_activity where backend_type = 'walreceiver') end as has_receiver,
  case when r.in_recovery then (
    select json_build_object('status', status, 'received_tli', received_tli,
      'sender_host', sender_host, 'sender_port', sender_port)
    from pg_stat_wal_receiver) end as receiver,
  case when r.in_recovery then pg_last_wal_receive_lsn()::text end as receive_lsn,
  case when r.in_recovery then (
    select wait_event from pg_stat_activity where backend_type = 'startup') end as startup_wait,
  case when r.in_recovery then pg_last_wal_replay_lsn()::text end as replay_lsn
from (select pg_is_in_recovery() as in_recovery) r`

type Receiver = {
  readonly status: string | null
  readonly received_tli: number | null
  readonly sender_host: string | null
  readonly sender_port: number | null
}

export class Observer {
  readonly #session: Session
  readonly #dataDirectory: string
  readonly #endOfWal: EndOfWal
  /** Consecutive looks in which the server was known to use a configuration without an upstream. */
  #detachedLooks = 0

  constructor(session: Session, dataDirectory: string, endOfWal: EndOfWal) {
    this.#session = session
    this.#dataDirectory = dataDirectory
    this.#endOfWal = endOfWal
  }

  /**
   * @param upstream what the standby is to stream from; undefined when a former agent told it and this
   *   one does not know: then any stream counts
   * @throws SessionError, RangeError on an answer that makes no sense
   */
  async look(
    upstream: Upstream | null | undefined,
    deadlineMs: number,
  ): Promise<Primary | Omit<Standby, 'trouble'>> {
    const [row] = await this.#session.queryPrepared('look', observationSql, deadlineMs)
    if (row === undefined) throw new RangeError('the server answered with nothing')
    if (row['in_recovery'] === true) return this.#readStandby(row, upstream)
    this.#endOfWal.reset()
    this.#detachedLooks = 0
    return readPrimary(row)
  }

  async #readStandby(
    row: Row,
    upstream: Upstream | null | undefined,
  ): Promise<Omit<Standby, 'trouble'>> {
    const receiver = row['receiver'] as Receiver | null
    const mayReceive = this.#mayStillReceive(row, upstream)
    const isReceiving = row['has_receiver'] === true || receiver !== null || mayReceive
    const receiveLsn = lsnOrZero(row['receive_lsn'])
    const replayLsn = lsnOrZero(row['replay_lsn'])
    const segmentBytes = parseSize(String(row['segment_size']))
    const startupWait = typeof row['startup_wait'] === 'string' ? row['startup_wait'] : null
    const isAtEndOfWal = await this.#endOfWal.isReached({
      isReceiving,
      startupWait,
      receiveLsn,
      replayLsn,
      segmentBytes,
    })
    // After the receiver is gone and everything was read, bytes beyond the last record are part of a
    // record that never became whole: no commit, and nothing that stands in the way of following.
    const flushLsn =
      isAtEndOfWal && !isReceiving ? replayLsn : (Math.max(receiveLsn, replayLsn) as Lsn)
    const timeline = await this.#timelineOf(receiver, flushLsn, segmentBytes)
    return {
      kind: 'standby',
      position: { timeline, flushLsn },
      replayLsn,
      isReceiving,
      isStreaming: receiver?.status === 'streaming' && isFrom(receiver, upstream),
      receivingFrom: senderOf(receiver),
      isAtEndOfWal,
    }
  }

  /**
   * Whether the startup process might still start a receiver for the upstream that was taken away. The
   * postmaster passes a reload on to our backend and then, a moment later, to the startup process, which
   * reads it when its retry sleep ends and before it asks for a receiver (xlogrecovery.c,
   * WaitForWALToBecomeAvailable). So once our backend has seen the new setting, the next look is the
   * first that proves something.
   */
  #mayStillReceive(row: Row, upstream: Upstream | null | undefined): boolean {
    if (upstream !== null || row['has_upstream'] === true) {
      this.#detachedLooks = 0
      return upstream === null
    }
    this.#detachedLooks += 1
    return this.#detachedLooks < 2
  }

  /**
   * The timeline of the WAL that ends at `lsn`. The receiver knows what it receives; without one, the
   * newest segment file that holds the place does. Either may begin before the branch does.
   */
  async #timelineOf(
    receiver: Receiver | null,
    lsn: Lsn,
    segmentBytes: number,
  ): Promise<TimelineId> {
    const received = receiver?.received_tli ?? null
    const onDisk = await newestTimelineAt(this.#dataDirectory, lsn, segmentBytes)
    const newest = Math.max(received ?? 0, onDisk ?? 0) as TimelineId
    if (newest === 0) throw new RangeError('no WAL file holds the end of the replayed WAL')
    const history = await readHistory(this.#dataDirectory, newest)
    if (history === null) throw new RangeError(`the history of timeline ${newest} is not here yet`)
    return timelineAt(lsn, newest, history)
  }
}

function readPrimary(row: Row): Primary {
  const walsenders = row['walsenders'] as readonly Record<string, unknown>[]
  return {
    kind: 'primary',
    position: {
      timeline: Number.parseInt(String(row['timeline_hex']), 16) as TimelineId,
      flushLsn: parseLsn(String(row['flush_lsn'])),
    },
    walsenders: walsenders.map(readWalsender),
    syncWaiterCount: Number(row['sync_waiters']),
    syncSettingText: String(row['sync_names']),
  }
}

function readWalsender(entry: Readonly<Record<string, unknown>>): Walsender {
  const lsn = (value: unknown): Lsn | null => (typeof value === 'string' ? parseLsn(value) : null)
  return {
    pid: Number(entry['pid']),
    applicationName: String(entry['application_name']),
    state: String(entry['state']),
    flushLsn: lsn(entry['flush_lsn']),
    replayLsn: lsn(entry['replay_lsn']),
    syncPriority: Number(entry['sync_priority']),
    syncState: String(entry['sync_state']),
  }
}

function senderOf(receiver: Receiver | null): Standby['receivingFrom'] {
  const host = receiver?.sender_host ?? null
  const port = receiver?.sender_port ?? null
  return host === null || port === null ? null : { host, port }
}

function isFrom(receiver: Receiver, upstream: Upstream | null | undefined): boolean {
  if (upstream === undefined) return true
  return (
    upstream !== null &&
    receiver.sender_host === upstream.host &&
    receiver.sender_port === upstream.port
  )
}

function lsnOrZero(value: unknown): Lsn {
  return typeof value === 'string' ? parseLsn(value) : lsnZero
}

/** Bytes of a setting as `16MB` or `1GB`. */
function parseSize(text: string): number {
  const match = /^(\d+)(B|kB|MB|GB)?$/.exec(text)
  if (match === null) throw new RangeError(`not a size: ${text}`)
  const factors = { B: 1, kB: 2 ** 10, MB: 2 ** 20, GB: 2 ** 30 } as const
  return Number(match[1]) * factors[(match[2] ?? 'B') as keyof typeof factors]
}
