// I8: nothing destroys the last copy of data: what is cut off was kept aside first.

import type { Violation } from '../../src/core/invariants.ts'
import type { WorldEvent } from '../world-event.ts'
import type { Checker } from './checker.ts'

export class KeptData implements Checker {
  observe(event: WorldEvent): Violation | null {
    if (event.kind !== 'data-destroyed') return null
    return {
      invariant: 'I8',
      message: `a ${event.how} of ${event.node} cut off WAL that was not kept aside`,
      operands: { node: event.node },
    }
  }
}
