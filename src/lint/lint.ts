// Runs the rules over what was read and puts the findings into the order of the files.

import type { Deployment } from './deployment.ts'
import { type Facts, type Rule, type Severity } from './rule.ts'
import { rules } from './rules.ts'
import type { Place } from './source-text.ts'
import { type Steps, stepByStep } from './steps.ts'
import { toldTogether } from './told-together.ts'

export type Finding = {
  readonly rule: string
  readonly severity: Severity
  /** The first of `places`. */
  readonly file: string
  /** Counted from 1. */
  readonly line: number
  readonly message: string
  readonly why: string
  readonly fix: string
  readonly facts: Facts
  /** Everywhere where it is so, in files of one name; at least one. */
  readonly places: readonly Place[]
  /** Lines to write, where one line is too little. */
  readonly snippet?: readonly string[]
}

export type Counts = Readonly<Record<Severity, number>>

/**
 * Every finding of `chosen`, by its first file, line and rule; one rule in each step. What two balancers
 * have in common is one finding. Never throws, whatever the
 * files hold.
 * @param chosen the rules to apply
 */
export function* lint(
  deployment: Deployment,
  chosen: readonly Rule[] = rules,
): Steps<readonly Finding[]> {
  const findings = yield* stepByStep(chosen, (rule) =>
    rule.check(deployment).map(({ place, message, fix, facts, snippet }): Finding => ({
      rule: rule.id,
      severity: rule.severity,
      file: place.file,
      line: place.line,
      message,
      why: rule.why,
      fix: fix ?? rule.fix,
      facts,
      places: [{ file: place.file, line: place.line }],
      ...(snippet === undefined ? {} : { snippet }),
    })),
  )
  const sorted = findings
    .flat()
    .sort(
      (left, right) =>
        compare(left.file, right.file) ||
        left.line - right.line ||
        compare(left.rule, right.rule) ||
        compare(left.message, right.message),
    )
  return toldTogether(sorted, ({ rule, message, fix, facts }) =>
    JSON.stringify([rule, message, fix, facts]),
  )
}

function compare(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0
}

export function countsOf(findings: readonly Finding[]): Counts {
  const count = (severity: Severity) => findings.filter((one) => one.severity === severity).length
  return { error: count('error'), warning: count('warning'), info: count('info') }
}
