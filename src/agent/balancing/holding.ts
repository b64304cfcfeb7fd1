// Who has the shared address, and who has it beside whom. Each stay of the address on a host has a name; a
// holder lists the stays of others that it knows of. A report that lists this host's present stay was
// written after the address came here, by one that has it too: no delay and no last words can do that.

import { balancersOf } from '../../core/cluster-layout.ts'
import type { ClusterLayout, NodeLayout } from '../../core/cluster-layout.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Vip } from '../../ports/vip.ts'
import type { StoreMirror } from '../store-mirror.ts'

export type HoldingParts = {
  readonly clock: Clock
  readonly vip: Vip | null
  readonly mirror: StoreMirror
  readonly layout: ClusterLayout
  readonly self: NodeLayout
}

export class Holding {
  readonly #parts: HoldingParts
  #name: string | null = null

  constructor(parts: HoldingParts) {
    this.#parts = parts
  }

  /** Whether the shared address is on this host; null when there is none. */
  isHere(): boolean | null {
    const state = this.#parts.vip?.state() ?? null
    return state === null ? null : state.kind === 'running' && state.isHere
  }

  /** To be called at each change, so that a stay that ended is never taken for the next one. */
  look(): void {
    const { clock, self } = this.#parts
    if (this.isHere() !== true) this.#name = null
    else this.#name ??= `${self.name}@${String(clock.wallClockMs())}`
  }

  /** The name of the present stay of the address here; null: it is elsewhere. */
  name(): string | null {
    this.look()
    return this.#name
  }

  /** The stays on other hosts that the store tells of while the address is here; else none. */
  beside(): readonly string[] {
    const { mirror, layout, self } = this.#parts
    if (this.name() === null) return []
    const others = balancersOf(layout).filter((node) => node.name !== self.name)
    return others.flatMap(({ name }) => {
      const holding = mirror.view()?.reports.get(name)?.value.balancing?.holding ?? null
      return holding === null ? [] : [holding]
    })
  }
}
