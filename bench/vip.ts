// npm run bench:vip: breaks balancers in random ways and looks where the virtual address is, at every
// moment: on one host, never on two, and on one again soon after everything is mended. Needs root.

import { randomInt } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { readMonotonicMs } from '../src/host/monotonic.ts'
import { signalProcess } from '../src/host/process-table.ts'
import type { NodeName } from '../src/core/names.ts'
import { type Column, renderTable } from '../src/cli/render-table.ts'
import { createStyle } from '../src/cli/style.ts'
import { balancersOf } from '../src/core/cluster-layout.ts'
import { BenchCluster, defaultShape } from './cluster.ts'
import { labOf, mustMove, runOnClientHost, vipHolderOf, vipHoldersOf } from './lab.ts'
import { describeMachine, loadAverage, renderMachine } from './machine.ts'
import { parseChoice, parseCount, parseNames, readOptions, runBench, writeJson } from './options.ts'
import { type VipSamples, VipWatch, sampleVip } from './vip-watch.ts'

const say = (line: string): void => void process.stdout.write(`${line}\n`)

const kinds = [
  'proxy-kill',
  'keepalived-kill',
  'keepalived-freeze',
  'both-kill',
  'agent-kill',
  'agent-freeze',
  'power',
  'cut',
  'cut-from-primary',
  'apart',
] as const
type Kind = (typeof kinds)[number]

/** Balancers that hear everybody but each other: VRRP itself elects two then. */
const splitting: Kind = 'apart'

const definitions = {
  plan: { value: 'fast', about: 'timing plan: fast, balanced or wan' },
  trials: { value: '20', about: 'faults, each drawn at random' },
  faults: { value: kinds.join(','), about: `comma-separated list to draw from` },
  json: { value: '', about: 'file for every trial and the facts of the machine' },
}

const periodMs = 50
/** After everything is mended, exactly one has the address within this time. */
const settleMsMax = 2000

type Trial = {
  readonly kind: Kind
  readonly hit: NodeName
  readonly hadVip: boolean
  readonly samples: VipSamples
  /** From the mending until there was one holder to the end; null: there was not. */
  readonly settledMs: number | null
  readonly loadAverage: number
}

type Mend = () => Promise<void>

async function main(): Promise<boolean> {
  const options = readOptions('bench:vip', definitions, process.argv.slice(2))
  const plan = parseChoice('plan', options.plan, ['fast', 'balanced', 'wan'])
  const trialCount = parseCount('trials', options.trials)
  const names = parseNames('faults', options.faults, kinds)
  const shape = { ...defaultShape, runtime: 'lab' as const, plan }
  if (mustMove(shape)) return runOnClientHost(shape)

  const machine = await describeMachine()
  say(renderMachine(machine))
  const startedAt = new Date()
  const cluster = await BenchCluster.start(shape)
  const trials: Trial[] = []
  try {
    await vipHolderOf(cluster)
    for (let round = 1; round <= trialCount; round++) {
      const kind = names[randomInt(names.length)] ?? 'power'
      const trial = await runTrial(cluster, kind)
      trials.push(trial)
      say(renderTrial(round, trial))
    }
  } finally {
    await cluster.destroy()
  }
  say('')
  for (const line of renderResult(trials)) say(line)
  if (options.json !== '') await writeJson(options.json, { startedAt, plan, machine, trials })
  return trials.every(isSound)
}

/** One holder at most, but where VRRP cannot know; and one after the mending. */
function isSound({ kind, samples, settledMs }: Trial): boolean {
  const isShared = samples.two > 0 && kind !== splitting
  return !isShared && settledMs !== null && settledMs <= settleMsMax
}

async function runTrial(cluster: BenchCluster, kind: Kind): Promise<Trial> {
  await cluster.waitUntilHealthy(60_000)
  const holder = await vipHolderOf(cluster)
  const hosts = balancersOf(cluster.runtime.layout).map((node) => node.name)
  const hit = hosts[randomInt(hosts.length)] ?? holder
  const lab = labOf(cluster)
  const watch = new VipWatch(
    cluster.runtime.layout.vip?.address ?? '',
    hosts,
    (host) => lab.enter(host),
    await vipHoldersOf(cluster),
  )
  try {
    await pause(randomInt(200, 700))
    const fromMs = readMonotonicMs()
    const mend = await inject(cluster, kind, hit, watch)
    await pause(randomInt(2500, 4000))
    const mendingAtMs = readMonotonicMs()
    await mend()
    const mendedAtMs = readMonotonicMs()
    await pause(settleMsMax + 1500)
    const untilMs = readMonotonicMs()
    const samples = sampleVip(watch.changes(), fromMs, untilMs, periodMs)
    const after = sampleVip(watch.changes(), mendingAtMs, untilMs, periodMs)
    const { settledAtMs } = after
    const settledMs = settledAtMs === null ? null : Math.max(0, settledAtMs - mendedAtMs)
    const load = loadAverage()
    return { kind, hit, hadVip: hit === holder, samples, settledMs, loadAverage: load }
  } finally {
    watch.stop()
  }
}

