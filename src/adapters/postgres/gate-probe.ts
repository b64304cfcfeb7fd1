// Knocks at the server's own door as an application would: what the postmaster really lets in, which is
// not what the file says until it has read it.

import { Socket } from 'node:net'
import pg from 'pg'
import type { PostgresOptions } from './options.ts'
import { classifyFailure } from './session.ts'

/** No entry of pg_hba.conf, or one that rejects (invalid_authorization_specification). */
const refusedSqlState = '28000'

/** Thrown when the server asks for a password: it would let a client in. */
class PasswordAsked extends Error {}

/**
 * The gate by which the postmaster judges connections from now on. A connection that is refused costs no
 * password, so this is much cheaper than a session.
 * @throws SessionError when the server does not answer, or with something else
 */
export async function knock(
  options: PostgresOptions,
  deadlineMs: number,
): Promise<'open' | 'closed'> {
  const socket = new Socket()
  const client = new pg.Client({
    host: options.socketDirectory,
    port: options.port,
    user: options.application.user,
    database: options.application.database,
    application_name: 'pgherd gate',
    password: () => {
      throw new PasswordAsked()
    },
    stream: () => socket,
    connectionTimeoutMillis: Math.max(1, Math.ceil(deadlineMs)),
  })
  client.on('error', () => undefined)
  try {
    await client.connect()
    return 'open'
  } catch (error) {
    if (error instanceof PasswordAsked) return 'open'
    const failure = classifyFailure(error)
    if (failure.sqlState === refusedSqlState) return 'closed'
    throw failure
  } finally {
    socket.destroy()
  }
}
