// I1 and I3: whatever a client was told, or could see behind the gate, is in the WAL with which every
// primary of a later epoch opened. Same definitions as the explicit-state model: acknowledged means
// returned by the server; the first promise of a commit counts.

import { checkPromiseHeld, type Violation } from '../../src/core/invariants.ts'
import type { Epoch, NodeName } from '../../src/core/names.ts'
import type { Commit, WalEntry } from '../postgres/wal.ts'
import type { WorldEvent } from '../world-event.ts'
import type { Checker } from './checker.ts'

type OpenedServer = {
  readonly node: NodeName
  readonly epoch: Epoch
  readonly wal: readonly WalEntry[]
}

type Promised = {
  readonly commit: Commit
  readonly entry: WalEntry
  readonly epoch: Epoch
  readonly how: 'acknowledged' | 'visible'
}

export class NoLostCommit implements Checker {
  readonly #openings: OpenedServer[] = []
  readonly #promised: Promised[] = []

  observe(event: WorldEvent): Violation | null {
    if (event.kind === 'opened') return this.#opened(event)
    if (event.kind === 'acknowledged') {
      const { commit, entry, epoch } = event
      return this.#promise({ commit, entry, epoch, how: 'acknowledged' })
    }
    if (event.kind === 'clients-let-in') {
      for (const entry of event.wal) {
        const { commit } = entry
        if (commit === null || commit.promisedIn !== null) continue
        const violation = this.#promise({ commit, entry, epoch: event.epoch, how: 'visible' })
        if (violation !== null) return violation
      }
    }
    return null
  }

  #opened(opening: OpenedServer): Violation | null {
    const { node, epoch, wal } = opening
    this.#openings.push({ node, epoch, wal })
    for (const promised of this.#promised) {
      const violation = judge(promised, opening, 'promised-first')
      if (violation !== null) return violation
    }
    return null
  }

  #promise(promised: Promised): Violation | null {
    if (promised.commit.promisedIn !== null) return null
    promised.commit.promisedIn = promised.epoch
    this.#promised.push(promised)
    for (const opening of this.#openings) {
      const violation = judge(promised, opening, 'opened-first')
      if (violation !== null) return violation
    }
    return null
  }
}

function judge(
  promised: Promised,
  opening: OpenedServer,
  order: 'promised-first' | 'opened-first',
): Violation | null {
  if (opening.epoch <= promised.epoch) return null
  const hasCommit = opening.wal[promised.entry.index] === promised.entry
  if (hasCommit) return null
  const { commit, epoch, how } = promised
  return checkPromiseHeld(
    { id: commit.id, promisedIn: epoch, how },
    { node: opening.node, epoch: opening.epoch, hasCommit },
    order,
  )
}
