// npm run bench:overhead: what pgherd costs. pgbench against the managed primary and against the same
// PostgreSQL with the same standbys unmanaged, in turn; and the idle cluster's memory and processor time.

import path from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { type Column, renderTable } from '../src/cli/render-table.ts'
import { createStyle } from '../src/cli/style.ts'
import { nodeOf } from '../src/core/names.ts'
import { messageOf } from '../src/lib/errors.ts'
import { BenchCluster, defaultShape } from './cluster.ts'
import { type ProgramCost, measureIdleCost } from './idle-cost.ts'
import { measureInTurn } from './in-turn.ts'
import { describeMachine, loadAverage, renderMachine } from './machine.ts'
import { parseChoice, parseCount, readOptions, runBench, writeJson } from './options.ts'
import { Pgbench } from './pgbench.ts'
import { type Programs, findPrograms } from './plain-server.ts'
import { median } from './statistics.ts'
import { Twin, type TwinSource } from './twin.ts'
import { withClient } from './writers.ts'

const say = (line: string): void => void process.stdout.write(`${line}\n`)
const style = createStyle(false, true)

const definitions = {
  plan: { value: 'fast', about: 'timing plan: fast, balanced or wan' },
  rounds: { value: '5', about: 'rounds, each with one run of both' },
  seconds: { value: '20', about: 'length of one run of pgbench' },
  clients: { value: '4', about: 'clients of pgbench' },
  settle: { value: '60', about: 'seconds before the idle cluster is watched' },
  warm: { value: '10', about: 'seconds under load before each run counts' },
  idle: { value: '60', about: 'seconds for which the idle cluster is watched' },
  json: { value: '', about: 'file for the results' },
}

const tpsRatioTarget = 0.97
const residentTargetBytes = 150 * 1024 * 1024
const cpuTargetPercent = 3

type Load = {
  readonly clients: number
  readonly seconds: number
  /** Agents that have just started are still being compiled, and caches are cold. */
  readonly warmUpSeconds: number
}
type Round = {
  readonly managedTps: number
  readonly plainTps: number
  readonly loadAverage: number
}

async function main(): Promise<boolean> {
  const options = readOptions('bench:overhead', definitions, process.argv.slice(2))
  const rounds = parseCount('rounds', options.rounds)
  const load = {
    clients: parseCount('clients', options.clients),
    seconds: parseCount('seconds', options.seconds),
    warmUpSeconds: parseCount('warm', options.warm),
  }
  const idleSeconds = parseCount('idle', options.idle)
  const machine = await describeMachine()
  say(renderMachine(machine))
  const programs = await findPrograms()
  const plan = parseChoice('plan', options.plan, ['fast', 'balanced', 'wan'])
  const cluster = await BenchCluster.start({ ...defaultShape, plan })
  try {
    await pause(parseCount('settle', options.settle) * 1000)
    const idle = await measureIdleCost(cluster, idleSeconds)
    for (const line of renderIdle(idle, idleSeconds, plan)) say(line)
    const results = await compareThroughput(cluster, programs, rounds, load)
    for (const line of renderThroughput(results, load)) say(line)
    if (options.json !== '')
      await writeJson(options.json, { machine, plan, load, idle, rounds: results })
  } finally {
    await cluster.destroy()
  }
  return true
}

/** One after the other, never both at once: the other one is stopped, so that it costs nothing. */
async function compareThroughput(
  cluster: BenchCluster,
  programs: Programs,
  rounds: number,
  load: Load,
): Promise<readonly Round[]> {
  const primary = await cluster.primary()
  await new Pgbench(programs.directory, cluster.directTarget(primary.name)).fill(20)
  await cluster.waitUntilHealthy(60_000)
  const syncSetting = await readSetting(cluster, 'synchronous_standby_names')
  const sources = await twinSources(cluster, primary.name)
  await cluster.runtime.down(() => undefined)
  const twin = await Twin.copy(
    programs,
    path.join(cluster.home, 'twin'),
    sources,
    cluster.directTarget(primary.name),
    syncSetting,
  )
  const measureManaged = async (): Promise<number> => {
    await cluster.up()
    const { name } = await cluster.primary()
    const tps = await measure(programs, cluster.directTarget(name), load).catch(
      async (error: unknown): Promise<never> => {
        // On a machine that stands still for a second the primary changes, and that is not to be guessed.
        const evidence = await cluster.keepEvidence()
        throw new Error(`${messageOf(error)}; evidence in ${evidence}`, { cause: error })
      },
    )
    await cluster.runtime.down(() => undefined)
    return tps
  }
  const measurePlain = async (): Promise<number> => {
    await twin.start()
    try {
      return await measure(programs, twin.target, load)
    } finally {
      await twin.stop()
    }
  }
  const results: Round[] = []
  for (let round = 0; round < rounds; round++) {
    const [managedTps, plainTps] = await measureInTurn(round, measureManaged, measurePlain)
    results.push({ managedTps, plainTps, loadAverage: loadAverage() })
    say(
      `  round ${round + 1}: managed ${managedTps.toFixed(0)} tps, unmanaged ${plainTps.toFixed(0)} tps, ` +
        `ratio ${(managedTps / plainTps).toFixed(3)}, load ${loadAverage().toFixed(1)}`,
    )
  }
  return results
}

