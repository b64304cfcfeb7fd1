// Seeded randomness, split by purpose: a draw more in one place shifts nothing anywhere else.

import type { Random } from '../src/ports/random.ts'

/** Small fast counter generator (sfc32), seeded through a hash of the seed and the purpose's path. */
export class SimRandom implements Random {
  readonly #path: string
  #a: number
  #b: number
  #c: number
  #counter = 1

  constructor(path: string) {
    this.#path = path
    this.#a = hash(path, 0x9e3779b9)
    this.#b = hash(path, 0x243f6a88)
    this.#c = hash(path, 0xb7e15162)
    for (let round = 0; round < 12; round++) this.next()
  }

  /** The root of everything in one run. */
  static ofSeed(seed: number): SimRandom {
    return new SimRandom(`seed ${String(seed)}`)
  }

  /** An independent stream for one purpose. */
  split(purpose: string): SimRandom {
    return new SimRandom(`${this.#path}/${purpose}`)
  }

  next(): number {
    const sum = (((this.#a + this.#b) | 0) + this.#counter) | 0
    this.#counter = (this.#counter + 1) | 0
    this.#a = this.#b ^ (this.#b >>> 9)
    this.#b = (this.#c + (this.#c << 3)) | 0
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0
    return (sum >>> 0) / 0x1_0000_0000
  }

  hex(length: number): string {
    let text = ''
    while (text.length < length) {
      text += Math.floor(this.next() * 0x1_0000_0000)
        .toString(16)
        .padStart(8, '0')
    }
    return text.slice(0, length)
  }

  /** Uniform between the two, the upper one excluded. */
  between(low: number, high: number): number {
    return low + this.next() * (high - low)
  }

  /** A whole number from 0 to `count` - 1. */
  below(count: number): number {
    return Math.floor(this.next() * count)
  }

  chance(probability: number): boolean {
    return this.next() < probability
  }

  /** @throws RangeError when there is nothing to pick */
  pick<T>(items: readonly T[]): T {
    const item = items[this.below(items.length)]
    if (item === undefined) throw new RangeError('nothing to pick from')
    return item
  }

  /** A duration: mostly near `typical`, never below half of it, now and then up to `worst`. */
  duration(typicalMs: number, worstMs: number): number {
    const tail = this.next() ** 12
    return typicalMs * this.between(0.5, 1.5) + tail * Math.max(0, worstMs - typicalMs)
  }

  /** `items` in another order. */
  shuffle<T>(items: readonly T[]): T[] {
    const left = [...items]
    const shuffled: T[] = []
    while (left.length > 0) shuffled.push(...left.splice(this.below(left.length), 1))
    return shuffled
  }
}

/** FNV-1a with a final avalanche; the basis makes independent words of one text. */
function hash(text: string, basis: number): number {
  let value = basis
  for (let index = 0; index < text.length; index++) {
    value = Math.imul(value ^ text.charCodeAt(index), 0x01000193)
  }
  value ^= value >>> 16
  value = Math.imul(value, 0x85ebca6b)
  value ^= value >>> 13
  value = Math.imul(value, 0xc2b2ae35)
  return (value ^ (value >>> 16)) >>> 0
}
