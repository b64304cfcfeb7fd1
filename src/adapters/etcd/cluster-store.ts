// The cluster store on etcd: the records of one cluster under one prefix, read and written by
// transactions of etcd. Implements ports/cluster-store.ts.

import type { ClusterName } from '../../core/names.ts'
import type { NodeReport } from '../../core/node-report.ts'
import type { TimingPlan } from '../../core/timing-plan.ts'
import type {
  ClusterStore,
  StoreTransaction,
  StoreView,
  TransactionResult,
} from '../../ports/cluster-store.ts'
import { StoreUnavailableError } from '../../ports/cluster-store.ts'
import { createEtcdClient } from './client.ts'
import type { EtcdClient } from './client.ts'
import { codecs, NewerFormatError } from './codec.ts'
import type { Endpoint } from './endpoint.ts'
import { createEventLog } from './events.ts'
import type { Keys, SingleKey } from './keys.ts'
import { keysOf, singleKeys } from './keys.ts'
import type { TransactionAnswer, WireObject } from './messages.ts'
import { compareRevision, oneKey, putOperation, rangeOperation } from './messages.ts'
import { viewOf } from './view.ts'
import { createSharedWatch } from './watch.ts'

export type EtcdClusterStoreOptions = {
  readonly cluster: ClusterName
  /** The preferred one (usually the local one) first. */
  readonly endpoints: readonly Endpoint[]
  readonly plan: Pick<TimingPlan, 'renewMs' | 'storeAttemptMs' | 'storeHedgeMs'>
  /** Told when the watch has trouble; each trouble once. */
  readonly log?: (message: string) => void
}

export interface EtcdClusterStore extends ClusterStore {
  /** Ends watches, calls and connections. */
  close(): void
}

export function createEtcdClusterStore(options: EtcdClusterStoreOptions): EtcdClusterStore {
  const { plan, endpoints } = options
  const client = createEtcdClient(endpoints, plan)
  const keys = keysOf(options.cluster)
  const events = createEventLog(client, keys)
  const viewRanges = keys.view.map((range) => rangeOperation(range))

  const read = async (deadlineMs: number): Promise<StoreView> => {
    const request = { compare: [], success: viewRanges, failure: [] }
    return viewFrom(keys, await client.repeatable(request, deadlineMs))
  }
  const watch = createSharedWatch({
    client,
    keys,
    timing: plan,
    read,
    log: options.log ?? (() => undefined),
  })

  return {
    read,
    transact: (transaction, deadlineMs) =>
      transact(client, keys, viewRanges, transaction, deadlineMs),
    watch: (listener, signal) => {
      watch.subscribe(listener, signal)
    },
    publish: createPublisher(client, keys),
    appendEvents: events.append,
    readEvents: events.readNewest,
    close: () => {
      watch.close()
      client.close()
    },
  }
}

async function transact(
  client: EtcdClient,
  keys: Keys,
  viewRanges: readonly WireObject[],
  { expect, put }: StoreTransaction,
  deadlineMs: number,
): Promise<TransactionResult> {
  const compare = singleKeys.flatMap((key) =>
    expect[key] === undefined ? [] : [compareRevision(keys.single(key), expect[key])],
  )
  const success = singleKeys.flatMap((key) => {
    const text = renderSingle(key, put)
    return text === null ? [] : [putOperation(keys.single(key), text)]
  })
  const answer = await client.once({ compare, success, failure: viewRanges }, deadlineMs)
  if (answer.succeeded) return { kind: 'committed', revision: answer.revision }
  return { kind: 'conflict', view: viewFrom(keys, answer) }
}

function renderSingle(key: SingleKey, put: StoreTransaction['put']): string | null {
  switch (key) {
    case 'lease':
      return put.lease === undefined ? null : codecs.lease.render(put.lease)
    case 'sync':
      return put.sync === undefined ? null : codecs.sync.render(put.sync)
    case 'cluster':
      return put.cluster === undefined ? null : codecs.cluster.render(put.cluster)
    case 'control':
      return put.control === undefined ? null : codecs.control.render(put.control)
  }
}

/**
 * Publishes reports by compare-and-swap on the report's own key, so that a copy that was delayed in a
 * slow endpoint cannot overwrite a later report; that makes it safe to send to several endpoints.
 */
function createPublisher(client: EtcdClient, keys: Keys): ClusterStore['publish'] {
  const revisions = new Map<string, number>()
  return async (report: NodeReport, deadlineMs) => {
    const endsAtMs = performance.now() + deadlineMs
    const key = keys.report(report.name)
    const text = codecs.report.render(report)
    const request = (revision: number) => ({
      compare: [compareRevision(key, revision)],
      success: [putOperation(key, text)],
      failure: [rangeOperation(oneKey(key))],
    })
    for (;;) {
      const leftMs = endsAtMs - performance.now()
      const answer = await client.repeatable(request(revisions.get(key) ?? 0), leftMs)
      const found = answer.ranges[0]?.kvs[0]
      const isPublished = answer.succeeded || found?.value === text
      revisions.set(key, answer.succeeded ? answer.revision : (found?.mod_revision ?? 0))
      if (isPublished) return
    }
  }
}

/** @throws StoreUnavailableError when a newer version of pgherd wrote a record */
function viewFrom(keys: Keys, answer: TransactionAnswer): StoreView {
  try {
    const kvs = answer.ranges.flatMap((range) => range.kvs)
    return viewOf(keys, answer.revision, kvs)
  } catch (error) {
    if (!(error instanceof NewerFormatError)) throw error
    throw new StoreUnavailableError(error.message, { cause: error })
  }
}
