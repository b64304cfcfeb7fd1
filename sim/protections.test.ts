// Each protection is needed: taken away, a checker objects; with it, the same story and seed are fine.

import { readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { protectionNames } from '../src/core/protections.ts'
import { runGuarded } from './guarded-run.ts'
import { expectations, findObjection, notExpressible } from './objections.ts'
import { scenarios } from './scenarios/all.ts'

describe('taken away, a checker objects', () => {
  it.each(expectations.map((expectation) => [expectation.protection, expectation] as const))(
    '%s',
    { timeout: 60_000 },
    async (_protection, expectation) => {
      const objection = await findObjection(expectation, false)
      expect(objection, 'no seed objected').not.toBeNull()
      const { scenario } = expectation
      const { violation } = await runGuarded({
        seed: objection!.seed,
        scenario,
        without: [],
        isTranscriptKept: false,
      })
      expect(violation?.message ?? null).toBeNull()
    },
  )

  it('the transcript of each objection is kept', () => {
    for (const { protection } of expectations) {
      const file = path.join(import.meta.dirname, 'objections', `${protection}.txt`)
      expect(readFileSync(file, 'utf8')).toContain(`--without ${protection}`)
    }
  })

  it('every protection is shown, or it is said why it cannot be', () => {
    const shown = expectations.map(({ protection }) => protection)
    expect([...shown, ...Object.keys(notExpressible)].sort()).toEqual([...protectionNames].sort())
  })
})

describe('with everything in place, no story violates anything', () => {
  it.each(scenarios.map(({ name }) => name))('%s', { timeout: 60_000 }, async (scenario) => {
    for (let seed = 1; seed <= 8; seed++) {
      const { violation } = await runGuarded({
        seed,
        scenario,
        without: [],
        isTranscriptKept: false,
      })
      expect([seed, violation?.message ?? null]).toEqual([seed, null])
    }
  })
})
