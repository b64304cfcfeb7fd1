// Makes a standby a primary on a timeline that was chosen before, and waits until it is one.

import type { TimelineId } from '../../core/names.ts'
import type { Clock } from '../../ports/clock.ts'
import { PostgresError } from '../../ports/postgres.ts'
import type { DatabaseUser } from './database-user.ts'
import { SessionError, type Session } from './session.ts'
import { placePlaceholders } from './timeline-files.ts'

export type PromoteInputs = {
  readonly session: Session
  readonly clock: Clock
  readonly dataDirectory: string
  readonly owner: DatabaseUser | null
  /** The timeline of the standby's WAL now. */
  readonly present: TimelineId
  readonly wanted: TimelineId
  readonly deadlineMs: number
}

// The startup process can miss a request (measured: 5 s lost at random with the default retry
// interval), so it is asked again and again.
const resendMs = 50
const pollMs = 5

/**
 * Promotes and returns the timeline that the server took. Run again on a server that is a primary
 * already, it only reads the timeline.
 * @throws PostgresError `timeout` when the server is still in recovery
 */
export async function promoteServer(inputs: PromoteInputs): Promise<TimelineId> {
  const { session, clock, dataDirectory, owner, present, wanted } = inputs
  const giveUpAtMs = clock.monotonicMs() + inputs.deadlineMs
  await placePlaceholders(dataDirectory, present, wanted, owner)
  let askedAtMs = Number.NEGATIVE_INFINITY
  for (;;) {
    const nowMs = clock.monotonicMs()
    const leftMs = giveUpAtMs - nowMs
    if (leftMs <= 0) {
      throw new PostgresError('timeout', `not promoted within ${String(inputs.deadlineMs)} ms`)
    }
    const mustAsk = nowMs - askedAtMs >= resendMs
    const timeline = await askForPromotion(session, mustAsk, leftMs)
    if (timeline !== null) return timeline
    if (mustAsk) askedAtMs = nowMs
    await clock.sleep(Math.min(pollMs, leftMs))
  }
}

/** Asks (when `mustAsk`) and looks; the timeline once the server is out of recovery. */
async function askForPromotion(
  session: Session,
  mustAsk: boolean,
  deadlineMs: number,
): Promise<TimelineId | null> {
  const ask = mustAsk ? 'pg_promote(false)' : 'true'
  try {
    const [row] = await session.query(
      `select case when pg_is_in_recovery() then ${ask} end as asked,
         case when not pg_is_in_recovery()
           then substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8) end as timeline_hex`,
      [],
      deadlineMs,
    )
    const hex = row?.['timeline_hex']
    return typeof hex === 'string' ? (Number.parseInt(hex, 16) as TimelineId) : null
  } catch (error) {
    // Recovery ended between the two looks: pg_promote refuses, the next look sees a primary.
    if (error instanceof SessionError && error.sqlState === '55000') return null
    throw error
  }
}
