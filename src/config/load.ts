// Reads cluster.yaml: text → checked spec and layout, or one error that names every problem with its
// line and column.

import { readFile } from 'node:fs/promises'
import { messageOf, PgherdError } from '../lib/errors.ts'
import type { ClusterLayout } from '../core/cluster-layout.ts'
import { checkSpec } from './check.ts'
import { adviceFor, layoutOf } from './layout.ts'
import { readDocument } from './document.ts'
import { explainIssue } from './problems.ts'
import type { SpecProblem } from './problems.ts'
import { specSchema } from './schema.ts'
import type { ClusterSpec } from './schema.ts'

export type LoadedSpec = {
  /** Every default filled in; ports as they were given. */
  readonly spec: ClusterSpec
  /** What decisions need; ports that were not named follow the default scheme. */
  readonly layout: ClusterLayout
  /** Advice for people, each one sentence. */
  readonly warnings: readonly string[]
  /** Where it came from, for messages; `built-in defaults` when there is no file. */
  readonly source: string
}

/** Also carries the problems one by one, for `--json`. */
export class SpecInvalidError extends PgherdError {
  readonly problems: readonly SpecProblem[]
  constructor(source: string, problems: readonly SpecProblem[]) {
    const lines = problems.map((problem) => renderProblem(source, problem))
    super({
      code: 'PGHERD_SPEC_INVALID',
      reason: 'configuration',
      message:
        lines.length === 1
          ? (lines[0] ?? '')
          : `${source} has ${String(lines.length)} problems:\n  ${lines.join('\n  ')}`,
      hint: `correct ${source} and try again; every setting with range and default: pgherd explain`,
    })
    this.problems = problems
  }
}

/** `cluster.yaml:4:3: unknown key "durabilty"; did you mean "durability"?` */
export function renderProblem(source: string, problem: SpecProblem): string {
  const place = problem.line === null ? source : `${source}:${problem.line}:${problem.column ?? 1}`
  return `${place}: ${problem.message}`
}

/**
 * Checks the text of a spec. The empty text is the default cluster.
 * @param source what to call the text in messages, usually the path as the user wrote it
 * @throws SpecInvalidError with all problems at once
 */
export function parseSpec(text: string, source: string): LoadedSpec {
  const document = readDocument(text)
  const problems: SpecProblem[] = [...document.problems]
  const parsed = specSchema.safeParse(document.value)
  if (!parsed.success && document.problems.length === 0) {
    problems.push(...parsed.error.issues.flatMap((issue) => explainIssue(issue, document)))
  }
  if (document.problems.length === 0) problems.push(...checkSpec(document, parsed.data ?? null))
  if (problems.length > 0 || !parsed.success)
    throw new SpecInvalidError(source, problems.toSorted(byPlace))
  const spec = parsed.data
  return { spec, layout: layoutOf(spec), warnings: adviceFor(spec), source }
}

/**
 * Reads and checks a spec file.
 * @throws SpecInvalidError
 * @throws PgherdError PGHERD_SPEC_UNREADABLE when there is no such file or it may not be read
 */
export async function loadSpec(path: string): Promise<LoadedSpec> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    throw new PgherdError({
      code: 'PGHERD_SPEC_UNREADABLE',
      reason: 'configuration',
      message: `cannot read the spec file ${path}`,
      because: messageOf(error),
      hint: 'name an existing file with --spec, or leave the option out for the default cluster',
      cause: error,
    })
  }
  return parseSpec(text, path)
}

/** The default cluster, as from an empty file. */
export function defaultSpec(): LoadedSpec {
  return parseSpec('', 'built-in defaults')
}

function byPlace(left: SpecProblem, right: SpecProblem): number {
  return (left.line ?? 0) - (right.line ?? 0) || (left.column ?? 0) - (right.column ?? 0)
}
