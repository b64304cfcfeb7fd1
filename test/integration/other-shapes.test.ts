// The same code with other clusters: two data nodes and a witness, and a single node.
import { afterEach, describe, expect, test } from 'vitest'
import { BenchCluster, defaultShape } from '../../bench/cluster.ts'
import { faults } from '../../bench/faults.ts'
import { runTrial } from '../../bench/trial.ts'
import { Writers, readLedger } from '../../bench/writers.ts'
import { judgeLedger } from '../../bench/ledger.ts'
import { asNodeName } from '../../src/core/names.ts'
import { destroyAndLookAround } from '../support/cluster-remains.ts'

let cluster: BenchCluster | null = null

afterEach(async () => {
  const remains = cluster === null ? [] : await destroyAndLookAround(cluster)
  cluster = null
  expect(remains).toEqual([])
})

describe('two data nodes and a witness', () => {
  test('witness lost, primary lost, the other primary lost → always served, nothing lost', async () => {
    cluster = await BenchCluster.start({ ...defaultShape, dataNodeCount: 2, witnessCount: 1 })
    const witness = asNodeName('pgw-0')

    const writers = Writers.start(cluster.writeTarget(), 1)
    await writers.waitForAll(20_000)
    await cluster.runtime.killNode(witness)
    await writers.waitForAll(20_000)
    await cluster.runtime.startNode(witness)
    await writers.waitForAll(20_000)
    const attempts = await writers.stop()
    const verdict = judgeLedger(attempts, await readLedger(cluster.writeTarget(), 1))
    expect(verdict).toMatchObject({ failed: 0, unknown: 0, isSound: true })

    for (const number of [2, 3]) {
      const trial = await runTrial(cluster, faults['node-kill'], number)
      expect(trial.faults).toEqual([])
      expect(trial.primaryAfter).not.toBe(trial.hit)
      expect(trial.rejoinKind).not.toBe('clone')
    }
  })
})

describe('single node', () => {
  test('its server dies → started again behind the gate, nothing lost', async () => {
    cluster = await BenchCluster.start({ ...defaultShape, dataNodeCount: 1, witnessCount: 0 })
    const trial = await runTrial(cluster, faults['postmaster-kill'], 1)
    expect(trial.faults).toEqual([])
    expect(trial.primaryAfter).toBe(trial.hit)
    expect(trial.outageMs).toBeGreaterThan(0)
  })
})
