import { describeClusterStore } from '../../test/contract/cluster-store.ts'
import type { StoreHarness } from '../../test/contract/store-story.ts'
import { asNodeName } from '../../src/core/names.ts'
import { Network } from '../network.ts'
import { usualPhysics } from '../physics.ts'
import { SimRandom } from '../random.ts'
import { SimProcess, Simulator } from '../simulator.ts'
import { SimClusterStore } from './store-client.ts'
import { StoreModel } from './store-model.ts'

const voterPlaces = [0, 1, 2]
const clientPlace = 3
const stepMs = 20

/** Three voters, and any number of clients on a machine of their own. */
function simulatedStore(): StoreHarness {
  const simulator = new Simulator()
  const random = SimRandom.ofSeed(7)
  const network = new Network(
    4,
    { delayMs: 0.5, worstDelayMs: 30, lossRate: 0 },
    random.split('network'),
  )
  const model = new StoreModel(simulator, network, voterPlaces, {
    electionMs: 250,
    random: random.split('store'),
  })
  const process = new SimProcess(simulator, 'client', { runsPromises: true })
  let clientCount = 0
  return {
    connect: () =>
      new SimClusterStore(simulator, network, model, {
        node: asNodeName('pg-0'),
        place: clientPlace,
        process,
        trueMs: (durationMs) => durationMs,
        physics: usualPhysics,
        random: random.split(`client ${String(clientCount++)}`),
        hedgeMs: 70,
      }),
    drive: async (work) => {
      const progress = { isSettled: false }
      const settle = (): void => {
        progress.isSettled = true
      }
      work.then(settle, settle)
      while (!progress.isSettled) await simulator.runUntil(simulator.nowMs + stepMs)
      return work
    },
    nowMs: () => simulator.nowMs,
    cutOff: async () => {
      for (const voter of model.voters) model.setVoter(voter, 'frozen')
    },
    heal: async () => {
      for (const voter of model.voters) model.setVoter(voter, 'up')
    },
    close: async () => process.kill(),
  }
}

describeClusterStore('simulated', async () => simulatedStore())
