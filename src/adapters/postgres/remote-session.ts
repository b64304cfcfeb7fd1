// Short visits to another server as the replication role: who it is, and whether pg_rewind can read it.

import pg from 'pg'
import type { SystemId, TimelineId } from '../../core/names.ts'
import { parseLsn, type Lsn } from '../../core/lsn.ts'
import { messageOf } from '../../lib/errors.ts'
import type { Clock } from '../../ports/clock.ts'
import { PostgresError } from '../../ports/postgres.ts'
import { roles, type PostgresOptions } from './options.ts'

export type Server = { readonly host: string; readonly port: number }

async function visit<Result>(
  options: PostgresOptions,
  server: Server,
  isReplication: boolean,
  deadlineMs: number,
  use: (client: pg.Client) => Promise<Result>,
): Promise<Result> {
  const config = {
    host: server.host,
    port: server.port,
    user: roles.replication,
    password: options.secrets.replication,
    database: 'postgres',
    application_name: `pgherd_visit ${options.node}`,
    connectionTimeoutMillis: deadlineMs,
    query_timeout: deadlineMs,
    // Understood by the library, missing in its types.
    ...(isReplication ? { replication: 'true' } : {}),
  }
  const client = new pg.Client(config)
  client.on('error', () => undefined)
  try {
    await client.connect()
    return await use(client)
  } catch (error) {
    if (error instanceof PostgresError) throw error
    const where = `${server.host}:${String(server.port)}`
    throw new PostgresError('failed', `${where} does not answer: ${messageOf(error)}`, {
      cause: error,
    })
  } finally {
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
  return visit(options, server, true, deadlineMs, async (client) => {
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

/**
 * Returns when the control file of a primary names its present timeline. Right after a promotion it does
 * not, and pg_rewind (before 16) would find nothing to rewind. From 15 on the checkpoint that changes it is
 * asked for; 14 comes to it by itself after a promotion.
 * @throws PostgresError
 */
export async function awaitCheckpointedTimeline(
  options: PostgresOptions,
  server: Server,
  clock: Clock,
  signal: AbortSignal,
): Promise<void> {
  const deadlineMs = 10_000
  while (!signal.aborted) {
    const isCurrent = await visit(options, server, false, deadlineMs, async (client) => {
      const { rows } = await client.query<{ on_disk: number; present: string | null }>(
        `select timeline_id as on_disk,
           case when not pg_is_in_recovery()
             then substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8) end as present
         from pg_control_checkpoint()`,
      )
      const row = rows[0]
      if (row === undefined) throw new PostgresError('failed', 'the source says nothing')
      if (row.present === null) throw new PostgresError('refused', 'the source is no primary')
      if (row.on_disk === Number.parseInt(row.present, 16)) return true
      if (options.binaries.version.major >= 15) await client.query('checkpoint')
      return false
    })
    if (isCurrent) return
    await clock.sleep(pollMs, signal)
  }
  throw new PostgresError('timeout', 'aborted before the source was ready for pg_rewind')
}

const fileDeadlineMs = 10_000

/** How far a primary has flushed its WAL. @throws PostgresError */
export async function readFlushedLsn(options: PostgresOptions, server: Server): Promise<Lsn> {
  return visit(options, server, false, fileDeadlineMs, async (client) => {
    const { rows } = await client.query<{ lsn: string }>('select pg_current_wal_flush_lsn() as lsn')
    return parseLsn(rows[0]?.lsn ?? '')
  })
}

/**
 * Part of a file in another server's data directory, as pg_rewind reads it.
 * @param name from the data directory on
 * @throws PostgresError also when the file is shorter
 */
export async function readServerFile(
  options: PostgresOptions,
  server: Server,
  name: string,
  offset: number,
  length: number,
): Promise<Buffer> {
  return visit(options, server, false, fileDeadlineMs, async (client) => {
    const { rows } = await client.query<{ bytes: Buffer | null }>(
      'select pg_read_binary_file($1, $2, $3, true) as bytes',
      [name, offset, length],
    )
    const bytes = rows[0]?.bytes ?? null
    if (bytes?.length === length) return bytes
    throw new PostgresError('failed', `the source has no ${name} of that length`)
  })
}
