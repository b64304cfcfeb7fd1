import { EventEmitter } from 'node:events'
import { describe, expect, test } from 'vitest'
import { eventually } from '../test/support/eventually.ts'
import { Interrupts, type Interruption } from './interrupts.ts'

function makeBench() {
  const source = new EventEmitter()
  const deeds: string[] = []
  const codes: number[] = []
  const interrupts = new Interrupts()
  interrupts.heed(source, {
    say: (line) => void deeds.push(line.trim().split(' ')[0] ?? ''),
    exit: (code) => void codes.push(code),
  })
  const bringUp = (name: string) =>
    interrupts.undoLater(async (signal) => void deeds.push(`${name} ${signal}`))
  const ended = () => eventually('the bench has ended', async () => codes.length > 0)
  return { source, deeds, codes, interrupts, bringUp, ended }
}

describe('a bench that is interrupted', () => {
  test.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)(
    '%s: everything is undone, the latest first, then it ends with %i',
    async (...row) => {
      const [name, code]: readonly [Interruption, number] = row
      const { source, deeds, codes, interrupts, bringUp, ended } = makeBench()
      bringUp('cluster')
      const forget = bringUp('former')
      bringUp('load')
      forget()
      source.emit(name)
      expect(interrupts.signal.aborted).toBe(true)
      source.emit('SIGINT')
      await ended()
      expect(deeds).toEqual(['Interrupted', `load ${name}`, `cluster ${name}`, 'Everything'])
      expect(codes).toEqual([code])
    },
  )

  test('one that cannot be undone: said so, and the others are undone', async () => {
    const { source, deeds, bringUp, interrupts, ended } = makeBench()
    bringUp('cluster')
    interrupts.undoLater(async () => {
      throw new Error('it is stuck')
    })
    source.emit('SIGTERM')
    await ended()
    expect(deeds).toEqual(['Interrupted', 'not', 'cluster SIGTERM', 'Everything'])
  })
})
