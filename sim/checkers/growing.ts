// I4: epochs, promises and timeline ids only grow; a timeline id belongs to one branch.

import {
  checkEpochGrows,
  checkPromiseGrows,
  checkTimelineBirths,
  type Violation,
} from '../../src/core/invariants.ts'
import type { NodeName, TimelineId } from '../../src/core/names.ts'
import type { WalEntry } from '../postgres/wal.ts'
import type { WorldEvent } from '../world-event.ts'
import type { Checker } from './checker.ts'

export class Growing implements Checker {
  readonly #switches = new Map<TimelineId, { readonly node: NodeName; readonly entry: WalEntry }>()

  observe(event: WorldEvent): Violation | null {
    if (event.kind === 'store-written') {
      const { before, after } = event
      return (
        checkEpochGrows(before.lease?.value ?? null, after.lease?.value ?? null) ??
        checkTimelineBirths(before.sync?.value.timelines ?? [], after.sync?.value.timelines ?? [])
      )
    }
    if (event.kind === 'promise-saved') {
      return checkPromiseGrows(event.node, event.before, event.after)
    }
    if (event.kind === 'promoted') return this.#promoted(event)
    if (event.kind !== 'branches-mixed') return null
    const { node, upstream, timeline } = event
    return {
      invariant: 'I4',
      message: `${node} and ${upstream} have different branches with timeline id ${String(timeline)}`,
      operands: { node, upstream, timeline },
    }
  }

  #promoted(event: Extract<WorldEvent, { kind: 'promoted' }>): Violation | null {
    const { node, timeline, entry } = event
    const known = this.#switches.get(timeline)
    this.#switches.set(timeline, { node, entry })
    const ids = entry.history.map((branch) => branch.timeline)
    const isGrowing = [...ids, timeline].every((id, index, all) => id > (all[index - 1] ?? 0))
    if (known === undefined && isGrowing) return null
    return {
      invariant: 'I4',
      message:
        known === undefined
          ? `the timelines of ${node} do not grow: ${[...ids, timeline].join(', ')}`
          : `timeline ${String(timeline)} was begun by ${known.node} and again by ${node}`,
      operands: { node, timeline, history: entry.history },
    }
  }
}
