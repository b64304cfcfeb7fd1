import { expect, it } from 'vitest'
import { measureInTurn } from './in-turn.ts'

it('takes turns in who goes first, and keeps the results apart', async () => {
  const calls: string[] = []
  const way = (name: string, value: number) => async () => {
    calls.push(name)
    return value
  }
  for (const round of [0, 1, 2]) {
    expect(await measureInTurn(round, way('a', 1), way('b', 2))).toEqual([1, 2])
  }
  expect(calls.join('')).toBe('abbaab')
})
