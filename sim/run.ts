// One run: a seed, or a scenario under a seed, from the first event to the verdict.

import { createAgent } from '../src/agent/agent.ts'
import type { Violation } from '../src/core/invariants.ts'
import { allProtections, without, type ProtectionName } from '../src/core/protections.ts'
import type { Checker } from './checkers/checker.ts'
import { Growing } from './checkers/growing.ts'
import { KeptData } from './checkers/kept-data.ts'
import { canHavePrimary, lackingIn, notAlive } from './checkers/liveness.ts'
import { NoLostCommit } from './checkers/no-lost-commit.ts'
import { OneWriter } from './checkers/one-writer.ts'
import { Promises } from './checkers/promises.ts'
import { RecordedLists } from './checkers/recorded-lists.ts'
import { Balancer, startClients, type Ledger } from './clients.ts'
import { FaultInjector } from './faults.ts'
import type { SimNode } from './node.ts'
import { SimRandom } from './random.ts'
import { Stage } from './scenario.ts'
import { scenarios, settingsOf } from './scenarios/all.ts'
import { drawSwarm, type SwarmSettings } from './swarm.ts'
import { prepareCluster } from './topology.ts'
import { Transcript } from './transcript.ts'
import { World } from './world.ts'

export type RunOptions = {
  readonly seed: number
  /** Name of a story to tell instead of random faults. */
  readonly scenario: string | null
  /** Protections taken away, to prove that a checker objects. */
  readonly without: readonly ProtectionName[]
  readonly isTranscriptKept: boolean
}

export type RunResult = {
  readonly seed: number
  readonly violation: Violation | null
  readonly transcript: Transcript
  readonly digest: number
  readonly eventCount: number
  readonly virtualMs: number
  readonly ledger: Ledger
  /** As the run left it. */
  readonly world: World
  /** Primaries that opened, over all nodes. */
  readonly openingCount: number
  /** How long the healed cluster took to be whole; null when it was not asked to be. */
  readonly recoveryMs: number | null
}

/** How often the healed cluster is looked at. */
const lookMs = 100

/** All checkers but liveness, which is judged at the end. */
export function makeCheckers(world: World): readonly Checker[] {
  const { durability } = world.layout
  return [
    // In `async` a failover may lose the published lag.
    ...(durability === 'async' ? [] : [new NoLostCommit()]),
    new OneWriter(world),
    new Growing(),
    new RecordedLists(world),
    new Promises(world),
    new KeptData(),
  ]
}

/** Builds the world of a seed; nothing has happened in it yet but, perhaps, an earlier life. */
export function buildWorld(settings: SwarmSettings, random: SimRandom, options: RunOptions): World {
  const world = new World({
    layout: settings.layout,
    protections: options.without.length === 0 ? allProtections : without(...options.without),
    physics: settings.physics,
    network: settings.network,
    clockRates: settings.clockRates,
    random,
    transcript: new Transcript(options.isTranscriptKept),
    createAgent,
    makeCheckers,
  })
  if (settings.isPrepared) prepareCluster(world)
  return world
}

/** One seed in two phases: faults, with safety judged; then everything heals, and the cluster must too. */
export async function runSeed(options: RunOptions): Promise<RunResult> {
  const random = SimRandom.ofSeed(options.seed)
  const settings = drawSwarm(random.split('swarm'))
  const world = buildWorld(settings, random, options)
  const { layout, simulator } = world
  world.note(
    'world',
    `${settings.topology}, ${layout.durability}, ${String(layout.syncStandbys)} synchronous, plan ${layout.plan.name}`,
  )
  const opened = countOpenings(world)
  const starts = random.split('starts')
  for (const node of world.nodes) {
    simulator.schedule(starts.between(0, 300), () => node.startAgent())
  }
  const ledger = startClients(
    world,
    new Balancer(world),
    settings.workload,
    random.split('clients'),
  )
  const faultsRandom = random.split('faults')
  const injector = new FaultInjector(world, settings.faults, faultsRandom, settings.faultsUntilMs)
  await simulator.runUntil(settings.faultsUntilMs)
  const recoveryMs = simulator.isHalted
    ? null
    : await recover(world, injector, settings, faultsRandom, ledger)
  return resultOf(world, options.seed, ledger, opened.count, recoveryMs)
}

