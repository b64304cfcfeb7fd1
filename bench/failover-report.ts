// The result of the failover bench as text: outages against their targets, rejoins, and where the time
// went. Pure.

import { createStyle } from '../src/cli/style.ts'
import { type Column, renderTable } from '../src/cli/render-table.ts'
import type { TimingPlanName } from '../src/core/timing-plan.ts'
import { phases } from './breakdown.ts'
import { faults, type FaultName } from './faults.ts'
import { summarise } from './statistics.ts'
import { rejoinTargetMs, targetOf, worstAllowed } from './targets.ts'
import type { Trial } from './trial.ts'

export type SeriesResult = {
  readonly fault: FaultName
  readonly trials: readonly Trial[]
  /** A trial that could not be finished: what was waited for. */
  readonly aborted: string | null
}

const style = createStyle(false, true)
const right = (title: string): Column => ({ title, align: 'right' })
const seconds = (ms: number | null | undefined): string =>
  ms === null || ms === undefined ? '-' : (ms / 1000).toFixed(3)
const whole = (ms: number | null): string => (ms === null ? '-' : ms.toFixed(0))

/** The tables of a run. */
export function renderFailover(
  plan: TimingPlanName,
  series: readonly SeriesResult[],
): readonly string[] {
  return [
    'What one ordinary client feels, in seconds: one connection, libpq defaults, waits for its connection',
    '(measured with the npm client pg, connect time-out 10 s); connections that failed, by SQLSTATE class',
    ...renderOrdinary(series),
    '',
    `Write outage in seconds until the first commit of any client, plan ${plan}`,
    ...renderOutages(plan, series),
    '',
    'The node that was hit: seconds until it streamed again (or was primary), and how it came back',
    ...renderRejoins(series),
    '',
    'Where the time went: median milliseconds since the fault',
    ...renderPhases(series),
    ...renderSwitches(series),
  ]
}

function renderOrdinary(series: readonly SeriesResult[]): readonly string[] {
  const columns: Column[] = [
    { title: 'Fault' },
    right('Trials'),
    right('Median'),
    right('Worst'),
    right('Failed connections'),
    right('Of class 28'),
    { title: 'Classes' },
  ]
  const rows = series.map(({ fault, trials }) => {
    const felt = summarise(present(trials.map(({ ordinary }) => ordinary.outageMs)))
    const classes = trials.flatMap(({ ordinary }) =>
      ordinary.connectErrors.map((sqlState) => sqlState.slice(0, 2)),
    )
    return [
      faults[fault].title,
      String(trials.length),
      seconds(felt?.median),
      seconds(felt?.max),
      String(classes.length),
      String(classes.filter((each) => each === '28').length),
      countWords(classes),
    ]
  })
  return renderTable(columns, rows, Infinity, style)
}

function renderOutages(plan: TimingPlanName, series: readonly SeriesResult[]): readonly string[] {
  const columns: Column[] = [
    { title: 'Fault' },
    right('Trials'),
    right('Median'),
    right('Min'),
    right('Max'),
    right('Worst allowed'),
    right('Target'),
    { title: 'Met' },
    right('Lost'),
    right('Two in one epoch'),
  ]
  const rows = series.map(({ fault, trials, aborted }) => {
    const summary = summarise(present(trials.map((trial) => trial.outageMs)))
    const target = targetOf(plan, fault)
    return [
      faults[fault].title,
      `${trials.length}${aborted === null ? '' : ' + 1 aborted'}`,
      seconds(summary?.median),
      seconds(summary?.min),
      seconds(summary?.max),
      seconds(summary === null ? null : worstAllowed(summary)),
      seconds(target),
      verdictOf(plan, { fault, trials, aborted }),
      String(sum(trials.map((trial) => trial.ledger.missing))),
      String(sum(trials.map((trial) => trial.ledger.sharedEpochs))),
    ]
  })
  return renderTable(columns, rows, Infinity, style)
}

/** `yes`, or what is not as promised. */
export function verdictOf(plan: TimingPlanName, result: SeriesResult): string {
  const { fault, trials, aborted } = result
  const outages = present(trials.map((trial) => trial.outageMs))
  const summary = summarise(outages)
  const target = targetOf(plan, fault)
  const problems = [
    ...(aborted === null ? [] : ['aborted']),
    ...(outages.length < trials.length ? ['no service'] : []),
    ...(target !== null && summary !== null && summary.median > target ? ['median'] : []),
    ...(summary !== null && summary.max > worstAllowed(summary) ? ['worst'] : []),
  ]
  if (problems.length > 0) return `NO: ${problems.join(', ')}`
  return target === null ? '-' : 'yes'
}

