// Whether this host is alone: since when nothing has been heard from any other one.

import type { NodeLayout } from '../../core/cluster-layout.ts'
import type { MonotonicMs } from '../../core/names.ts'
import type { VipParts } from './keep-vip.ts'

/** Others are asked when nothing came by itself for so many periods, and have this long to answer. */
const askAfterAdverts = 1.2
const answerWithinAdverts = 0.6

/** When another host was last heard: by the store, or by asking all of them. */
export class Hearing {
  readonly #parts: VipParts
  readonly #others: readonly NodeLayout[]
  readonly #advertMs: number
  #askedMs: MonotonicMs
  #lookedMs: MonotonicMs
  #isAsking = false

  constructor(parts: VipParts, advertMs: number) {
    this.#parts = parts
    this.#lookedMs = parts.clock.monotonicMs()
    this.#others = parts.layout.nodes.filter((node) => node.host !== parts.self.host)
    this.#advertMs = advertMs
    this.#askedMs = parts.clock.monotonicMs()
  }

  silentMs(): number {
    const { clock, mirror } = this.#parts
    const nowMs = clock.monotonicMs()
    // An agent that was frozen has not listened: that is no silence of the others.
    if (nowMs - this.#lookedMs > this.#advertMs) this.#askedMs = nowMs
    this.#lookedMs = nowMs
    const heardMs = Math.max(this.#askedMs, mirror.answeredAtMs() ?? this.#askedMs)
    const silentMs = nowMs - heardMs
    if (silentMs > this.#advertMs * askAfterAdverts && !this.#isAsking) void this.#ask()
    return silentMs
  }

  /** Any answer of any host counts, whatever it says. */
  async #ask(): Promise<void> {
    const { clock, peers } = this.#parts
    this.#isAsking = true
    const startedMs = clock.monotonicMs()
    const deadlineMs = this.#advertMs * answerWithinAdverts
    const answers = this.#others.map((node) => peers.hello(node.name, deadlineMs))
    await Promise.any(answers).then(
      () => {
        this.#askedMs = startedMs
      },
      () => undefined,
    )
    this.#isAsking = false
  }
}
