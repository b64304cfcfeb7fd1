// The run as readable text: one line of fixed columns for each decision and event, so that a failover
// reads as a story.

import { renderLsn } from '../src/core/lsn.ts'
import type { NodeName } from '../src/core/names.ts'
import type { StoreView } from '../src/core/store-view.ts'
import type { SimServer } from './postgres/server.ts'

const columns = [
  ['time ms', 9],
  ['node', 6],
  ['state', 9],
  ['lease', 18],
  ['tl', 3],
  ['LSN', 10],
  ['rule', 5],
] as const

export class Transcript {
  readonly #lines: string[] = []
  /** Lines are only kept when somebody will read them; the count and digest are kept always. */
  readonly #isKept: boolean

  constructor(isKept: boolean) {
    this.#isKept = isKept
  }

  get isKept(): boolean {
    return this.#isKept
  }

  get lines(): readonly string[] {
    return this.#lines
  }

  /** One line. `server`, `store`: the truth at this instant, not what the node believes. */
  write(entry: {
    readonly nowMs: number
    readonly node: NodeName | 'world' | 'client'
    readonly server: SimServer | null
    readonly store: StoreView
    readonly ruleId: string | null
    readonly message: string
  }): void {
    if (!this.#isKept) return
    const { nowMs, node, server, store, ruleId, message } = entry
    const tip = server?.directory.wal.flushedTip ?? null
    const cells = [
      nowMs.toFixed(1).padStart(9),
      node,
      server?.role ?? '-',
      renderLease(store),
      tip === null ? '' : String(tip.timeline),
      tip === null ? '' : renderLsn(tip.endLsn),
      ruleId ?? '',
    ]
    this.#lines.push(`${row(cells)}  ${message}`)
  }

  /** With the heading. */
  render(lastCount = this.#lines.length): string {
    const heading = row(columns.map(([name]) => name))
    const hidden = this.#lines.length - lastCount
    const gap = hidden > 0 ? [`… ${String(hidden)} lines before`] : []
    return [heading, ...gap, ...this.#lines.slice(Math.max(0, hidden)), ''].join('\n')
  }
}

function row(cells: readonly string[]): string {
  return cells.map((cell, index) => cell.padEnd(columns[index]?.[1] ?? 0)).join(' ')
}

function renderLease(store: StoreView): string {
  const lease = store.lease?.value
  return lease === undefined ? '-' : `${String(lease.epoch)} ${lease.holder} ${lease.state}`
}
