// npm run bench:soak: pgbench and the ledger's writers through the balancer while something is killed
// every few seconds, in clusters of several shapes; then everything must add up and nothing may leak.

import { setTimeout as pause } from 'node:timers/promises'
import type { NodeName } from '../src/core/names.ts'
import { messageOf } from '../src/lib/errors.ts'
import { acknowledgementsOf } from './attempt.ts'
import { BenchCluster, type ClusterShape, defaultShape, waitFor } from './cluster.ts'
import { faults, type FaultName } from './faults.ts'
import { compareInventories, openPortsOf, processesIn, takeInventory } from './inventory.ts'
import { describeFaults, judgeLedger } from './ledger.ts'
import { describeMachine, loadAverage, renderMachine } from './machine.ts'
import { parseChoice, parseCount, readOptions, runBench, UsageError, writeJson } from './options.ts'
import { checkPgbenchTables, Pgbench } from './pgbench.ts'
import { findPrograms } from './plain-server.ts'
import { Writers, readLedger } from './writers.ts'

const say = (line: string): void => void process.stdout.write(`${line}\n`)

const definitions = {
  shapes: { value: '3+1,1,2+1,3,5', about: 'data nodes and witnesses of each cluster' },
  plan: { value: 'fast', about: 'timing plan: fast, balanced or wan' },
  seconds: { value: '60', about: 'how long each cluster is under load' },
  period: { value: '10', about: 'seconds from one kill to the next' },
  clients: { value: '4', about: 'clients of pgbench' },
  json: { value: '', about: 'file for the results' },
}

/** Whom a kill hits: the primary of that moment, a standby, or a witness. */
type Victim = 'primary' | 'standby' | 'witness'
type Kill = { readonly victim: Victim; readonly fault: FaultName }

const kills: readonly Kill[] = [
  { victim: 'primary', fault: 'postmaster-kill' },
  { victim: 'witness', fault: 'node-kill' },
  { victim: 'primary', fault: 'node-kill' },
  { victim: 'standby', fault: 'node-kill' },
  { victim: 'primary', fault: 'agent-kill' },
  { victim: 'primary', fault: 'guard-kill' },
]

/** A killed node is started again after this long, while the load goes on. */
const absenceMs = 3000
const settleMsMax = 120_000

type SoakResult = {
  readonly shape: string
  readonly kills: readonly string[]
  readonly pgbench: { readonly told: number; readonly found: number; readonly runs: number }
  readonly ledger: Readonly<Record<'acknowledged' | 'failed' | 'unknown' | 'missing', number>>
  /** The longest time without an acknowledged commit of the ledger. */
  readonly longestGapMs: number
  /** From the last kill until everything was healthy again. */
  readonly settledMs: number
  readonly problems: readonly string[]
  readonly loadAverage: number
}

async function main(): Promise<boolean> {
  const options = readOptions('bench:soak', definitions, process.argv.slice(2))
  const plan = parseChoice('plan', options.plan, ['fast', 'balanced', 'wan'])
  const shapes = options.shapes.split(',').map((text) => parseShape(text, plan))
  const load = {
    seconds: parseCount('seconds', options.seconds),
    periodSeconds: parseCount('period', options.period),
    clients: parseCount('clients', options.clients),
  }
  const machine = await describeMachine()
  say(renderMachine(machine))
  const results: SoakResult[] = []
  for (const shape of shapes) {
    const result = await soak(shape, load)
    results.push(result)
    say(renderResult(result))
  }
  const isSound = results.every((result) => result.problems.length === 0)
  say(isSound ? '\nEverything adds up.' : '\nNOT SOUND, see above.')
  if (options.json !== '') await writeJson(options.json, { machine, load, isSound, results })
  return isSound
}

/** `3+1`: three data nodes and a witness. */
function parseShape(text: string, plan: ClusterShape['plan']): ClusterShape {
  const match = /^([1-9])(?:\+([1-9]))?$/.exec(text.trim())
  if (match === null) throw new UsageError(`--shapes: "${text}" is not like 3 or 2+1`)
  return {
    ...defaultShape,
    plan,
    dataNodeCount: Number(match[1]),
    witnessCount: Number(match[2] ?? 0),
  }
}

const nameOf = (shape: ClusterShape): string =>
  shape.witnessCount === 0
    ? `${shape.dataNodeCount}`
    : `${shape.dataNodeCount}+${shape.witnessCount}`

type Load = {
  readonly seconds: number
  readonly periodSeconds: number
  readonly clients: number
}

async function soak(shape: ClusterShape, load: Load): Promise<SoakResult> {
  say(`\nShape ${nameOf(shape)}: ${load.seconds} s, a kill every ${load.periodSeconds} s`)
  const cluster = await BenchCluster.start(shape)
  const { layout } = cluster.runtime
  const problems: string[] = []
  let result: SoakResult
  try {
    result = await soakCluster(cluster, load)
  } finally {
    await cluster.destroy()
  }
  problems.push(...result.problems)
  for (const line of await processesIn(cluster.home)) problems.push(`left behind: ${line}`)
  for (const port of await openPortsOf(layout)) problems.push(`port ${port} is still in use`)
  return { ...result, problems }
}

