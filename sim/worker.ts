// A worker process: runs the seeds it is told and says after each what came out.

import process from 'node:process'
import type { Violation } from '../src/core/invariants.ts'
import type { ProtectionName } from '../src/core/protections.ts'
import { runGuarded } from './guarded-run.ts'

export type WorkerTask = {
  readonly seeds: readonly number[]
  readonly scenario: string | null
  readonly without: readonly ProtectionName[]
}

export type SeedReport = {
  readonly seed: number
  readonly violation: Pick<Violation, 'invariant' | 'message'> | null
  readonly digest: number
  readonly eventCount: number
  readonly virtualMs: number
  readonly acknowledgedCount: number
  readonly openingCount: number
  readonly recoveryMs: number | null
}

async function work(task: WorkerTask): Promise<void> {
  const { scenario, without } = task
  for (const seed of task.seeds) {
    const { result, violation } = await runGuarded({
      seed,
      scenario,
      without,
      isTranscriptKept: false,
    })
    const report: SeedReport = {
      seed,
      violation:
        violation === null ? null : { invariant: violation.invariant, message: violation.message },
      digest: result?.digest ?? 0,
      eventCount: result?.eventCount ?? 0,
      virtualMs: result?.virtualMs ?? 0,
      acknowledgedCount: result?.ledger.acknowledged ?? 0,
      openingCount: result?.openingCount ?? 0,
      recoveryMs: result?.recoveryMs ?? null,
    }
    process.send?.(report)
  }
  process.send?.('next')
}

// Refusals are errors that nobody reads here; their stack traces would cost a fifth of the time.
Error.stackTraceLimit = 0

process.on('message', (task: WorkerTask) => void work(task))
process.send?.('next')
