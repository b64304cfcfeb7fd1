// Records of our own in WAL: to mark a position, and to see whether a commit waits for standbys. They
// are logical messages, which nobody reads: no table, no row, nothing to clean up.

import { parseLsn, type Lsn } from '../../core/lsn.ts'
import type { Clock } from '../../ports/clock.ts'
import { PostgresError } from '../../ports/postgres.ts'
import type { PostgresOptions } from './options.ts'
import { Session } from './session.ts'

const message = "pg_logical_emit_message(true, 'pgherd', 'mark')"
const pollMs = 5
// A commit that waits holds its connection until the list can be satisfied. More than this many are
// never left behind.
const hangingMax = 4

/**
 * Commits a record without waiting for standbys and returns the flushed position behind it.
 * @throws SessionError
 */
export async function writeMark(session: Session, deadlineMs: number): Promise<Lsn> {
  const [row] = await session.query(
    `begin; set local synchronous_commit = local; select ${message}; commit;
     select pg_current_wal_flush_lsn()::text as lsn`,
    [],
    deadlineMs,
  )
  return parseLsn(String(row?.['lsn']))
}

export class SyncProbe {
  readonly #options: PostgresOptions
  readonly #clock: Clock
  readonly #control: Session
  readonly #hanging = new Set<Session>()

  constructor(options: PostgresOptions, clock: Clock, control: Session) {
    this.#options = options
    this.#clock = clock
    this.#control = control
  }

  /**
   * Commits on a connection of its own and watches it from another. A commit that waits is left alone:
   * to cancel it would make PostgreSQL report it as committed locally only. It ends when the list can be
   * satisfied, or with the server.
   * @throws PostgresError `timeout` when neither was seen
   */
  async run(deadlineMs: number): Promise<'waits' | 'returned'> {
    const giveUpAtMs = this.#clock.monotonicMs() + deadlineMs
    const leftMs = (): number => Math.max(1, giveUpAtMs - this.#clock.monotonicMs())
    const session = new Session(this.#options, 'sync probe', {
      synchronous_commit: 'on',
      statement_timeout: '0',
    })
    const pid = await session.connect(leftMs())
    this.#hanging.add(session)
    let outcome: 'returned' | { readonly error: unknown } | null = null
    session
      .query(`select ${message}`, [], maxTimerMs)
      .then(
        () => {
          outcome = 'returned'
        },
        (error: unknown) => {
          outcome = { error }
        },
      )
      .finally(() => {
        this.#hanging.delete(session)
        session.disconnect()
      })
    for (;;) {
      const seen = outcome as 'returned' | { readonly error: unknown } | null
      if (seen === 'returned') return 'returned'
      if (seen !== null)
        throw new PostgresError('failed', 'the probe failed', { cause: seen.error })
      if (giveUpAtMs <= this.#clock.monotonicMs()) {
        throw new PostgresError('timeout', 'the probe neither waited nor returned')
      }
      if (await this.#isWaiting(pid, leftMs())) {
        this.#limitHanging()
        return 'waits'
      }
      await this.#clock.sleep(pollMs)
    }
  }

  /** Forgets connections that still wait; their backends end with the server or with their wait. */
  close(): void {
    for (const session of this.#hanging) session.disconnect()
    this.#hanging.clear()
  }

  async #isWaiting(pid: number, deadlineMs: number): Promise<boolean> {
    const rows = await this.#control.query(
      "select 1 from pg_stat_activity where pid = $1 and wait_event = 'SyncRep'",
      [pid],
      deadlineMs,
    )
    return rows.length > 0
  }

  #limitHanging(): void {
    for (const session of this.#hanging) {
      if (this.#hanging.size <= hangingMax) return
      this.#hanging.delete(session)
      session.disconnect()
    }
  }
}

const maxTimerMs = 2 ** 31 - 1
