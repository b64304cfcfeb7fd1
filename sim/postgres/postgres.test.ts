import { createAgent } from '../../src/agent/agent.ts'
import { asMonotonic, incarnationOf } from '../../src/core/names.ts'
import { allProtections } from '../../src/core/protections.ts'
import { timingPlans } from '../../src/core/timing-plan.ts'
import {
  describePostgres,
  type ContractNode,
  type PostgresHarness,
} from '../../test/contract/postgres.ts'
import { usualPhysics } from '../physics.ts'
import { SimRandom } from '../random.ts'
import { SimProcess } from '../simulator.ts'
import { layoutOf } from '../topology.ts'
import { Transcript } from '../transcript.ts'
import { World } from '../world.ts'

const patienceMs = 20_000
const lookMs = 10

/** Two machines without agents; the test itself is what asks their servers. */
function simulatedServers(): PostgresHarness {
  const random = SimRandom.ofSeed(5)
  const plan = timingPlans.fast
  const world = new World({
    layout: layoutOf('three', { durability: 'quorum', syncStandbys: 1, plan }),
    protections: allProtections,
    physics: usualPhysics,
    network: { delayMs: 0.5, worstDelayMs: 20, lossRate: 0 },
    clockRates: [1, 1, 1],
    random,
    transcript: new Transcript(false),
    createAgent,
    makeCheckers: () => [],
  })
  const { simulator } = world
  const process = new SimProcess(simulator, 'test', { runsPromises: true })
  const nodeOf = (name: string): World['nodes'][number] => {
    const found = world.nodes.find((node) => node.name === name)
    if (found === undefined) throw new RangeError(`no node ${name}`)
    return found
  }
  const emptyNode = async (name: string): Promise<ContractNode> => {
    const node = nodeOf(name)
    const { postgres, guard } = node.dataPorts(process, random.split(name))
    await guard.ensure()
    await guard.arm(asMonotonic(node.clock.monotonicMs() + 3_600_000))
    const { host, postgresPort } = node.layout
    const incarnation = incarnationOf(node.name, '3f9ac2d1')
    return { name: node.name, incarnation, host, port: postgresPort ?? 0, postgres }
  }
  return {
    emptyNode,
    filledNode: async (name) => {
      const node = await emptyNode(name)
      await node.postgres.initialise(patienceMs)
      await node.postgres.adoptStaged()
      return node
    },
    commit: async ({ name }, withinMs) => {
      const session = nodeOf(name).server?.connectClient(() => undefined) ?? null
      if (session === null) return 'refused'
      const told: { outcome: 'acknowledged' | 'waits' } = { outcome: 'waits' }
      session.commit((outcome) => {
        if (outcome === 'acknowledged') told.outcome = outcome
      })
      const untilMs = simulator.nowMs + withinMs
      while (told.outcome === 'waits' && simulator.nowMs < untilMs) await process.sleep(lookMs)
      return told.outcome
    },
    until: async (what, look, isWanted) => {
      const untilMs = simulator.nowMs + patienceMs
      for (;;) {
        const value = await look()
        if (isWanted(value)) return value
        if (simulator.nowMs > untilMs) throw new Error(`${what}: never`)
        await process.sleep(lookMs)
      }
    },
    drive: async (work) => {
      const progress = { isSettled: false }
      const settle = (): void => {
        progress.isSettled = true
      }
      work.then(settle, settle)
      while (!progress.isSettled) await simulator.runUntil(simulator.nowMs + lookMs)
      return work
    },
    close: async () => process.kill(),
  }
}

describePostgres('simulated', async () => simulatedServers())
