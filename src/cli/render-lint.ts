// Findings of `pgherd lint` as people read them: by file, then one line each with reason and remedy.

import type { Counts, Finding } from '../lint/lint.ts'
import type { Severity } from '../lint/rule.ts'
import { wrap } from './render-table.ts'
import { type Style, oneLine } from './style.ts'

const widthBest = 110

/** @param widthMax columns of the terminal; Infinity for pipes */
export function renderFindings(
  findings: readonly Finding[],
  widthMax: number,
  style: Style,
): readonly string[] {
  const width = Math.min(widthMax, widthBest)
  return [...byFile(findings)].flatMap(([file, here]) => {
    const lineWidth = here.reduce((most, { line }) => Math.max(most, String(line).length), 0)
    return [
      style.bold(oneLine(file)),
      ...here.flatMap((finding, index) => [
        ...renderHead(finding, lineWidth, width, style),
        ...(isToldBelow(finding, here[index + 1])
          ? []
          : renderAdvice(finding, lineWidth, width, style)),
      ]),
      '',
    ]
  })
}

function byFile(findings: readonly Finding[]): ReadonlyMap<string, readonly Finding[]> {
  const files = new Map<string, Finding[]>()
  for (const finding of findings) {
    const here = files.get(finding.file) ?? []
    files.set(finding.file, here)
    here.push(finding)
  }
  return files
}

/** Reason and remedy of neighbours that break one rule stand below the last of them. */
function isToldBelow(finding: Finding, next: Finding | undefined): boolean {
  return (
    next?.rule === finding.rule &&
    next.fix === finding.fix &&
    next.snippet?.join('\n') === finding.snippet?.join('\n')
  )
}

function renderHead(
  { line, severity, rule, message, places }: Finding,
  lineWidth: number,
  width: number,
  style: Style,
): readonly string[] {
  const paint = { error: style.bad, warning: style.warn, info: style.accent }[severity]
  const head = `${String(line).padStart(lineWidth)}  ${paint(severity)}`
  const blanks = ' '.repeat(severityWidth - severity.length)
  // Wrapping takes runs of blanks for one, so what stands in columns is put before it.
  const indent = ' '.repeat(lineWidth + severityWidth + 10)
  const others = places.slice(1).map((place) => `${place.file}:${String(place.line)}`)
  const also = others.length === 0 ? '' : ` (also ${others.join(', ')})`
  const [first = '', ...more] = wrap(oneLine(`${message}${also}`), width - indent.length)
  return [`${head}${blanks}  ${rule}  ${first}`, ...more.map((text) => indent + text)]
}

const severityWidth = 'warning'.length

function renderAdvice(
  { why, fix, snippet = [] }: Finding,
  lineWidth: number,
  width: number,
  style: Style,
): readonly string[] {
  const indent = ' '.repeat(lineWidth + 2)
  const hang = (label: string, text: string) => {
    const [first = '', ...more] = wrap(oneLine(text), width - indent.length - 5)
    return [`${indent}${style.dim(label)} ${first}`, ...more.map((line) => `${indent}     ${line}`)]
  }
  // Lines to be copied are not wrapped.
  const lines = snippet.map((text) => `${indent}     ${oneLine(text)}`)
  return [...hang('why:', why), ...hang('fix:', fix), ...lines]
}

/** The closing sentence: `3 errors, 5 warnings, 1 info in 6 files`. */
export function renderVerdict(counts: Counts, fileCount: number, ruleCount: number): string {
  const parts = [
    counted(counts.error, 'error'),
    counted(counts.warning, 'warning'),
    counts.info === 0 ? null : `${counts.info} info`,
  ].filter((part) => part !== null)
  const files = `${fileCount} ${fileCount === 1 ? 'file' : 'files'}`
  const known = `${ruleCount} ${ruleCount === 1 ? 'rule' : 'rules'}`
  return parts.length === 0
    ? `No fault found in ${files} (${known}).`
    : `${parts.join(', ')} in ${files} (${known}).`
}

function counted(count: number, word: string): string | null {
  return count === 0 ? null : `${count} ${word}${count === 1 ? '' : 's'}`
}

/** Whether findings end the command with a failure. */
export function isFailure(counts: Counts, isStrict: boolean): boolean {
  const failing: readonly Severity[] = isStrict ? ['error', 'warning'] : ['error']
  return failing.some((severity) => counts[severity] > 0)
}