async function measure(
  programs: Programs,
  target: BenchCluster['writeTarget'] extends () => infer Result ? Result : never,
  load: Load,
): Promise<number> {
  const pgbench = new Pgbench(programs.directory, target)
  await pgbench.run({ clients: load.clients, seconds: load.warmUpSeconds })
  const { tps, exitCode } = await pgbench.run(load)
  if (tps === null || exitCode !== 0) throw new Error(`pgbench ended with ${String(exitCode)}`)
  return tps
}

async function readSetting(cluster: BenchCluster, name: string): Promise<string> {
  const primary = await cluster.primary()
  return withClient(cluster.directTarget(primary.name), async (client) => {
    const { rows } = await client.query<{ value: string }>('select current_setting($1) as value', [
      name,
    ])
    return rows[0]?.value ?? ''
  })
}

async function twinSources(cluster: BenchCluster, primary: string): Promise<readonly TwinSource[]> {
  const statuses = await Promise.all(cluster.dataNodes().map(({ name }) => cluster.ask(name)))
  return statuses.map((status) => {
    const incarnation = status?.report.incarnation ?? null
    if (incarnation === null) throw new Error('a data node does not answer')
    const node = nodeOf(incarnation)
    return {
      nodeDirectory: path.join(cluster.runtime.directory, 'nodes', node),
      applicationName: incarnation,
      isPrimary: node === primary,
    }
  })
}

function renderIdle(
  costs: readonly ProgramCost[],
  seconds: number,
  plan: string,
): readonly string[] {
  const columns: Column[] = [
    { title: 'Node' },
    { title: 'Program' },
    { title: 'RSS MiB', align: 'right' },
    { title: 'PSS MiB', align: 'right' },
    { title: 'CPU %', align: 'right' },
    { title: 'Files', align: 'right' },
  ]
  const mebibytes = (bytes: number): string => (bytes / 2 ** 20).toFixed(1)
  const row = (node: string, program: string, parts: readonly ProgramCost[]): readonly string[] => [
    node,
    program,
    mebibytes(total(parts.map((part) => part.residentBytes))),
    mebibytes(total(parts.map((part) => part.proportionalBytes))),
    total(parts.map((part) => part.cpuPercent)).toFixed(2),
    String(total(parts.map((part) => part.openFileCount))),
  ]
  const nodes = [...new Set(costs.map((cost) => cost.node))]
  const own = nodes.map((node) => ofProject(costs, node))
  const isMet = own.every(
    (parts) =>
      total(parts.map((part) => part.residentBytes)) <= residentTargetBytes &&
      total(parts.map((part) => part.cpuPercent)) <= cpuTargetPercent,
  )
  return [
    `\nIdle for ${seconds} s, plan ${plan}`,
    ...renderTable(
      columns,
      [
        ...costs.map((cost) => row(cost.node, cost.program, [cost])),
        ...nodes.map((node) => row(node, 'agent + guard', ofProject(costs, node))),
      ],
      Infinity,
      style,
    ),
    `Target per node: agent + guard at most 150 MiB resident and 3 % of a core: ${isMet ? 'met' : 'NOT MET'}\n`,
  ]
}

function ofProject(costs: readonly ProgramCost[], node: string): readonly ProgramCost[] {
  return costs.filter(
    (cost) => cost.node === node && (cost.program === 'agent' || cost.program === 'guard'),
  )
}

function total(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0)
}

function renderThroughput(rounds: readonly Round[], load: Load): readonly string[] {
  const managed = median(rounds.map((round) => round.managedTps))
  const plain = median(rounds.map((round) => round.plainTps))
  const pairs = rounds.map((round) => round.managedTps / round.plainTps)
  const isMet = managed / plain >= tpsRatioTarget
  return [
    `\npgbench, ${load.clients} clients, ${rounds.length} rounds of ${load.seconds} s, direct to the primary`,
    `  managed ${managed.toFixed(0)} tps, unmanaged ${plain.toFixed(0)} tps (medians)`,
    `  ratio of medians ${(managed / plain).toFixed(3)}, median of pairs ${median(pairs).toFixed(3)} ` +
      `(${pairs.map((pair) => pair.toFixed(3)).join(' ')})`,
    `  target ${tpsRatioTarget.toFixed(2)}: ${isMet ? 'met' : 'NOT MET'}`,
  ]
}

await runBench(main)
