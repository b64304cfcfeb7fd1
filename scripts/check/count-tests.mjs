// Counts tests in the JSON report of vitest. A file that could not be loaded has no test in it that
// failed, and counts as one failure.
import { readFileSync } from 'node:fs'

/** The report, or null when the run ended before it was written. */
export function readReport(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'))
  } catch {
    return null
  }
}

export function countTests(report) {
  if (report === null) return { passed: 0, failed: 0, skipped: 0 }
  const notLoaded = report.testResults.filter(
    (file) =>
      file.status === 'failed' && file.assertionResults.every((test) => test.status !== 'failed'),
  )
  return {
    passed: report.numPassedTests,
    failed: report.numFailedTests + notLoaded.length,
    skipped: report.numPendingTests + (report.numTodoTests ?? 0),
  }
}
