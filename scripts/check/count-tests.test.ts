import { describe, expect, test } from 'vitest'
import { countTests, readReport } from './count-tests.mjs'

const ok = { status: 'passed', assertionResults: [{ status: 'passed' }] }
const failed = { status: 'failed', assertionResults: [{ status: 'passed' }, { status: 'failed' }] }
const notLoaded = { status: 'failed', assertionResults: [] }
const totals = { numPassedTests: 2, numFailedTests: 1, numPendingTests: 3, numTodoTests: 0 }

describe('count-tests', () => {
  test('passed, failed and skipped are taken from the report', () => {
    const report = { ...totals, testResults: [ok, failed] }
    expect(countTests(report)).toEqual({ passed: 2, failed: 1, skipped: 3 })
  })

  test('a file that could not be loaded → one more failure', () => {
    const report = { ...totals, testResults: [ok, failed, notLoaded] }
    expect(countTests(report)).toMatchObject({ failed: 2 })
  })

  test('no report → nothing counted', () => {
    expect(countTests(readReport('/nonexistent/report.json'))).toMatchObject({ passed: 0 })
  })
})
