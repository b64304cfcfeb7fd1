// Calls of an agent whose outcome it does not learn: they fail before their effect, after it, or before an
// effect that is still to come. The agent sees an error each time, and not which of these it was.

import type { SimRandom } from './random.ts'

export type HalfDone = 'nothing done' | 'all done' | 'still to come'

/** How the calls on one node fail now. The world and the stories set it. */
export class HalfDoneCalls {
  /** Share of the calls that fail. */
  rate = 0
  /** A story decides itself; null leaves it to the rate. */
  decide: ((call: string, argument: unknown) => HalfDone | null) | null = null
  /** How long an effect may be still to come. */
  delayMs = 0
  readonly #random: SimRandom

  constructor(random: SimRandom) {
    this.#random = random
  }

  /** Nothing is drawn while nothing fails: other seeds stay as they are. */
  draw(call: string, argument: unknown, kinds: readonly HalfDone[]): HalfDone | null {
    if (this.decide !== null) return this.decide(call, argument)
    if (this.rate === 0 || !this.#random.chance(this.rate)) return null
    return this.#random.pick(kinds)
  }

  /** For how long the effect of a call is still to come. */
  drawDelayMs(): number {
    return this.decide === null ? this.#random.between(1, 600) : this.delayMs
  }
}

/** The error that a caller sees. */
export class HalfDoneError extends Error {
  override readonly name = 'HalfDoneError'
}

type Method = (...parameters: unknown[]) => Promise<unknown>

/** `port` with the named methods failing as `calls` says: before their effect or after it. */
export function withHalfDone<Port extends object>(
  port: Port,
  names: readonly (keyof Port & string)[],
  calls: HalfDoneCalls,
): Port {
  return new Proxy(port, {
    get(target, name): unknown {
      const value: unknown = Reflect.get(target, name, target)
      if (typeof value !== 'function') return value
      const method = value.bind(target) as Method
      if (!names.includes(name as keyof Port & string)) return method
      return async (...parameters: unknown[]) => {
        const call = String(name)
        const how = calls.draw(call, parameters[0], ['nothing done', 'all done'])
        if (how === 'nothing done') throw new HalfDoneError(`${call}: no answer`)
        const result = await method(...parameters)
        if (how === 'all done') throw new HalfDoneError(`${call}: no answer`)
        return result
      }
    },
  })
}
