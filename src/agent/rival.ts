// Another agent that runs as this node: the clone of a whole machine has the same name, identity and data,
// and nothing on its disk tells. Each publishes its report over the other's, and that is seen.

import type { MonotonicMs } from '../core/names.ts'
import type { NodeReport } from '../core/node-report.ts'
import type { Versioned } from '../core/store-view.ts'

/** A rival that has not published for this long has ended: three of the longest periods. */
const silentMsMax = 15_000

export class RivalWatch {
  readonly #run: string
  /** What lay there before our first report: a former agent of this node. Null: nothing published yet. */
  #sinceRevision: number | null = null
  #seen: { readonly run: string; revision: number; count: number; atMs: MonotonicMs } | null = null

  /** @param run of this agent, drawn at its start */
  constructor(run: string) {
    this.#run = run
  }

  /** A report of this agent is in the store; `found` is what was known of the store before. */
  published(found: Versioned<NodeReport> | undefined): void {
    this.#sinceRevision ??= found?.revision ?? 0
  }

  /** Looks at the report of this node in the store. */
  look(found: Versioned<NodeReport> | undefined, nowMs: MonotonicMs): void {
    if (this.#seen !== null && nowMs - this.#seen.atMs > silentMsMax) this.#seen = null
    const run = found?.value.agent?.run ?? this.#run
    if (found === undefined || run === this.#run || this.#sinceRevision === null) return
    if (found.revision <= Math.max(this.#sinceRevision, this.#seen?.revision ?? 0)) return
    const count = this.#seen?.run === run ? this.#seen.count + 1 : 1
    this.#seen = { run, revision: found.revision, count, atMs: nowMs }
  }

  /**
   * The run of the other agent. Once is not enough: what a former agent of this node sent last may arrive
   * after our first.
   */
  rival(): string | null {
    return this.#seen !== null && this.#seen.count >= 2 ? this.#seen.run : null
  }
}
