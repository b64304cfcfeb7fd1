// Runs a bad and a good example of each rule, so that the tests of rules are only the examples.

import { describe, expect, test } from 'vitest'
import { readDeployment } from '../../src/lint/deployment.ts'
import { type Finding, lint } from '../../src/lint/lint.ts'
import type { Rule } from '../../src/lint/rule.ts'
import type { LintFile } from '../../src/lint/source-text.ts'
import type { Steps } from '../../src/lint/steps.ts'

/** Text by path. */
export type Files = Readonly<Record<string, string>>

export type RuleExample = {
  /** Small files that break the rule. */
  readonly bad: Files
  /** Where: `haproxy.cfg:5`. */
  readonly at: string
  /** The same files without the fault. */
  readonly good: Files
}

export type RuleExamples = Readonly<Record<string, RuleExample>>

/** All steps at once. */
export function finish<Result>(steps: Steps<Result>): Result {
  for (;;) {
    const step = steps.next()
    if (step.done === true) return step.value
  }
}

/** What all rules find in these files. */
export function lintFiles(files: readonly LintFile[]): readonly Finding[] {
  return finish(lint(finish(readDeployment(files))))
}

/** The same, with text by path. */
export function lintTexts(files: Files): readonly Finding[] {
  return lintFiles(Object.entries(files).map(([path, text]) => ({ path, text })))
}

/** Where one rule is broken, as `file:line`. */
export function placesOf(rule: string, files: Files): readonly string[] {
  return lintTexts(files)
    .filter((finding) => finding.rule === rule)
    .flatMap(({ places }) => places.map(({ file, line }) => `${file}:${line}`))
}

/** One test for each example, and one that fails when a rule has none. */
export function describeRules(rules: readonly Rule[], examples: RuleExamples): void {
  test('every rule has an example, and every example a rule', () => {
    expect(Object.keys(examples).sort()).toEqual(rules.map(({ id }) => id).sort())
  })
  describe.each(rules)('$id: $title', ({ id }) => {
    const example = examples[id]
    test('the bad file → found, at its line', () => {
      expect(placesOf(id, example?.bad ?? {})).toEqual([example?.at])
    })
    test('the good file → not found', () => {
      expect(Object.keys(example?.good ?? {})).not.toEqual([])
      expect(placesOf(id, example?.good ?? {})).toEqual([])
    })
  })
}
