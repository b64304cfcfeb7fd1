// The postmaster as a process: started, stopped and reloaded by somebody who outlives the agent (the
// guard). The PostgreSQL adapter uses it and never starts a server itself.

import type { PostgresEnd } from './guard.ts'

export type ServerCommand = {
  /** Absolute path of the `postgres` program. */
  readonly program: string
  readonly args: readonly string[]
  /** The whole environment: nothing is inherited. */
  readonly env: Readonly<Record<string, string>>
  /** Whom to become; null when this program already runs as the database user. */
  readonly runAs: { readonly uid: number; readonly gid: number } | null
  /** The server's standard output and error are appended here. */
  readonly logFile: string
  /** The log is cut beyond this; one older part is kept. */
  readonly logSizeMaxBytes: number
}

export type PostgresProcessState =
  /** Nobody can be asked now. */
  | { readonly kind: 'unknown'; readonly why: string }
  /** No server, and no process of the data directory that this guard knows of. */
  | { readonly kind: 'none' }
  | { readonly kind: 'running'; readonly pid: number; readonly as: 'primary' | 'standby' }

export interface PostgresProcess {
  /** From memory: what the guard said last. */
  state(): PostgresProcessState
  /**
   * Ends every process that a former server left in the data directory, then starts a server. Returns
   * when the postmaster exists, long before it accepts connections.
   * @throws PostgresError `refused` when one runs already, when the deadline has passed, or when a
   *   primary would run without a deadline; `timeout`; `failed` when the program cannot be run
   */
  start(as: 'primary' | 'standby', command: ServerCommand, deadlineMs: number): Promise<void>
  /**
   * Returns when no process of the data directory is left; at once when there is none.
   * @throws PostgresError `timeout`: the server is still stopping
   */
  stop(mode: 'fast' | 'immediate', deadlineMs: number): Promise<void>
  /** SIGHUP. Nothing happens when no server runs. */
  reload(): Promise<void>
  /**
   * Called when the server has ended and nothing of it is left.
   * @returns a function that ends the subscription
   */
  onEnd(listener: (end: PostgresEnd) => void): () => void
}
