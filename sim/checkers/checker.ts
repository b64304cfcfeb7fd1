// A checker watches what really happens and objects when an invariant of docs/spec.md does not hold.

import type { Violation } from '../../src/core/invariants.ts'
import type { WorldEvent } from '../world-event.ts'

export type Checker = {
  /** Null: nothing to object to. */
  observe(event: WorldEvent): Violation | null
}
