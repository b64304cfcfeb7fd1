// The default cluster on real processes: every fault once, under writers, judged by the ledger. The
// figures are the bench's business (npm run bench:failover); here generous bounds say "at all".
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { BenchCluster, defaultShape } from '../../bench/cluster.ts'
import { type FaultName, faults } from '../../bench/faults.ts'
import { runTrial } from '../../bench/trial.ts'
import { destroyAndLookAround } from '../support/cluster-remains.ts'

let cluster: BenchCluster | null = null
let number = 0

const outageMsMax = 10_000
const rejoinMsMax = 15_000

beforeAll(async () => {
  // The default plan: an agent that is killed has time to come back on a busy machine too.
  cluster = await BenchCluster.start({ ...defaultShape, plan: 'balanced' })
})

afterAll(async () => {
  if (cluster !== null) expect(await destroyAndLookAround(cluster)).toEqual([])
})

const hit = (fault: FaultName) => runTrial(cluster!, faults[fault], (number += 1))

describe('three data nodes, a witness, a balancer', () => {
  test('up from nothing → healthy; up again → nothing to change', async () => {
    const status = await cluster!.status()
    expect(status.verdict).toBe('healthy')
    expect(status.nodes.map((node) => node.role).toSorted()).toEqual([
      'primary',
      'standby',
      'standby',
      'witness',
    ])
    expect(await cluster!.up()).toBe(false)
  })

  test('agent killed, back within the lease → nobody notices', async () => {
    const trial = await hit('agent-kill')
    expect(trial.faults).toEqual([])
    expect(trial).toMatchObject({
      primaryAfter: trial.hit,
      epochAfter: trial.epochBefore,
      measured: { outageMs: null },
      ledger: { failed: 0, unknown: 0 },
    })
  })

  test.each<FaultName>(['postmaster-kill', 'node-kill-store-leader', 'agent-freeze', 'guard-kill'])(
    '%s → another node serves, nothing is lost, the old primary streams again',
    async (fault) => {
      const trial = await hit(fault)
      expect(trial.faults).toEqual([])
      expect(trial.epochAfter).toBeGreaterThan(trial.epochBefore!)
      expect(trial.outageMs).toBeLessThan(outageMsMax)
      expect(trial.rejoinMs).toBeLessThan(rejoinMsMax)
      expect(trial.rejoinKind).not.toBe('clone')
    },
  )

  test('switchover → handed over, no write fails for good, the old primary follows', async () => {
    const trial = await hit('switchover')
    expect(trial.faults).toEqual([])
    expect(trial.primaryAfter).not.toBe(trial.hit)
    expect(trial.outageMs).toBeLessThan(outageMsMax)
    expect(trial.rejoinKind).toBe('follow')
  })

  test('connections that are opened during changes wait, and not one of them fails', async () => {
    const changes: FaultName[] = ['switchover', 'postmaster-kill', 'switchover', 'switchover']
    for (const fault of changes) {
      const trial = await hit(fault)
      expect(trial.epochAfter).toBeGreaterThan(trial.epochBefore!)
      expect(trial.ordinary.connectErrors).toEqual([])
      expect(trial.faults).toEqual([])
    }
  })
})
