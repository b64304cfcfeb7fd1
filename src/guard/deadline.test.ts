import { expect, test } from 'vitest'
import { createDeadline } from './deadline.ts'

function clocks(monotonicMs = 1000, bootMs = 9000) {
  const time = { monotonicMs, bootMs }
  return {
    deadline: createDeadline({ monotonicMs: () => time.monotonicMs, bootMs: () => time.bootMs }),
    pass: (ms: number) => {
      time.monotonicMs += ms
      time.bootMs += ms
    },
    suspend: (ms: number) => {
      time.bootMs += ms
    },
  }
}

test('without a deadline nothing is ever late', () => {
  const { deadline, pass } = clocks()
  pass(1e9)
  expect(deadline.lateMs()).toBeNull()
})

test('it is late from the very instant on', () => {
  const { deadline, pass } = clocks()
  deadline.extend(1500)
  pass(499)
  expect(deadline.lateMs()).toBeNull()
  pass(1)
  expect(deadline.lateMs()).toBe(0)
  pass(20)
  expect(deadline.lateMs()).toBe(20)
})

test('it only grows', () => {
  const { deadline } = clocks()
  deadline.extend(1500)
  deadline.extend(1400)
  expect(deadline.stopByMs()).toBe(1500)
  deadline.extend(1600)
  expect(deadline.stopByMs()).toBe(1600)
})

test('disarmed and armed again, an earlier one counts', () => {
  const { deadline } = clocks()
  deadline.extend(1500)
  deadline.disarm()
  expect(deadline.stopByMs()).toBeNull()
  deadline.extend(1200)
  expect(deadline.stopByMs()).toBe(1200)
})

test('time for which the machine was suspended counts, although the monotonic clock stood still', () => {
  const { deadline, suspend } = clocks()
  deadline.extend(1500)
  suspend(600)
  expect(deadline.lateMs()).toBe(100)
})

test('the noise between the two clocks is no suspension', () => {
  const { deadline, suspend, pass } = clocks()
  deadline.extend(1500)
  suspend(40)
  pass(480)
  expect(deadline.lateMs()).toBeNull()
})