async function soakCluster(cluster: BenchCluster, load: Load): Promise<SoakResult> {
  const { directory } = await findPrograms()
  const target = cluster.writeTarget()
  const pgbench = new Pgbench(directory, target)
  await pgbench.fill(5)
  await cluster.waitUntilHealthy(settleMsMax)
  const before = await takeInventory(cluster)
  const ending = new AbortController()
  const writers = Writers.start(target, 1)
  const running = pgbench.keepRunning(load.clients, ending.signal)
  const done: string[] = []
  const problems: string[] = []
  try {
    await writers.waitForAll(20_000)
    for (let second = 0; second < load.seconds; second += load.periodSeconds) {
      const until = pause(load.periodSeconds * 1000)
      await pause((load.periodSeconds * 1000) / 2)
      done.push(await killSomething(cluster, kills, done.length))
      await until
    }
    const lastKillAtMs = performance.now() - (load.periodSeconds * 1000) / 2
    await cluster.waitUntilHealthy(settleMsMax)
    const settledMs = performance.now() - lastKillAtMs
    await writers.waitForAll(20_000)
    ending.abort()
    const attempts = await writers.stop()
    const told = await running
    const verdict = judgeLedger(attempts, await readLedger(target, 1))
    const tables = await checkPgbenchTables(target)
    problems.push(...describeFaults(verdict), ...tables.problems)
    if (tables.transactions < told.transactions) {
      problems.push(`pgbench was told ${told.transactions}, ${tables.transactions} are there`)
    }
    problems.push(...(await settle(cluster, before)))
    const { acknowledged, failed, unknown, missing } = verdict
    return {
      shape: nameOf(cluster.shape),
      kills: done,
      pgbench: { told: told.transactions, found: tables.transactions, runs: told.runs },
      ledger: { acknowledged, failed, unknown, missing: missing.length },
      longestGapMs: longestGap(acknowledgementsOf(attempts).map((one) => one.endedAtMs)),
      settledMs,
      problems,
      loadAverage: loadAverage(),
    }
  } finally {
    ending.abort()
    await writers.stop()
    await running
  }
}

/** Kills, and lets the node come back. A victim that this cluster has not is skipped. */
async function killSomething(
  cluster: BenchCluster,
  candidates: readonly Kill[],
  turn: number,
): Promise<string> {
  const status = await cluster.status()
  const findVictim = (victim: Victim): NodeName | null =>
    status.nodes.find((node) => node.role === victim)?.name ?? null
  const possible = candidates.filter(({ victim }) => findVictim(victim) !== null)
  const kill = possible[turn % possible.length]
  if (kill === undefined) return 'nobody could be killed'
  const name = findVictim(kill.victim)
  if (name === null) return 'nobody could be killed'
  const fault = faults[kill.fault]
  const what = `${kill.victim} ${name}: ${fault.title}`
  say(`  ${what}`)
  const faultAtMs = await fault.inject(cluster, name)
  await pause(absenceMs)
  await fault.heal(cluster, name, faultAtMs)
  return what
}

/** Everybody holds the same rows, and nothing is left of what the kills brought. */
async function settle(
  cluster: BenchCluster,
  before: Awaited<ReturnType<typeof takeInventory>>,
): Promise<readonly string[]> {
  const differences = await cluster.waitUntilSameEverywhere(1, 30_000).then(
    () => [],
    (error: unknown) => [messageOf(error)],
  )
  let leaks: readonly string[] = []
  await waitFor(
    () => 'nothing leaks',
    async () => {
      leaks = compareInventories(before, await takeInventory(cluster))
      return leaks.length === 0
    },
    30_000,
    500,
  ).catch(() => undefined)
  return [...differences, ...leaks]
}

function longestGap(instants: readonly number[]): number {
  return Math.max(0, ...instants.slice(1).map((instant, index) => instant - (instants[index] ?? 0)))
}

function renderResult(result: SoakResult): string {
  const { ledger, pgbench } = result
  return [
    `  ledger: ${ledger.acknowledged} acknowledged, ${ledger.failed} failed, ${ledger.unknown} unknown, ${ledger.missing} lost`,
    `  pgbench: ${pgbench.told} told, ${pgbench.found} found, ${pgbench.runs} runs`,
    `  longest gap ${(result.longestGapMs / 1000).toFixed(2)} s, settled after ${(result.settledMs / 1000).toFixed(1)} s, load ${result.loadAverage.toFixed(1)}`,
    ...result.problems.map((problem) => `  PROBLEM: ${problem}`),
  ].join('\n')
}

await runBench(main)