function countOpenings(world: World): { count: number } {
  const opened = { count: 0 }
  world.onEvent((event) => {
    if (event.kind === 'opened') opened.count++
  })
  return opened
}

function resultOf(
  world: World,
  seed: number,
  ledger: Ledger,
  openingCount: number,
  recoveryMs: number | null,
): RunResult {
  const { violation, transcript, simulator, nowMs } = world
  const { digest, eventCount } = simulator
  return {
    seed,
    violation,
    transcript,
    digest,
    eventCount,
    virtualMs: nowMs,
    ledger,
    world,
    openingCount,
    recoveryMs,
  }
}

/** One telling of a directed story: nothing goes wrong but what it says. */
export async function runScenario(options: RunOptions): Promise<RunResult> {
  const scenario = scenarios.find((candidate) => candidate.name === options.scenario)
  if (scenario === undefined)
    throw new RangeError(`there is no scenario ${String(options.scenario)}`)
  const random = SimRandom.ofSeed(options.seed)
  const settings = settingsOf(scenario)
  const world = buildWorld(settings, random, options)
  for (const node of world.nodes) node.startAgent()
  const clients = random.split('clients')
  const ledger = startClients(world, new Balancer(world), settings.workload, clients)
  const opened = countOpenings(world)
  world.note('world', scenario.about)
  const stage = new Stage(world, random.split('story'), scenario.isDemanded ?? false)
  const told = stage.begin(() => scenario.tell(stage))
  await world.simulator.runUntil(scenario.untilMs)
  if (told.error !== null) throw new Error('the story broke', { cause: told.error })
  return resultOf(world, options.seed, ledger, opened.count, null)
}

/** The second phase. Returns how long it took, or null when nothing could be demanded. */
async function recover(
  world: World,
  injector: FaultInjector,
  settings: SwarmSettings,
  random: SimRandom,
  ledger: Ledger,
): Promise<number | null> {
  const { simulator } = world
  const off = chooseOff(world, settings, random)
  injector.healAll(off)
  resumeAutomation(world)
  const healedMs = world.nowMs
  const names = off.map((node) => node.name).join(', ')
  world.note('world', `HEALED${off.length === 0 ? '' : `, but ${names} stays off`}`)
  const boundMs = recoveryBoundMs(world)
  for (;;) {
    await simulator.runUntil(world.nowMs + lookMs)
    if (simulator.isHalted) return null
    // An agent that stood still may carry out an operator's wish to pause only now.
    resumeAutomation(world)
    const waitedMs = world.nowMs - healedMs
    const lacking = lackingIn(world, ledger.lastAcknowledgedMs, healedMs)
    if (lacking.length === 0) return waitedMs
    if (waitedMs < boundMs) continue
    // A write that was on its way when the faults ended may have taken away what could be demanded.
    const alive = world.nodes.filter((node) => !off.includes(node))
    if (off.length > 0 && !canHavePrimary(world, alive)) return null
    world.fail(notAlive(lacking, waitedMs))
    return null
  }
}

/**
 * Within which a healed cluster must be whole: several lease times, and room for a clone of every node
 * one after the other with the physics of this seed.
 */
function recoveryBoundMs(world: World): number {
  const { layout, physics, dataNodes } = world
  const copyMs = physics.clone.worstMs + physics.rewind.worstMs + physics.crashRecovery.worstMs
  return layout.plan.ttlMs * 12 + copyMs * dataNodes.length
}

/** A node that stays off, if the cluster can be demanded to do without it. */
function chooseOff(world: World, settings: SwarmSettings, random: SimRandom): readonly SimNode[] {
  if (!settings.leavesOneOff || world.nodes.length < 2) return []
  const off = random.pick(world.nodes)
  const alive = world.nodes.filter((node) => node !== off)
  return canHavePrimary(world, alive) ? [off] : []
}

/** An operator who has paused automation resumes it. */
function resumeAutomation(world: World): void {
  const { control } = world.store
  const operator = world.nodes[0]?.name
  if (control === null || control.value.paused === null || operator === undefined) return
  const value = { switchover: null, paused: null }
  world.storeModel.transact(operator, {
    expect: { control: control.revision },
    put: { control: value },
  })
}
