// I6: every list that a process of the valid owner's server uses is in the sync record.

import { checkListsRecorded, type Violation } from '../../src/core/invariants.ts'
import type { World } from '../world.ts'
import type { WorldEvent } from '../world-event.ts'
import type { Checker } from './checker.ts'

export class RecordedLists implements Checker {
  readonly #world: World

  constructor(world: World) {
    this.#world = world
  }

  observe(event: WorldEvent): Violation | null {
    if (event.kind === 'lists-used') return this.#judge()
    if (event.kind !== 'store-written') return null
    const isChanged =
      event.before.sync !== event.after.sync ||
      event.before.lease?.value.epoch !== event.after.lease?.value.epoch
    return isChanged ? this.#judge() : null
  }

  #judge(): Violation | null {
    const { store, holder } = this.#world
    const record = store.sync?.value
    const server = holder?.server
    if (record === undefined || holder === null || server?.role !== 'primary') return null
    // Only a valid owner's server: an owner without the lease, or a former one, proves nothing.
    if (record.owner !== holder.file.record.incarnation) return null
    if (server.epoch !== store.lease?.value.epoch) return null
    return checkListsRecorded(holder.name, server.listsInUse(), record.lists)
  }
}