const nothing: Mend = async () => undefined

/** @returns what mends it */
async function inject(
  cluster: BenchCluster,
  kind: Kind,
  hit: NodeName,
  watch: VipWatch,
): Promise<Mend> {
  const lab = labOf(cluster)
  const cutFrom = async (from: readonly string[] | null): Promise<Mend> => {
    await lab.cut(hit, from, false)
    return async () => {
      await lab.heal(hit, from)
    }
  }
  switch (kind) {
    case 'proxy-kill':
      await signalNamed(cluster, hit, ['haproxy'], 'SIGKILL')
      return nothing
    case 'keepalived-kill':
      await signalNamed(cluster, hit, ['keepalived'], 'SIGKILL')
      return nothing
    case 'keepalived-freeze':
      await signalNamed(cluster, hit, ['keepalived'], 'SIGSTOP')
      return nothing
    case 'both-kill':
      await signalNamed(cluster, hit, ['haproxy', 'keepalived'], 'SIGKILL')
      return nothing
    case 'agent-kill': {
      const { agentPid } = await cluster.processesOf(hit)
      if (agentPid !== null) signalProcess(agentPid, 'SIGKILL')
      return nothing
    }
    case 'agent-freeze':
      await cluster.runtime.freezeNode(hit, 'agent')
      return async () => {
        await cluster.runtime.thawNode(hit)
      }
    case 'power': {
      const offAtMs = readMonotonicMs()
      await lab.powerOff(hit)
      watch.noteNoPower(hit, offAtMs)
      return async () => {
        await lab.powerOn(hit)
      }
    }
    case 'cut':
      return cutFrom(null)
    case 'cut-from-primary':
      return cutFrom([(await cluster.primary()).name])
    case 'apart':
      return cutFrom(
        balancersOf(cluster.runtime.layout)
          .map((node) => node.name)
          .filter((name) => name !== hit),
      )
  }
}

async function signalNamed(
  cluster: BenchCluster,
  node: NodeName,
  names: readonly string[],
  signal: NodeJS.Signals,
): Promise<void> {
  const { processes } = await cluster.processesOf(node)
  const found = processes.filter((each) => names.includes(each.name))
  if (found.length === 0) throw new Error(`${node} runs no ${names.join(' and no ')}`)
  for (const { pid } of found) signalProcess(pid, signal)
}

const style = createStyle(false, true)
const right = (title: string): Column => ({ title, align: 'right' })

function renderTrial(round: number, trial: Trial): string {
  const { kind, hit, hadVip, samples, settledMs } = trial
  const where = hadVip ? 'with the address' : 'without it'
  const settled = settledMs === null ? 'NOT SETTLED' : `${settledMs.toFixed(0)} ms`
  return (
    `  ${String(round).padStart(3)} ${kind} on ${hit}, ${where}: nobody for ${samples.noneMsMax.toFixed(0)} ms, ` +
    `two for ${samples.twoMsMax.toFixed(0)} ms, one again ${settled} after mending  ` +
    `load ${trial.loadAverage.toFixed(1)}${isSound(trial) ? '' : '  UNSOUND'}`
  )
}

function renderResult(trials: readonly Trial[]): readonly string[] {
  const columns: Column[] = [
    { title: 'Fault' },
    { title: 'Where' },
    right('Trials'),
    right('Samples'),
    right('None'),
    right('Two'),
    right('None, longest ms'),
    right('Two, longest ms'),
    right('Settled, worst ms'),
  ]
  const groups = kinds.flatMap((kind) =>
    [true, false].map((hadVip) => ({
      kind,
      hadVip,
      trials: trials.filter((one) => one.kind === kind && one.hadVip === hadVip),
    })),
  )
  const worst = (values: readonly (number | null)[]): string =>
    values.includes(null) ? 'never' : Math.max(...values.map((value) => value ?? 0)).toFixed(0)
  const rows = groups
    .filter((group) => group.trials.length > 0)
    .map(({ kind, hadVip, trials: some }) => {
      const sum = (of: (samples: VipSamples) => number): string =>
        String(some.reduce((total, one) => total + of(one.samples), 0))
      return [
        kind,
        hadVip ? 'holder' : 'the other',
        String(some.length),
        sum((samples) => samples.total),
        sum((samples) => samples.none),
        sum((samples) => samples.two),
        worst(some.map((one) => one.samples.noneMsMax)),
        worst(some.map((one) => one.samples.twoMsMax)),
        worst(some.map((one) => one.settledMs)),
      ]
    })
  return renderTable(columns, rows, Infinity, style)
}

await runBench(main)
