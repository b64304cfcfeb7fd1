import { EventEmitter } from 'node:events'
import { expect, test } from 'vitest'
import { installInterrupts } from './interrupts.ts'

function install() {
  const source = new EventEmitter()
  let secondCount = 0
  const interrupts = installInterrupts(source as NodeJS.Process, () => (secondCount += 1))
  return { source, interrupts, secondCount: () => secondCount }
}

test('the first asks, the second ends', () => {
  const { source, interrupts, secondCount } = install()
  source.emit('SIGINT')
  expect(interrupts.signal.aborted).toBe(true)
  expect(secondCount()).toBe(0)
  source.emit('SIGTERM')
  expect(secondCount()).toBe(1)
})

test('while another program owns the terminal, interrupts are its affair', () => {
  const { source, interrupts } = install()
  const resume = interrupts.suspend()
  source.emit('SIGINT')
  expect(interrupts.signal.aborted).toBe(false)
  resume()
  source.emit('SIGINT')
  expect(interrupts.signal.aborted).toBe(true)
})
