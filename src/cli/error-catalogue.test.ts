// The catalogue against the sources: no code without help, no help without a code, and the same reason
// (so the same exit code) in both.

import { readFileSync, readdirSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import { errorCatalogue } from './error-catalogue.ts'

const source = path.resolve(import.meta.dirname, '..')

function thrownErrors(): readonly string[] {
  const files = readdirSync(source, { recursive: true, encoding: 'utf8' })
  const texts = files
    .filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts'))
    .filter(
      (file) =>
        !['command-errors.ts', 'set-up-errors.ts', 'lint-errors.ts'].includes(path.basename(file)),
    )
    .map((file) => readFileSync(path.join(source, file), 'utf8'))
  const found = texts.flatMap((text) =>
    [...text.matchAll(/code: '(PGHERD_\w+)',\s*reason: '(\w+)'/g)].map(
      ([, code = '', reason = '']) => `${code} ${reason}`,
    ),
  )
  return [...new Set(found)].sort()
}

test('every error has its help, with the same exit code', () => {
  const helped = errorCatalogue.map((help) => `${help.code} ${help.reason}`).sort()
  expect(helped).toEqual(thrownErrors())
})

test('the scan finds errors, and helps are whole sentences', () => {
  expect(thrownErrors()).toContain('PGHERD_SPEC_INVALID configuration')
  for (const help of errorCatalogue) {
    expect(help.meaning).toMatch(/^[A-Z].*\.$/)
    expect(help.remedies.length).toBeGreaterThan(0)
    for (const remedy of help.remedies) expect(remedy).toMatch(/^[A-Z`].*[.]$|^useradd/)
  }
})
