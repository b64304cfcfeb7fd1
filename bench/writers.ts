// Clients that write one row after the other through the balancer and remember what they were told.
// They come back fast and without backing off, so that the outage they see is the cluster's.

import { Socket } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { Client } from 'pg'
import { messageOf } from '../src/lib/errors.ts'
import { readMonotonicMs } from '../src/host/monotonic.ts'
import type { Attempt, Outcome, Reign } from './attempt.ts'
import { isAcknowledged } from './attempt.ts'
import type { LedgerRow } from './ledger.ts'

/** How to reach PostgreSQL. */
export type Target = {
  readonly host: string
  readonly port: number
  readonly database: string
  readonly user: string
  readonly password: string
}

export type WriterPace = {
  readonly clientCount: number
  /** Between the answer to one write and the next write of the same client. */
  readonly pauseMs: number
  readonly connectTimeoutMs: number
  /** Between a failed connection and the next try. */
  readonly retryPauseMs: number
  /** After this long without an answer a write is `unknown` and its connection is thrown away. */
  readonly answerTimeoutMs: number
}

export const defaultPace: WriterPace = {
  clientCount: 4,
  pauseMs: 10,
  connectTimeoutMs: 300,
  retryPauseMs: 10,
  answerTimeoutMs: 10_000,
}

/**
 * What one ordinary application does: one connection with the defaults of libpq, which waits for a connection
 * as long as it takes (here 10 s, then it would be given up), and tries again at once when it is refused.
 */
export const ordinaryPace: WriterPace = { ...defaultPace, clientCount: 1, connectTimeoutMs: 10_000 }

/** A connection that could not be made. */
export type ConnectFailure = {
  /** When it was begun, and when it failed. */
  readonly begunAtMs: number
  readonly endedAtMs: number
  /** SQLSTATE as PostgreSQL said it; 08006 when the connection ended without a word. */
  readonly sqlState: string
}

const table = 'pgherd_ledger'

/** One run of writers: what belongs to it is told apart from other runs by its number. */
export class Writers {
  readonly #target: Target
  readonly #run: number
  readonly #pace: WriterPace
  readonly #attempts: Attempt[] = []
  readonly #listeners = new Set<() => void>()
  readonly #stopping = new AbortController()
  readonly #work: Promise<unknown>
  readonly #connectFailures: ConnectFailure[] = []

