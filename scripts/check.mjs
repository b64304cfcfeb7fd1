// All checks in one command, cheapest first, ended by the first one that fails. Never writes a
// tracked file. The last line is always `N passed, N failed`: tests of vitest, and a failed step
// that is no test run (or a test file that could not be loaded) counts as one failure.
//
//   node scripts/check.mjs          what needs nothing but Node
//   node scripts/check.mjs --all    and the integration tests (PostgreSQL, etcd, HAProxy, Keepalived)
import { spawn } from 'node:child_process'
import { mkdirSync, rmSync } from 'node:fs'
import path from 'node:path'
import { countTests, readReport } from './check/count-tests.mjs'

const root = path.resolve(import.meta.dirname, '..')
const reports = path.join(root, 'node_modules', '.cache', 'check')
mkdirSync(reports, { recursive: true })

const steps = [
  { title: 'format', command: npmRun('format:check') },
  { title: 'lint', command: npmRun('lint') },
  { title: 'types', command: npmRun('typecheck') },
  { title: 'unit tests', project: 'unit' },
  { title: 'simulator smoke', command: npmRun('sim:smoke') },
  { title: 'generated docs', command: npmRun('docs:check') },
  ...(process.argv.includes('--all')
    ? [{ title: 'integration tests', project: 'integration' }]
    : []),
]

const total = { passed: 0, failed: 0 }
for (const [index, step] of steps.entries()) {
  const label = `[${index + 1}/${steps.length}] ${step.title}`
  console.log(`\n${label}`)
  const startedAt = process.hrtime.bigint()
  const failure = step.project === undefined ? await runCommand(step) : await runTests(step)
  const seconds = (Number(process.hrtime.bigint() - startedAt) / 1e9).toFixed(1)
  console.log(`${label}: ${failure === null ? 'ok' : failure} (${seconds} s)`)
  if (failure !== null) {
    process.exitCode = 1
    break
  }
}
console.log(`\n${total.passed} passed, ${total.failed} failed`)

function npmRun(name) {
  return ['npm', 'run', '--silent', name]
}

async function runCommand(step) {
  const status = await run(step.command)
  if (status === 0) return null
  total.failed += 1
  return `FAILED (${step.command.slice(-1)}: ${status})`
}

async function runTests(step) {
  const resultFile = path.join(reports, `${step.project}.json`)
  rmSync(resultFile, { force: true })
  const status = await run([
    process.execPath,
    path.join(root, 'node_modules', 'vitest', 'vitest.mjs'),
    'run',
    '--project',
    step.project,
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${resultFile}`,
  ])
  const { passed, failed, skipped } = countTests(readReport(resultFile))
  total.passed += passed
  total.failed += failed
  if (status === 0 && failed === 0) {
    if (skipped > 0) console.log(`${skipped} skipped, see the reasons above`)
    return null
  }
  // An error outside a test (an unhandled rejection, no test found) fails the run all the same.
  if (failed === 0) total.failed += 1
  return `FAILED (${failed} of ${passed + failed} tests)`
}

/** Exit status, or the name of the signal that ended the command. */
function run([program, ...parameters]) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, parameters, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] })
    child.on('error', reject)
    child.on('close', (status, signal) => resolve(status ?? signal))
  })
}
