// What a node must not forget: a small file outside the data directory that survives rewind and clone.

import type { LocalStateRecord } from '../core/local-state.ts'

export type { LocalStateRecord } from '../core/local-state.ts'

export interface LocalState {
  /** The record as it was last saved. Memory only, never fails. */
  get(): LocalStateRecord
  /**
   * Merges `changes` and returns after they are on disk (fsync of file and directory). A promise never
   * goes down: a lower one is kept out.
   * @throws PgherdError PGHERD_STATE_UNWRITABLE when the disk refuses
   */
  save(changes: Partial<LocalStateRecord>): Promise<void>
}