  private constructor(target: Target, run: number, pace: WriterPace) {
    this.#target = target
    this.#run = run
    this.#pace = pace
    const clients = Array.from({ length: pace.clientCount }, (_, client) => this.#write(client))
    this.#work = Promise.all(clients)
  }

  /** Starts writing at once. `prepareLedger` must have been called once for the cluster. */
  static start(target: Target, run: number, pace: WriterPace = defaultPace): Writers {
    return new Writers(target, run, pace)
  }

  /** Everything that has an outcome so far, in the order in which it was learned. */
  attempts(): readonly Attempt[] {
    return this.#attempts
  }

  /** Connections that could not be made so far. */
  connectFailures(): readonly ConnectFailure[] {
    return this.#connectFailures
  }

  /**
   * Resolves with the first attempt, past ones included, that `condition` holds for.
   * @param what is waited for, for the message
   * @throws Error after `withinMs`, with the last thing that went wrong
   */
  async waitFor(
    what: string,
    condition: (attempt: Attempt) => boolean,
    withinMs: number,
  ): Promise<Attempt> {
    const endsAtMs = readMonotonicMs() + withinMs
    let seen = 0
    for (;;) {
      for (; seen < this.#attempts.length; seen++) {
        const attempt = this.#attempts[seen]
        if (attempt !== undefined && condition(attempt)) return attempt
      }
      const leftMs = endsAtMs - readMonotonicMs()
      if (leftMs <= 0)
        throw new Error(`not within ${withinMs} ms: ${what} (${this.#lastTrouble()})`)
      await this.#nextAttempt(leftMs)
    }
  }

  /** Waits until every client has had a commit acknowledged after now. */
  async waitForAll(withinMs: number): Promise<void> {
    const sinceMs = readMonotonicMs()
    const clients = Array.from({ length: this.#pace.clientCount }, (_, client) => client)
    await Promise.all(
      clients.map((client) =>
        this.waitFor(
          `client ${client} writes`,
          (attempt) =>
            attempt.client === client && attempt.sentAtMs > sinceMs && isAcknowledged(attempt),
          withinMs,
        ),
      ),
    )
  }

  /** Lets every client finish its attempt and closes all connections. @returns all attempts */
  async stop(): Promise<readonly Attempt[]> {
    this.#stopping.abort()
    await this.#work
    return this.#attempts
  }

  async #write(client: number): Promise<void> {
    let sequence = 0
    const { signal } = this.#stopping
    while (!signal.aborted) {
      const begunAtMs = readMonotonicMs()
      const connection = await Connection.open(this.#target, this.#pace)
      if (!(connection instanceof Connection)) {
        const endedAtMs = readMonotonicMs()
        this.#connectFailures.push({ begunAtMs, endedAtMs, sqlState: connection.sqlState })
        await this.#pause(this.#pace.retryPauseMs)
        continue
      }
      while (connection.isUsable()) {
        sequence += 1
        this.#note(await connection.attempt(this.#run, client, sequence))
        await this.#pause(this.#pace.pauseMs)
        if (this.#stopping.signal.aborted) connection.close()
      }
    }
  }

  #note(attempt: Attempt): void {
    this.#attempts.push(attempt)
    for (const listener of this.#listeners) listener()
  }

  async #nextAttempt(withinMs: number): Promise<void> {
    const waiting = new AbortController()
    const listener = (): void => waiting.abort()
    this.#listeners.add(listener)
    await pause(withinMs, undefined, { signal: waiting.signal }).catch(() => undefined)
    this.#listeners.delete(listener)
  }

  async #pause(durationMs: number): Promise<void> {
    await pause(durationMs, undefined, { signal: this.#stopping.signal }).catch(() => undefined)
  }

  #lastTrouble(): string {
    const trouble = this.#attempts.findLast((attempt) => attempt.why !== null)
    const refused = `${this.#connectFailures.length} refused connections`
    return trouble?.why === null || trouble === undefined ? refused : `${trouble.why}; ${refused}`
  }
}

/** One connection with a socket of our own, so that it can be cut when it has gone silent. */
class Connection {
  readonly #client: Client
  readonly #socket: Socket
  readonly #pace: WriterPace
  #isUsable = true
  /** PostgreSQL's warning that a commit was not awaited; it comes before the answer. */
  #warning: string | null = null

  private constructor(client: Client, socket: Socket, pace: WriterPace) {
    this.#client = client
    this.#socket = socket
    this.#pace = pace
    client.on('error', () => this.close())
    client.on('end', () => this.close())
    client.on('notice', (notice) => {
      if (notice.severity === 'WARNING') this.#warning = notice.message ?? 'warning'
    })
  }

  static async open(
    target: Target,
    pace: WriterPace,
  ): Promise<Connection | Pick<ConnectFailure, 'sqlState'>> {
    const socket = new Socket()
    socket.setNoDelay(true)
    const client = new Client({
      ...target,
      connectionTimeoutMillis: pace.connectTimeoutMs,
      application_name: 'pgherd-ledger',
      stream: () => socket,
    })
    const connection = new Connection(client, socket, pace)
    try {
      await client.connect()
      return connection
    } catch (error) {
      connection.close()
      return { sqlState: sqlStateOf(error) }
    }
  }

  isUsable(): boolean {
    return this.#isUsable
  }

  close(): void {
    this.#isUsable = false
    this.#socket.destroy()
  }

  async attempt(run: number, client: number, sequence: number): Promise<Attempt> {
    this.#takeWarning()
    const sentAtMs = readMonotonicMs()
    const end = (outcome: Outcome, reign: Reign | null, why: string | null): Attempt => {
      const endedAtMs = readMonotonicMs()
      return { client, sequence, sentAtMs, endedAtMs, outcome, reign, why }
    }
    try {
      const answer = await this.#query(insertText(run, client, sequence))
      const warning = this.#takeWarning()
      if (warning !== null) return end('unknown', null, warning)
      return end('acknowledged', parseReign(answer), null)
    } catch (error) {
      const isRefused = isRefusal(error)
      if (!isRefused) this.close()
      return end(isRefused ? 'failed' : 'unknown', null, messageOf(error))
    }
  }

  #takeWarning(): string | null {
    const warning = this.#warning
    this.#warning = null
    return warning
  }

  async #query(text: string): Promise<unknown> {
    const overdue = setTimeout(() => this.close(), this.#pace.answerTimeoutMs)
    try {
      const { rows } = await this.#client.query<Record<string, unknown>>(text)
      return rows[0]
    } finally {
      clearTimeout(overdue)
    }
  }
}

function sqlStateOf(error: unknown): string {
  const code = error instanceof Error && 'severity' in error && 'code' in error ? error.code : null
  return typeof code === 'string' ? code : '08006'
}

/**
 * Whether the server said that nothing was committed: an ERROR for the statement. FATAL ends a session
 * at any point, also after the commit, and so does a broken connection.
 */
function isRefusal(error: unknown): boolean {
  return error instanceof Error && 'severity' in error && error.severity === 'ERROR'
}

const serverText = `host(inet_server_addr()) || ':' || inet_server_port()`

// One statement in the simple protocol: it is its own transaction, and its answer comes after the commit.
function insertText(run: number, client: number, sequence: number): string {
  return (
    `insert into ${table} (run, client, sequence, server, timeline) ` +
    `values (${run}, ${client}, ${sequence}, ${serverText}, ` +
    `('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::int) ` +
    'returning server, timeline, extract(epoch from pg_postmaster_start_time())::float8 as started'
  )
}

function parseReign(row: unknown): Reign {
  const { server, timeline, started } = row as Omit<Reign, 'startedAtMs'> & { started: number }
  return { server, timeline, startedAtMs: Math.round(started * 1000) }
}

/** Makes the table that the writers write to. Idempotent. */
export async function prepareLedger(target: Target): Promise<void> {
  await withClient(target, async (client) => {
    // No key: a row that is there twice must be found, not refused.
    await client.query(
      `create table if not exists ${table}
       (run int not null, client int not null, sequence int not null,
        server text not null, timeline int not null)`,
    )
  })
}

/** Everything that the cluster holds of one run. */
export async function readLedger(target: Target, run: number): Promise<readonly LedgerRow[]> {
  return withClient(target, async (client) => {
    const { rows } = await client.query<LedgerRow>(
      `select client, sequence, server, timeline from ${table} where run = $1`,
      [run],
    )
    return rows
  })
}

/** The same on two servers exactly when (but for chance) they hold the same rows of this run. */
export async function fingerprintLedger(target: Target, run: number): Promise<string> {
  return withClient(target, async (client) => {
    const { rows } = await client.query<{ print: string }>(
      `select count(*) || ':' || coalesce(sum(hashtextextended(l::text, 0)::numeric), 0) as print
       from ${table} l where run = $1`,
      [run],
    )
    return rows[0]?.print ?? ''
  })
}

/** A connection for one piece of work, closed afterwards whatever happens. */
export async function withClient<Result>(
  target: Target,
  work: (client: Client) => Promise<Result>,
): Promise<Result> {
  const client = new Client({
    ...target,
    connectionTimeoutMillis: 5000,
    query_timeout: 60_000,
    application_name: 'pgherd-bench',
  })
  client.on('error', () => undefined)
  await client.connect()
  try {
    return await work(client)
  } finally {
    await client.end().catch(() => undefined)
  }
}
