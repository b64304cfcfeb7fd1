// Short visits to another server as the replication role: who it is, and whether pg_rewind can read it.

import { Socket } from 'node:net'
import pg from 'pg'
import type { SystemId, TimelineId } from '../../core/names.ts'
import { parseLsn, type Lsn } from '../../core/lsn.ts'
import type { Upstream } from '../../core/server.ts'
import { messageOf } from '../../lib/errors.ts'
import type { Clock } from '../../ports/clock.ts'
import { PostgresError } from '../../ports/postgres.ts'
import { roles, type PostgresOptions } from './options.ts'

export type Server = { readonly host: string; readonly port: number }

type VisitOptions = {
  /** Longest time for connecting, and for one answer. */
  readonly deadlineMs: number
  readonly isReplication?: boolean
  /** Ends the visit at once, also in the middle of a query. */
  readonly signal?: AbortSignal
}

const connectMsMax = 10_000

async function visit<Result>(
  options: PostgresOptions,
  server: Server,
  { deadlineMs, isReplication = false, signal }: VisitOptions,
  use: (client: pg.Client) => Promise<Result>,
): Promise<Result> {
  const socket = new Socket()
  const config = {
    host: server.host,
    port: server.port,
    user: roles.replication,
    password: options.secrets.replication,
    database: 'postgres',
    application_name: `pgherd_visit ${options.node}`,
    connectionTimeoutMillis: Math.min(deadlineMs, connectMsMax),
    query_timeout: deadlineMs,
    // A host that loses power says nothing: probed from 5 s on, given up some ten seconds later.
    keepAlive: true,
    keepAliveInitialDelayMillis: 5000,
    stream: () => socket,
    // Understood by the library, missing in its types.
    ...(isReplication ? { replication: 'true' } : {}),
  }
  const client = new pg.Client(config)
  client.on('error', () => undefined)
  const abort = (): void => {
    socket.destroy()
  }
  signal?.addEventListener('abort', abort, { once: true })
  const where = `${server.host}:${String(server.port)}`
  try {
    if (signal?.aborted === true)
      throw new PostgresError('timeout', `${where} is not asked any more`)
    await client.connect()
    return await use(client)
  } catch (error) {
    if (error instanceof PostgresError) throw error
    if (signal?.aborted === true) {
      throw new PostgresError('timeout', `the visit to ${where} was aborted`, { cause: error })
    }
    throw new PostgresError('failed', `${where} does not answer: ${messageOf(error)}`, {
      cause: error,
    })
  } finally {
    signal?.removeEventListener('abort', abort)
    // Politely, but without waiting for a server that may be silent.
    void client.end().catch(() => undefined)
  }
}

/** IDENTIFY_SYSTEM. @throws PostgresError */
export async function identifyServer(
  options: PostgresOptions,
  server: Server,
  deadlineMs: number,
): Promise<{ readonly systemId: SystemId; readonly timeline: TimelineId; readonly lsn: Lsn }> {
  return visit(options, server, { isReplication: true, deadlineMs }, async (client) => {
    const result = await client.query<Record<string, unknown>>('IDENTIFY_SYSTEM')
    const row = result.rows[0]
    if (row === undefined) throw new PostgresError('failed', 'IDENTIFY_SYSTEM answered nothing')
    return {
      systemId: String(row['systemid']) as SystemId,
      timeline: Number(row['timeline']) as TimelineId,
      lsn: parseLsn(String(row['xlogpos'])),
    }
  })
}

const pollMs = 100
/** A checkpoint writes every changed page: with much memory and slow disks that takes minutes. */
const checkpointMsMax = 600_000

/**
 * Returns when the control file of a primary names its present timeline. Right after a promotion it does
 * not, and pg_rewind (before 16) would find nothing to rewind. From 15 on the checkpoint that changes it is
 * asked for; 14 comes to it by itself after a promotion. From before that checkpoint on, our slot holds
 * what this node will have to stream.
 * @throws PostgresError `timeout` when `signal` aborts
 */
export async function awaitCheckpointedTimeline(
  options: PostgresOptions,
  source: Upstream,
  clock: Clock,
  signal: AbortSignal,
): Promise<void> {
  const mayAsk = options.binaries.version.major >= 15
  await visit(options, source, { deadlineMs: checkpointMsMax, signal }, async (client) => {
    await reserveSlot(client, source.slotName)
    if (await isTimelineOnDisk(client)) return
    if (mayAsk) await client.query('checkpoint')
    while (!(await isTimelineOnDisk(client))) {
      await clock.sleep(pollMs, signal)
      signal.throwIfAborted()
    }
  })
}

/** A slot made while the server was a standby holds nothing until it is used for the first time. */
async function reserveSlot(client: pg.Client, name: string): Promise<void> {
  await client.query(
    `select pg_drop_replication_slot(slot_name) from pg_replication_slots
     where slot_name = $1 and not active and restart_lsn is null`,
    [name],
  )
  await client.query(
    `select pg_create_physical_replication_slot($1, true)
     where not exists (select from pg_replication_slots where slot_name = $1)`,
    [name],
  )
}

async function isTimelineOnDisk(client: pg.Client): Promise<boolean> {
  const { rows } = await client.query<{ on_disk: number; present: string | null }>(
    `select timeline_id as on_disk,
       case when not pg_is_in_recovery()
         then substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8) end as present
     from pg_control_checkpoint()`,
  )
  const row = rows[0]
  if (row === undefined) throw new PostgresError('failed', 'the source says nothing')
  if (row.present === null) throw new PostgresError('refused', 'the source is no primary')
  return row.on_disk === Number.parseInt(row.present, 16)
}

/** What can be read of a primary during one visit. */
export type SourceReader = {
  /** How far it has flushed its WAL. @throws PostgresError */
  flushedLsn(): Promise<Lsn>
  /**
   * Part of a file, as pg_rewind reads it.
   * @param name from the data directory on
   * @throws PostgresError also when the file is shorter
   */
  file(name: string, offset: number, length: number): Promise<Buffer>
}

const fileDeadlineMs = 10_000

/** Reads whatever `use` asks for, over one connection. @throws PostgresError */
export async function readSource<Result>(
  options: PostgresOptions,
  server: Server,
  signal: AbortSignal,
  use: (source: SourceReader) => Promise<Result>,
): Promise<Result> {
  return visit(options, server, { deadlineMs: fileDeadlineMs, signal }, (client) =>
    use({
      async flushedLsn() {
        const { rows } = await client.query<{ lsn: string }>(
          'select pg_current_wal_flush_lsn() as lsn',
        )
        return parseLsn(rows[0]?.lsn ?? '')
      },
      async file(name, offset, length) {
        const { rows } = await client.query<{ bytes: Buffer | null }>(
          'select pg_read_binary_file($1, $2, $3, true) as bytes',
          [name, offset, length],
        )
        const bytes = rows[0]?.bytes ?? null
        if (bytes?.length === length) return bytes
        throw new PostgresError('failed', `the source has no ${name} of that length`)
      },
    }),
  )
}
