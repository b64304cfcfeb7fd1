import { expect, test } from 'vitest'
import { runSteps } from './run-steps.ts'

function* steps(count: number, done: number[]): Generator<undefined, string, undefined> {
  for (let step = 0; step < count; step++) {
    done.push(step)
    yield
  }
  return 'result'
}

test('work is done to its end, and gives its result', async () => {
  const done: number[] = []
  expect(await runSteps(steps(3, done), new AbortController().signal)).toBe('result')
  expect(done).toEqual([0, 1, 2])
})

test('what happens while it runs is heard after the step, and ends it', async () => {
  const done: number[] = []
  const controller = new AbortController()
  // As an interrupt it arrives with the event loop only.
  setImmediate(() => {
    controller.abort()
  })
  await expect(runSteps(steps(1_000_000, done), controller.signal)).rejects.toThrow('aborted')
  expect(done.length).toBeLessThan(10)
})
