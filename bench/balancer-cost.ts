// npm run bench:balancer: what the way through the virtual address and HAProxy costs. pgbench from the
// client host of a lab, straight to the primary and through the address, in turn. Needs root.

import { type Column, renderTable } from '../src/cli/render-table.ts'
import { createStyle } from '../src/cli/style.ts'
import { BenchCluster, defaultShape } from './cluster.ts'
import { giveCore } from './cores.ts'
import { measureInTurn } from './in-turn.ts'
import { mustMove, runOnClientHost, vipHolderOf } from './lab.ts'
import { describeMachine, loadAverage, renderMachine } from './machine.ts'
import { parseChoice, parseCount, readOptions, runBench, writeJson } from './options.ts'
import { Pgbench, type PgbenchScript } from './pgbench.ts'
import { findPrograms } from './plain-server.ts'
import { median } from './statistics.ts'

const say = (line: string): void => void process.stdout.write(`${line}\n`)
const style = createStyle(false, true)
const right = (title: string): Column => ({ title, align: 'right' })

const definitions = {
  rounds: { value: '5', about: 'rounds of each script, each with one run of both ways' },
  seconds: { value: '8', about: 'length of one run' },
  clients: { value: '8', about: 'clients of pgbench' },
  cores: {
    value: 'shared',
    about:
      'shared: all processes share all cores; own: HAProxy has one to itself, as on its own host',
  },
  json: { value: '', about: 'file for the results' },
}

const ratioTarget = 0.93
const scripts: readonly PgbenchScript[] = ['select-only', 'tpcb-like']

type Round = {
  readonly script: PgbenchScript
  readonly directTps: number
  readonly balancedTps: number
  readonly loadAverage: number
}

async function main(): Promise<boolean> {
  const options = readOptions('bench:balancer', definitions, process.argv.slice(2))
  const rounds = parseCount('rounds', options.rounds)
  const seconds = parseCount('seconds', options.seconds)
  const clients = parseCount('clients', options.clients)
  const cores = parseChoice('cores', options.cores, ['shared', 'own'])
  const shape = { ...defaultShape, runtime: 'lab' as const }
  if (mustMove(shape)) return runOnClientHost(shape)

  const machine = await describeMachine()
  say(renderMachine(machine))
  const { directory } = await findPrograms()
  const cluster = await BenchCluster.start(shape)
  const results: Round[] = []
  try {
    await vipHolderOf(cluster)
    const direct = new Pgbench(directory, cluster.directTarget((await cluster.primary()).name))
    const balanced = new Pgbench(directory, cluster.writeTarget())
    await direct.fill(20)
    await cluster.waitUntilHealthy(60_000)
    if (cores === 'own') await giveCore(cluster.home, 'haproxy')
    for (const script of scripts) {
      const measure = async (way: Pgbench): Promise<number> => {
        const { tps } = await way.run({ clients, seconds, script })
        if (tps === null) throw new Error(`pgbench ${script} could not connect`)
        return tps
      }
      // Caches and compilers get warm before anything counts.
      await measure(direct)
      await measure(balanced)
      for (let round = 0; round < rounds; round++) {
        const [directTps, balancedTps] = await measureInTurn(
          round,
          () => measure(direct),
          () => measure(balanced),
        )
        results.push({ script, directTps, balancedTps, loadAverage: loadAverage() })
        say(
          `  ${script} ${String(round + 1)}: direct ${directTps.toFixed(0)} tps, ` +
            `through the address ${balancedTps.toFixed(0)} tps, ratio ${(balancedTps / directTps).toFixed(2)}`,
        )
      }
    }
  } finally {
    await cluster.destroy()
  }
  for (const line of renderResult(results, clients, cores)) say(line)
  if (options.json !== '')
    await writeJson(options.json, { machine, clients, seconds, cores, results })
  return true
}

function renderResult(
  results: readonly Round[],
  clients: number,
  cores: 'shared' | 'own',
): readonly string[] {
  const columns = [
    { title: 'Script' },
    right('Direct, median tps'),
    right('Through the address'),
    right('Ratio, median'),
    right('Min'),
    right('Max'),
    right('Target'),
    { title: 'Met' },
  ]
  const rows = scripts.map((script) => {
    const own = results.filter((one) => one.script === script)
    const ratios = own.map((one) => one.balancedTps / one.directTps)
    const typical = median(ratios)
    return [
      script,
      median(own.map((one) => one.directTps)).toFixed(0),
      median(own.map((one) => one.balancedTps)).toFixed(0),
      typical.toFixed(3),
      Math.min(...ratios).toFixed(3),
      Math.max(...ratios).toFixed(3),
      ratioTarget.toFixed(2),
      typical >= ratioTarget ? 'yes' : 'NO',
    ]
  })
  return [
    '',
    `Transactions per second, ${String(clients)} clients, ` +
      (cores === 'own' ? 'a core for HAProxy alone, the rest for everything else' : 'shared cores'),
    ...renderTable(columns, rows, Infinity, style),
  ]
}

await runBench(main)
