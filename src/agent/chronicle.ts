// Makes events out of decisions, keeps them on the node, and sends them to the store when it answers.

import type { EventKind, JournalEvent } from '../core/journal-event.ts'
import type { Epoch, NodeName } from '../core/names.ts'
import type { Clock } from '../ports/clock.ts'
import type { ClusterStore } from '../ports/cluster-store.ts'
import type { Journal } from '../ports/journal.ts'
import type { Random } from '../ports/random.ts'

/** Events that wait for the store; older ones are on the node's disk only. */
const pendingMax = 200

export type Saying = {
  readonly kind: EventKind
  readonly message: string
  readonly epoch: Epoch | null
  readonly ruleId?: string | null
  readonly operands?: Readonly<Record<string, unknown>>
}

export class Chronicle {
  readonly #clock: Clock
  readonly #journal: Journal
  readonly #node: NodeName
  /** Drawn at the start of the agent. */
  readonly run: string
  readonly #recent: JournalEvent[] = []
  #pending: JournalEvent[] = []
  #count = 0
  #last = ''

  constructor(clock: Clock, random: Random, journal: Journal, node: NodeName) {
    this.#clock = clock
    this.#journal = journal
    this.#node = node
    this.run = random.hex(4)
  }

  /** Records what happened. The same thing said twice in a row is said once. */
  say(saying: Saying): void {
    const key = `${saying.kind} ${String(saying.epoch)} ${saying.message}`
    if (key === this.#last) return
    this.#last = key
    this.#count += 1
    const event: JournalEvent = {
      id: `${this.#node}-${this.run}-${String(this.#count)}`,
      kind: saying.kind,
      node: this.#node,
      epoch: saying.epoch,
      ruleId: saying.ruleId ?? null,
      message: saying.message,
      operands: saying.operands ?? {},
      atMs: this.#clock.wallClockMs(),
      atMonotonicMs: this.#clock.monotonicMs(),
    }
    this.#journal.record(event)
    this.#recent.push(event)
    if (this.#recent.length > pendingMax) this.#recent.shift()
    this.#pending.push(event)
    if (this.#pending.length > pendingMax) this.#pending.shift()
  }

  /** This node's own events since its agent started, oldest first. */
  recent(): readonly JournalEvent[] {
    return this.#recent
  }

  hasPending(): boolean {
    return this.#pending.length > 0
  }

  /** Sends what the store does not have yet. @throws StoreUnavailableError; nothing is lost then */
  async flush(store: ClusterStore, deadlineMs: number): Promise<void> {
    const sent = this.#pending
    if (sent.length === 0) return
    await store.appendEvents(sent, deadlineMs)
    this.#pending = this.#pending.filter((event) => !sent.includes(event))
  }
}
