// npm run bench:failover: kills real primaries under real writers, measures how long nobody could write,
// and holds what clients were told against what the cluster kept.

import { BenchCluster, defaultShape } from './cluster.ts'
import { renderFailover, renderTrial, type SeriesResult } from './failover-report.ts'
import { faultNames, faults, type FaultName } from './faults.ts'
import { mustMove, runOnClientHost } from './lab.ts'
import { describeMachine, renderMachine } from './machine.ts'
import { parseChoice, parseCount, parseNames, readOptions, runBench, writeJson } from './options.ts'
import { runTrial, type Trial } from './trial.ts'

const say = (line: string): void => void process.stdout.write(`${line}\n`)

/** What is done in each runtime when nothing else was asked for: the faults its promises are about. */
const usualFaults: Readonly<Record<'local' | 'lab', readonly FaultName[]>> = {
  local: ['postmaster-kill', 'node-kill', 'node-kill-store-leader', 'agent-freeze', 'switchover'],
  lab: [
    'host-off',
    'postmaster-kill',
    'host-cut',
    'proxy-kill',
    'keepalived-kill',
    'vip-host-off',
    'switchover',
  ],
}

const definitions = {
  runtime: { value: 'local', about: 'local, or lab (root): real addresses, two balancers, a VIP' },
  plan: { value: 'fast', about: 'timing plan: fast, balanced or wan' },
  trials: { value: '20', about: 'trials of each fault' },
  faults: {
    value: '',
    about:
      `comma-separated list of ${faultNames.join(', ')} ` +
      `(local: ${usualFaults.local.join(',')}; lab: ${usualFaults.lab.join(',')})`,
  },
  json: { value: '', about: 'file for every trial and the facts of the machine' },
}

async function main(): Promise<boolean> {
  const options = readOptions('bench:failover', definitions, process.argv.slice(2))
  const plan = parseChoice('plan', options.plan, ['fast', 'balanced', 'wan'])
  const trialCount = parseCount('trials', options.trials)
  const runtime = parseChoice('runtime', options.runtime, ['local', 'lab'])
  const names =
    options.faults === '' ? usualFaults[runtime] : parseNames('faults', options.faults, faultNames)
  const shape = { ...defaultShape, runtime, plan }
  if (mustMove(shape)) return runOnClientHost(shape)

  const machine = await describeMachine()
  say(renderMachine(machine))
  const startedAt = new Date()
  const cluster = await BenchCluster.start(shape)
  const series: SeriesResult[] = []
  try {
    for (const name of names) series.push(await runSeries(cluster, name, trialCount, series))
  } finally {
    await cluster.destroy()
  }
  say('')
  for (const line of renderFailover(plan, series)) say(line)
  const trials = series.flatMap((result) => result.trials)
  const isSound = trials.every((trial) => trial.faults.length === 0)
  const isComplete = series.every((result) => result.aborted === null)
  say('')
  say(
    `${trials.length} trials: ${isSound ? 'nothing acknowledged was lost' : 'UNSOUND, see above'}`,
  )
  if (options.json !== '') {
    await writeJson(options.json, { startedAt, plan, machine, isSound, isComplete, series })
  }
  return isSound && isComplete
}

async function runSeries(
  cluster: BenchCluster,
  name: FaultName,
  trialCount: number,
  before: readonly SeriesResult[],
): Promise<SeriesResult> {
  say(`\n${faults[name].title}`)
  const trials: Trial[] = []
  const former = before.reduce((count, result) => count + result.trials.length + 1, 0)
  if (before.some((result) => result.aborted !== null)) {
    return { fault: name, trials, aborted: 'an earlier trial was aborted' }
  }
  try {
    for (let round = 1; round <= trialCount; round++) {
      const trial = await runTrial(cluster, faults[name], former + round)
      trials.push(trial)
      say(renderTrial(trial))
      if (trial.faults.length > 0) say(`      evidence in ${await cluster.keepEvidence()}`)
    }
    return { fault: name, trials, aborted: null }
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    say(`  ABORTED: ${reason}; evidence in ${await cluster.keepEvidence()}`)
    return { fault: name, trials, aborted: reason }
  }
}

await runBench(main)