function renderRejoins(series: readonly SeriesResult[]): readonly string[] {
  const columns: Column[] = [
    { title: 'Fault' },
    right('Median'),
    right('Max'),
    right('Target'),
    { title: 'Met' },
    { title: 'How' },
    right('All healthy, median'),
  ]
  const rows = series.map(({ fault, trials }) => {
    const rejoin = summarise(trials.map((trial) => trial.rejoinMs))
    const healthy = summarise(trials.map((trial) => trial.healthyMs))
    const isMet = rejoin !== null && rejoin.max <= rejoinTargetMs
    return [
      faults[fault].title,
      seconds(rejoin?.median),
      seconds(rejoin?.max),
      seconds(rejoinTargetMs),
      isMet ? 'yes' : 'NO',
      countWords(trials.map((trial) => trial.rejoinKind)),
      seconds(healthy?.median),
    ]
  })
  return renderTable(columns, rows, Infinity, style)
}

/** Where sessions were watched: how soon new ones reach the new primary, and old ones are gone. */
function renderSwitches(series: readonly SeriesResult[]): readonly string[] {
  const watched = series.map(({ fault, trials }) => ({
    fault,
    switches: present(trials.map((trial) => trial.switch)),
  }))
  const rows = watched
    .filter(({ switches }) => switches.length > 0)
    .map(({ fault, switches }) => {
      const reconnects = switches.flatMap((one) => one.reconnectMs).toSorted((a, b) => a - b)
      const p95 = reconnects[Math.ceil(reconnects.length * 0.95) - 1] ?? null
      const gone = present(switches.map((one) => one.sessionsGoneMs))
      return [
        faults[fault].title,
        whole(summarise(reconnects)?.median ?? null),
        whole(p95),
        whole(summarise(gone)?.median ?? null),
        whole(summarise(gone)?.max ?? null),
        String(switches.length - gone.length),
      ]
    })
  if (rows.length === 0) return []
  const columns: Column[] = [
    { title: 'Fault' },
    right('New session, median'),
    right('p95'),
    right('Old ones gone, median'),
    right('Max'),
    right('Never'),
  ]
  return [
    '',
    'Sessions: ms from the first commit of the new primary to the first of each client; from its opening',
    'until no balancer had a session to the old one (below 0: before)',
    ...renderTable(columns, rows, Infinity, style),
  ]
}

function renderPhases(series: readonly SeriesResult[]): readonly string[] {
  const columns: Column[] = [
    { title: 'Fault' },
    ...phases.map((phase) => right(phase.replace(/Ms$/, ''))),
    right('first commit'),
    right('longest gap'),
    right('acquisitions'),
  ]
  const rows = series.map(({ fault, trials }) => {
    const typical = (values: readonly (number | null)[]): string =>
      whole(summarise(present(values))?.median ?? null)
    return [
      faults[fault].title,
      ...phases.map((phase) => typical(trials.map((trial) => trial.breakdown[phase]))),
      typical(trials.map((trial) => trial.measured.outageMs)),
      typical(trials.map((trial) => trial.measured.gapMs)),
      countWords(trials.map((trial) => String(trial.breakdown.acquisitions))),
    ]
  })
  return renderTable(columns, rows, Infinity, style)
}

/** One line while the bench runs. */
export function renderTrial(trial: Trial): string {
  const { breakdown, ledger } = trial
  const steps = phases.map((phase) => `${phase.replace(/Ms$/, '')} ${whole(breakdown[phase])}`)
  const counts = `${ledger.acknowledged} ok, ${ledger.failed} failed, ${ledger.unknown} unknown`
  const soundness = trial.faults.length === 0 ? '' : `  UNSOUND: ${trial.faults.join('; ')}`
  return (
    `  ${String(trial.number).padStart(3)} ${trial.hit} → ${trial.primaryAfter ?? 'nobody'}  ` +
    `outage ${whole(trial.outageMs)} ms (${steps.join(', ')})  ` +
    `one client ${whole(trial.ordinary.outageMs)} ms${errorWords(trial.ordinary.connectErrors)}  ` +
    `${trial.rejoinKind} ${whole(trial.rejoinMs)} ms  ${counts}  ` +
    `load ${trial.loadAverage.toFixed(1)}${soundness}`
  )
}

const errorWords = (codes: readonly string[]): string =>
  codes.length === 0 ? '' : ` (failed connections: ${countWords(codes)})`

function present<Value>(values: readonly (Value | null)[]): readonly Value[] {
  return values.filter((value) => value !== null)
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}

/** `rewind 18, follow 2` */
function countWords(words: readonly string[]): string {
  const counts = new Map<string, number>()
  for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1)
  return [...counts].map(([word, count]) => `${word} ${count}`).join(', ')
}
