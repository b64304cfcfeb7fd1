// Real randomness, from the operating system.

import { randomBytes, randomInt } from 'node:crypto'
import type { Random } from '../../ports/random.ts'

const resolution = 2 ** 47

export const systemRandom: Random = {
  next: () => randomInt(resolution) / resolution,
  hex: (length) =>
    randomBytes(Math.ceil(length / 2))
      .toString('hex')
      .slice(0, length),
}
