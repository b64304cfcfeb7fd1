// npm run sim: runs seeds of the simulator, in parallel, and tells the story of the first that fails.

import { writeFileSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { protectionNames, type ProtectionName } from '../src/core/protections.ts'
import { runGuarded } from './guarded-run.ts'
import { runPool } from './pool.ts'
import { scenarios } from './scenarios/all.ts'
import { seedsThatFailed } from './seeds.ts'
import type { SeedReport } from './worker.ts'
import { writeObjections } from './write-objections.ts'

const usage = `Runs the shipped agents over simulated clocks, network, store and PostgreSQL.

  npm run sim -- --seed 42                     one seed, with its verdict
  npm run sim -- --seed 42 --transcript        and its whole story
  npm run sim -- --seed 1 --runs 100000        many seeds, on all cores
  npm run sim -- --scenario NAME --runs 20     a directed story (see sim/scenarios)
  npm run sim -- --without seal --runs 200     a protection taken away: a checker must object
  npm run sim:smoke                            what every check runs: 2,000 seeds
  npm run sim -- --write-objections            writes sim/objections/*.txt again

  --workers N   processes (default: one per core)      --keep-going  do not stop at a failure
  --json        the result as JSON on standard output  --help        this text

Exit code: 0 no violation, 1 a violation, 2 wrong usage.
`

const smokeRuns = 2000
const storyLines = 60

type Options = {
  readonly seeds: readonly number[]
  readonly scenario: string | null
  readonly without: readonly ProtectionName[]
  readonly workerCount: number
  readonly isTranscriptWanted: boolean
  readonly isJson: boolean
  readonly isKeptGoing: boolean
  readonly isWritingObjections: boolean
}

class UsageError extends Error {}

function parseOptions(): Options | null {
  const { values } = parseArgs({
    options: {
      seed: { type: 'string', default: '1' },
      runs: { type: 'string', default: '1' },
      scenario: { type: 'string' },
      without: { type: 'string', multiple: true, default: [] },
      workers: { type: 'string' },
      transcript: { type: 'boolean', default: false },
      smoke: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      'keep-going': { type: 'boolean', default: false },
      'write-objections': { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) return null
  const first = wholeNumber('--seed', values.seed)
  const runs = values.smoke ? smokeRuns : wholeNumber('--runs', values.runs)
  const range = Array.from({ length: runs }, (_, index) => first + index)
  const known = values.smoke ? seedsThatFailed.map(({ seed }) => seed) : []
  const { scenario } = values
  if (scenario !== undefined && !scenarios.some(({ name }) => name === scenario)) {
    const names = scenarios.map(({ name }) => name).join(', ')
    throw new UsageError(`there is no scenario ${scenario}; there are ${names}`)
  }
  return {
    seeds: [...new Set([...known, ...range])],
    scenario: scenario ?? null,
    without: values.without.flatMap((text) => text.split(',')).map(protectionName),
    workerCount: Math.min(
      runs,
      values.workers === undefined
        ? availableParallelism()
        : wholeNumber('--workers', values.workers),
    ),
    isTranscriptWanted: values.transcript,
    isJson: values.json,
    isKeptGoing: values['keep-going'],
    isWritingObjections: values['write-objections'],
  }
}

function wholeNumber(option: string, text: string): number {
  const value = Number(text)
  if (!Number.isSafeInteger(value) || value < 0) {
    throw new UsageError(`${option} wants a whole number, not ${text}`)
  }
  return value
}

function protectionName(text: string): ProtectionName {
  const found = protectionNames.find((name) => name === text)
  if (found === undefined) {
    throw new UsageError(`there is no protection ${text}; there are ${protectionNames.join(', ')}`)
  }
  return found
}

type Totals = {
  runs: number
  events: number
  virtualMs: number
  commits: number
  openings: number
  readonly recoveriesMs: number[]
  readonly failures: SeedReport[]
}

async function runAll(options: Options): Promise<Totals> {
  const totals: Totals = {
    runs: 0,
    events: 0,
    virtualMs: 0,
    commits: 0,
    openings: 0,
    recoveriesMs: [],
    failures: [],
  }
  const startedMs = performance.now()
  await runPool(options.seeds, {
    workerCount: options.workerCount,
    scenario: options.scenario,
    without: options.without,
    isEnough: () => !options.isKeptGoing && totals.failures.length > 0,
    onReport: (report) => {
      totals.runs++
      totals.events += report.eventCount
      totals.virtualMs += report.virtualMs
      totals.commits += report.acknowledgedCount
      totals.openings += report.openingCount
      if (report.recoveryMs !== null) totals.recoveriesMs.push(report.recoveryMs)
      if (report.violation !== null) totals.failures.push(report)
      if (totals.runs % 200 === 0) progress(totals, options.seeds.length, startedMs)
    },
  })
  return totals
}

function progress(totals: Totals, total: number, startedMs: number): void {
  const seconds = (performance.now() - startedMs) / 1000
  console.error(
    `${String(totals.runs)} of ${String(total)} seeds, ${seconds.toFixed(0)} s, ${String(totals.failures.length)} violations`,
  )
}

/** Runs one seed again with its transcript, prints the end of it and keeps the whole in a file. */
async function tell(seed: number, options: Options, lastCount: number): Promise<boolean> {
  const { scenario, without } = options
  const { result, violation } = await runGuarded({
    seed,
    scenario,
    without,
    isTranscriptKept: true,
  })
  const lines = result?.transcript.render(lastCount) ?? ''
  console.error(lines)
  if (violation === null) return false
  console.error(`seed ${String(seed)}: ${violation.invariant}: ${violation.message}`)
  console.error(JSON.stringify(violation.operands, null, 1))
  const file = path.join(tmpdir(), `pgherd-sim-${String(seed)}.txt`)
  const whole = result?.transcript.render() ?? ''
  const operands = JSON.stringify(violation, null, 1)
  writeFileSync(file, `seed ${String(seed)}\n${operands}\n${whole}`)
  console.error(`the whole transcript: ${file}`)
  return true
}

function summary(totals: Totals, seconds: number): Record<string, unknown> {
  const recoveries = totals.recoveriesMs.sort((a, b) => a - b)
  const at = (share: number): number | null =>
    recoveries[Math.min(recoveries.length - 1, Math.floor(recoveries.length * share))] ?? null
  return {
    seeds: totals.runs,
    violations: totals.failures.length,
    seconds: Number(seconds.toFixed(1)),
    seedsPerSecond: Number((totals.runs / seconds).toFixed(1)),
    virtualHours: Number((totals.virtualMs / 3_600_000).toFixed(2)),
    events: totals.events,
    primariesOpened: totals.openings,
    commitsAcknowledged: totals.commits,
    recoveryMs: { median: at(0.5), p99: at(0.99), max: at(1) },
    failures: totals.failures.map(({ seed, violation }) => ({ seed, ...violation })),
  }
}

async function main(): Promise<number> {
  const options = parseOptions()
  if (options === null) {
    console.log(usage)
    return 0
  }
  if (options.isWritingObjections) {
    await writeObjections((line) => {
      console.log(line)
    })
    return 0
  }
  const [only] = options.seeds
  if (options.isTranscriptWanted && options.seeds.length === 1 && only !== undefined) {
    return (await tell(only, options, Number.POSITIVE_INFINITY)) ? 1 : 0
  }
  const startedMs = performance.now()
  const totals = await runAll(options)
  const result = summary(totals, (performance.now() - startedMs) / 1000)
  const [failure] = totals.failures
  if (failure !== undefined) await tell(failure.seed, options, storyLines)
  if (options.isJson) console.log(JSON.stringify(result, null, 1))
  else {
    console.log(
      `${String(totals.runs)} seeds, ${String(result['virtualHours'])} virtual hours, ${String(totals.openings)} primaries opened, ${String(totals.commits)} commits acknowledged, ${String(totals.failures.length)} violations, ${String(result['seconds'])} s`,
    )
    for (const { seed, violation } of totals.failures.slice(0, 20)) {
      console.log(
        `  seed ${String(seed)}: ${violation?.invariant ?? ''}: ${violation?.message ?? ''}`,
      )
    }
  }
  return totals.failures.length > 0 ? 1 : 0
}

main().then(
  (status) => {
    process.exitCode = status
  },
  (error: unknown) => {
    const isUsage =
      error instanceof UsageError ||
      (error as { code?: string }).code?.startsWith('ERR_PARSE_ARGS') === true
    console.error(isUsage ? `${(error as Error).message}\n\n${usage}` : error)
    process.exitCode = isUsage ? 2 : 1
  },
)
