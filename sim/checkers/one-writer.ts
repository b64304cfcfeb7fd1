// I2 and I5: who takes writes, and who is named to the balancer, holds the lease at that instant.

import { checkRouting, checkWriting, type Violation } from '../../src/core/invariants.ts'
import type { World } from '../world.ts'
import type { WorldEvent } from '../world-event.ts'
import type { Checker } from './checker.ts'

export class OneWriter implements Checker {
  readonly #world: World

  constructor(world: World) {
    this.#world = world
  }

  observe(event: WorldEvent): Violation | null {
    const lease = this.#world.store.lease?.value ?? null
    if (event.kind === 'role-answered') {
      return event.isPrimary ? checkRouting(event.node, lease) : null
    }
    if (event.kind !== 'written' && event.kind !== 'acknowledged') return null
    // A machine that stood still: the guard stops the server when it wakes, which takes a moment in
    // which what was in flight goes on. The seal, not the lease, protects that moment.
    if (this.#world.node(event.node).excusedUntilMs > this.#world.nowMs) return null
    return checkWriting(event.node, event.epoch, lease)
  }
}
