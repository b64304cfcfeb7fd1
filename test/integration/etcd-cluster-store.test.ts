// The cluster store on real etcd: the contract, with one member and with three.

import { afterAll, beforeAll, describe } from 'vitest'
import { createEtcdClusterStore } from '../../src/adapters/etcd/cluster-store.ts'
import type { ClusterName } from '../../src/core/names.ts'
import { timingPlans } from '../../src/core/timing-plan.ts'
import { describeClusterStore } from '../contract/cluster-store.ts'
import type { StoreHarness } from '../contract/store-story.ts'
import type { EtcdTestCluster } from '../support/etcd.ts'
import { startEtcdCluster } from '../support/etcd.ts'

const plan = timingPlans.fast

for (const size of [1, 3] as const) {
  describe(`etcd with ${size} member${size === 1 ? '' : 's'}`, () => {
    let etcd: EtcdTestCluster
    let storeCount = 0

    beforeAll(async () => {
      etcd = await startEtcdCluster({ size, plan })
    })
    afterAll(async () => {
      await etcd.stop()
    })

    // Each store is a prefix of its own in one etcd.
    describeClusterStore(`etcd-${size}`, async (): Promise<StoreHarness> => {
      storeCount += 1
      const cluster = `contract-${storeCount}` as ClusterName
      const open: { close: () => void }[] = []
      const forAll = (act: 'freeze' | 'thaw') => async () => {
        for (let index = 0; index < size; index += 1) etcd.member(index)[act]()
      }
      return {
        connect: () => {
          const store = createEtcdClusterStore({ cluster, endpoints: etcd.endpoints, plan })
          open.push(store)
          return store
        },
        drive: (work) => work,
        nowMs: () => performance.now(),
        cutOff: forAll('freeze'),
        heal: forAll('thaw'),
        close: async () => {
          for (const store of open) store.close()
          await forAll('thaw')()
        },
      }
    })
  })
}
