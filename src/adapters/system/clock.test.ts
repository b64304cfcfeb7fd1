import { execFileSync } from 'node:child_process'
import { expect, test } from 'vitest'
import { systemClock } from './clock.ts'
import { systemRandom } from './random.ts'

test('the monotonic clock has one zero for all processes of the machine', () => {
  const script = 'const [s, n] = process.hrtime(); console.log(s * 1000 + n / 1e6)'
  const before = systemClock.monotonicMs()
  const other = Number(execFileSync(process.execPath, ['-e', script], { encoding: 'utf8' }))
  const after = systemClock.monotonicMs()
  expect(other).toBeGreaterThan(before)
  expect(other).toBeLessThan(after)
})

test('sleep ends in time, or at once when aborted, and never rejects', async () => {
  const startedAtMs = systemClock.monotonicMs()
  await systemClock.sleep(20)
  expect(systemClock.monotonicMs() - startedAtMs).toBeGreaterThanOrEqual(19)
  const controller = new AbortController()
  const sleeping = systemClock.sleep(600_000, controller.signal)
  controller.abort()
  await sleeping
  await systemClock.sleep(600_000, controller.signal)
})

test('random numbers lie in [0, 1) and differ; hex has the length asked for', () => {
  const values = Array.from({ length: 1000 }, () => systemRandom.next())
  expect(values.every((value) => value >= 0 && value < 1)).toBe(true)
  expect(new Set(values).size).toBe(1000)
  expect(systemRandom.hex(9)).toMatch(/^[0-9a-f]{9}$/)
  expect(systemRandom.hex(32)).not.toBe(systemRandom.hex(32))
})
