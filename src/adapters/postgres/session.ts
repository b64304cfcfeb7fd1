// One long-lived connection of our own to the local server: role `pgherd`, unix socket, SCRAM. Every
// query has a deadline; one that passes it costs the connection, because a client library cannot take
// back a query that the server does not answer. The next query opens a fresh one.

import { Socket } from 'node:net'
import pg from 'pg'
import { messageOf } from '../../lib/errors.ts'
import { PostgresError } from '../../ports/postgres.ts'
import { roles, type PostgresOptions } from './options.ts'

export type Row = Readonly<Record<string, unknown>>

/** Why there is no answer, in the words that decisions need. */
export type SessionFailure =
  /** Nobody listens on the socket. */
  | 'unreachable'
  /** The server is starting up, shutting down or recovering (SQLSTATE 57P03, 57P01). */
  | 'not-ready'
  /** The connection broke without a word. */
  | 'lost'
  | 'timeout'
  | 'error'

export class SessionError extends PostgresError {
  readonly failure: SessionFailure
  /** SQLSTATE, when the server gave one. */
  readonly sqlState: string | null
  constructor(failure: SessionFailure, sqlState: string | null, message: string, cause: unknown) {
    super(failure === 'timeout' ? 'timeout' : 'failed', message, { cause })
    this.failure = failure
    this.sqlState = sqlState
  }
}

export type SessionSettings = Readonly<Record<string, string>>

type Open = { readonly client: pg.Client; readonly socket: Socket; readonly pid: number }

export class Session {
  readonly #options: PostgresOptions
  readonly #name: string
  readonly #settings: SessionSettings
  #open: Promise<Open> | null = null
  #client: pg.Client | null = null

  /**
   * @param name what follows `pgherd ` in application_name
   * @param settings of the session, on top of those every session of ours has
   */
  constructor(options: PostgresOptions, name: string, settings: SessionSettings = {}) {
    this.#options = options
    this.#name = name
    // Our own bookkeeping never waits for standbys, and what operators set for clients is not for us.
    this.#settings = {
      synchronous_commit: 'local',
      statement_timeout: '60s',
      idle_session_timeout: '0',
      default_transaction_read_only: 'off',
      search_path: 'pg_catalog',
      ...settings,
    }
  }

  /**
   * Runs one statement, or several separated by semicolons (then without parameters, and the rows are
   * those of the last).
   * @throws SessionError
   */
  async query(
    sql: string,
    parameters: readonly unknown[],
    deadlineMs: number,
  ): Promise<readonly Row[]> {
    return this.#withDeadline(deadlineMs, async (open) => {
      const result: unknown = await (parameters.length === 0
        ? open.client.query(sql)
        : open.client.query(sql, [...parameters]))
      const last = (Array.isArray(result) ? result.at(-1) : result) as { rows: Row[] }
      return last.rows
    })
  }

  /**
   * Runs one statement that is planned once per connection: for what is asked over and over, where
   * planning costs more than running.
   * @param name unique per text
   * @throws SessionError
   */
  async queryPrepared(name: string, sql: string, deadlineMs: number): Promise<readonly Row[]> {
    return this.#withDeadline(deadlineMs, async ({ client }) => {
      const { rows } = await client.query<Record<string, unknown>>({ name, text: sql })
      return rows
    })
  }

  /** Opens the connection if need be; returns the process id of its backend. @throws SessionError */
  async connect(deadlineMs: number): Promise<number> {
    return this.#withDeadline(deadlineMs, async (open) => open.pid)
  }

  /** Drops the connection without a word; the next query opens another. */
  disconnect(): void {
    const open = this.#open
    this.#open = null
    open?.then(
      ({ socket }) => socket.destroy(),
      () => undefined,
    )
  }

  async #withDeadline<Result>(
    deadlineMs: number,
    use: (open: Open) => Promise<Result>,
  ): Promise<Result> {
    let timer: NodeJS.Timeout | undefined
    const timeout = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        this.disconnect()
        const why = `PostgreSQL did not answer within ${String(Math.round(deadlineMs))} ms`
        reject(new SessionError('timeout', null, why, undefined))
      }, deadlineMs)
    })
    const opening = (this.#open ??= this.#connect(deadlineMs))
    opening.catch(() => {
      if (this.#open === opening) this.#open = null
    })
    try {
      return await Promise.race([opening.then(use), timeout])
    } catch (error) {
      if (error instanceof SessionError) throw error
      const failure = classifyFailure(error)
      // An error of the statement leaves the connection usable, everything else does not.
      if (failure.failure !== 'error' || failure.sqlState === null) this.disconnect()
      throw failure
    } finally {
      clearTimeout(timer)
    }
  }

  async #connect(deadlineMs: number): Promise<Open> {
    const { socketDirectory, port, secrets } = this.#options
    const socket = new Socket()
    const settings = Object.entries(this.#settings)
    const client = new pg.Client({
      host: socketDirectory,
      port,
      user: roles.pgherd,
      password: secrets.pgherd,
      database: 'postgres',
      application_name: `pgherd ${this.#name}`,
      options: settings.map(([name, value]) => `-c ${name}=${value}`).join(' '),
      stream: () => socket,
      connectionTimeoutMillis: Math.max(1, Math.ceil(deadlineMs)),
    })
    // Without a listener a connection that breaks while idle would end the process.
    client.on('error', () => {
      this.#forget(client)
    })
    client.on('end', () => {
      this.#forget(client)
    })
    try {
      await client.connect()
    } catch (error) {
      socket.destroy()
      throw error
    }
    this.#client = client
    const { processID } = client as unknown as { readonly processID: number }
    return { client, socket, pid: processID }
  }

  #forget(client: pg.Client): void {
    if (this.#client === client) this.#open = null
  }
}

/** What an error of the client library means. */
export function classifyFailure(error: unknown): SessionError {
  const code = error instanceof Error && 'code' in error ? String(error.code) : null
  if (code === 'ECONNREFUSED' || code === 'ENOENT') {
    return new SessionError('unreachable', null, 'PostgreSQL does not listen', error)
  }
  if (code === '57P03' || code === '57P01' || code === '57P02') {
    return new SessionError('not-ready', code, messageOf(error), error)
  }
  if (
    code === 'ECONNRESET' ||
    code === 'EPIPE' ||
    /^Connection terminated/.test(messageOf(error))
  ) {
    return new SessionError('lost', null, 'the connection to PostgreSQL broke', error)
  }
  const isSqlState = code !== null && /^[0-9A-Z]{5}$/.test(code) && !code.startsWith('E')
  return new SessionError('error', isSqlState ? code : null, messageOf(error), error)
}
