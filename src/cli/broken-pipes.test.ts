import { EventEmitter } from 'node:events'
import { describe, expect, it } from 'vitest'
import { endWithoutReader } from './broken-pipes.ts'

function broken(): {
  stdout: EventEmitter
  stderr: EventEmitter
  ends: () => number
} {
  const streams = { stdout: new EventEmitter(), stderr: new EventEmitter() }
  let ends = 0
  endWithoutReader(streams, () => (ends += 1))
  return { ...streams, ends: () => ends }
}

const broke = (code: string) => Object.assign(new Error(code), { code })

describe('a reader that went away', () => {
  it('ends the program when it was to read the results', () => {
    const { stdout, ends } = broken()
    stdout.emit('error', broke('EPIPE'))
    expect(ends()).toBe(1)
  })

  it('does not end what is being done when it only read the messages', () => {
    const { stderr, ends } = broken()
    stderr.emit('error', broke('EPIPE'))
    expect(ends()).toBe(0)
  })

  it('is told from a full disk', () => {
    const { stdout, stderr } = broken()
    for (const stream of [stdout, stderr]) {
      expect(() => stream.emit('error', broke('ENOSPC'))).toThrow('ENOSPC')
    }
  })
})
