// Situation in, decision out: the first row that matches.

import { assert } from '../lib/assert.ts'
import type { Decision } from './decision.ts'
import type { Pattern, Rule } from './rules.ts'
import { rules } from './rules.ts'
import type { DimensionName, Situation } from './situation.ts'

/** Whether a row's pattern covers a situation. */
export function isMatch(pattern: Pattern, situation: Situation): boolean {
  for (const name of Object.keys(pattern) as DimensionName[]) {
    const wanted: string | readonly string[] | undefined = pattern[name]
    if (wanted === undefined) continue
    const actual = situation[name]
    if (typeof wanted === 'string' ? wanted !== actual : !wanted.includes(actual)) return false
  }
  return true
}

/**
 * The decision for a situation. Every situation has one (tested over all of them).
 * @param table only tests pass another one
 */
export function decide(situation: Situation, table: readonly Rule[] = rules): Decision {
  const rule = table.find((row) => isMatch(row.when, situation))
  assert(rule !== undefined, `no rule for ${JSON.stringify(situation)}`)
  return { kind: rule.decision, rule }
}
