// Replication slots: one on every data node for each of the others, so that a standby finds its WAL on
// whoever becomes primary.

import type { NodeName } from '../../core/names.ts'
import { slotNameOf } from '../../core/names.ts'
import type { Session } from './session.ts'

type Slot = {
  readonly name: string
  readonly isActive: boolean
  readonly isLost: boolean
  readonly hasRestart: boolean
}

/**
 * Makes missing slots for `nodes` and drops pgherd's slots for others. A slot that has lost its WAL to
 * the cap is made anew, and so is, on a primary, one that holds none. On a standby, where nobody moves
 * the slots, they are moved along with replay, so that they hold no WAL back.
 * @throws SessionError
 */
export async function applySlots(
  session: Session,
  nodes: readonly NodeName[],
  deadlineMs: number,
): Promise<void> {
  const wanted = new Set(nodes.map(slotNameOf))
  const rows = await session.query(
    `select pg_is_in_recovery() as in_recovery, s.slot_name, s.active,
       coalesce(s.wal_status = 'lost', false) as lost, s.restart_lsn is not null as has_restart
     from (select 1) one left join pg_replication_slots s
       on s.slot_type = 'physical' and not s.temporary and s.slot_name like 'pgherd\\_%'`,
    [],
    deadlineMs,
  )
  const isStandby = rows[0]?.['in_recovery'] === true
  const slots = rows.flatMap((row): Slot[] =>
    typeof row['slot_name'] !== 'string'
      ? []
      : [
          {
            name: row['slot_name'],
            isActive: row['active'] === true,
            isLost: row['lost'] === true,
            hasRestart: row['has_restart'] === true,
          },
        ],
  )
  // Made while this was a standby and never used: on a primary it would hold nothing back for a node
  // that is away, which could then come back by a copy only.
  const isUseless = (slot: Slot): boolean => slot.isLost || (!isStandby && !slot.hasRestart)
  const dropped = slots.filter(
    (slot) => !slot.isActive && (isUseless(slot) || !wanted.has(slot.name)),
  )
  const kept = new Set(slots.filter((slot) => !dropped.includes(slot)).map((slot) => slot.name))
  for (const slot of dropped) {
    await session.query('select pg_drop_replication_slot($1)', [slot.name], deadlineMs)
  }
  for (const name of wanted) {
    if (kept.has(name)) continue
    // On a primary it holds WAL at once, for a standby that is about to come; on a standby not yet.
    await session.query(
      'select pg_create_physical_replication_slot($1, $2)',
      [name, !isStandby],
      deadlineMs,
    )
  }
  if (isStandby)
    await moveAlong(
      session,
      slots.filter((slot) => slot.hasRestart && !slot.isActive && kept.has(slot.name)),
      deadlineMs,
    )
}

async function moveAlong(
  session: Session,
  slots: readonly Slot[],
  deadlineMs: number,
): Promise<void> {
  for (const slot of slots) {
    await session.query(
      `select pg_replication_slot_advance(slot_name, pg_last_wal_replay_lsn())
       from pg_replication_slots
       where slot_name = $1 and not active and restart_lsn < pg_last_wal_replay_lsn()`,
      [slot.name],
      deadlineMs,
    )
  }
}
