// Runs one seed or scenario and turns everything unexpected (an exception of the simulator, a promise
// that nobody handled) into a result like any other, so that a thousand other seeds still run.

import process from 'node:process'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { messageOf } from '../src/lib/errors.ts'
import type { Violation } from '../src/core/invariants.ts'
import type { RunOptions, RunResult } from './run.ts'
import { runScenario, runSeed } from './run.ts'

export type GuardedResult = {
  readonly result: RunResult | null
  readonly violation: Violation | null
}

/** Never rejects. */
export async function runGuarded(options: RunOptions): Promise<GuardedResult> {
  const rejections: unknown[] = []
  const note = (error: unknown): void => {
    rejections.push(error)
  }
  process.on('unhandledRejection', note)
  try {
    const result = options.scenario === null ? await runSeed(options) : await runScenario(options)
    // Rejections are reported at the end of a turn.
    await nextTurn()
    const [first] = rejections
    const violation = first === undefined ? result.violation : bug(first)
    return { result, violation }
  } catch (error) {
    return { result: null, violation: bug(error) }
  } finally {
    process.off('unhandledRejection', note)
  }
}

function bug(error: unknown): Violation {
  const stack = error instanceof Error ? error.stack : undefined
  return { invariant: 'bug', message: messageOf(error), operands: { stack } }
}
