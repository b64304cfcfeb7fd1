// Events in etcd: one key each, so that appending twice is harmless; their order is the order of the
// transactions that appended them. Old ones are dropped when there are too many.

import type { JournalEvent } from '../../core/journal-event.ts'
import type { EtcdClient } from './client.ts'
import { codecs, RecordError } from './codec.ts'
import type { Keys } from './keys.ts'
import type { KeyValue } from './messages.ts'
import { createOperation, deleteOperation, rangeOperation } from './messages.ts'

/** After a trim this many are left; trimming begins when there are `eventSlack` more. */
export const eventCountKept = 500
const eventSlack = 100

/** etcd takes 128 operations in one transaction (--max-txn-ops). */
const operationCountMax = 100

export type EventLog = {
  /** @throws StoreUnavailableError; some may be there then, and appending all again is right */
  readonly append: (events: readonly JournalEvent[], deadlineMs: number) => Promise<void>
  /** @throws StoreUnavailableError */
  readonly readNewest: (countMax: number, deadlineMs: number) => Promise<readonly JournalEvent[]>
}

export function createEventLog(client: EtcdClient, keys: Keys): EventLog {
  const countAll = rangeOperation(keys.events, { count_only: true })

  const trim = async (count: number, leftMs: () => number): Promise<void> => {
    let surplus = count - eventCountKept
    while (surplus > 0) {
      const oldest = rangeOperation(keys.events, {
        keys_only: true,
        sort_target: 'CREATE',
        sort_order: 'ASCEND',
        limit: String(Math.min(surplus, operationCountMax)),
      })
      const found = await client.repeatable(readOnly([oldest]), leftMs())
      const doomed = found.ranges[0]?.kvs ?? []
      if (doomed.length === 0) return
      const success = doomed.map((kv) => deleteOperation(kv.key))
      await client.repeatable({ compare: [], success, failure: [] }, leftMs())
      surplus -= doomed.length
    }
  }

  return {
    append: async (events, deadlineMs) => {
      const leftMs = countdown(deadlineMs)
      const unique = [...new Map(events.map((event) => [event.id, event])).values()]
      let count = 0
      for (let start = 0; start < unique.length; start += operationCountMax) {
        const success = unique
          .slice(start, start + operationCountMax)
          .map((event, index) =>
            createOperation(keys.event(event.id), codecs.event.render({ index, event })),
          )
        const request = { compare: [], success: [...success, countAll], failure: [] }
        const answer = await client.repeatable(request, leftMs())
        count = answer.ranges[0]?.count ?? 0
      }
      if (count > eventCountKept + eventSlack) await trim(count, leftMs)
    },

    readNewest: async (countMax, deadlineMs) => {
      // Events of one transaction have the same revision, and etcd's sort may cut between them
      // anywhere: a whole transaction more is asked for, so that the cut concerns none that we return.
      const newest = rangeOperation(keys.events, {
        sort_target: 'CREATE',
        sort_order: 'DESCEND',
        limit: String(countMax + operationCountMax),
      })
      const found = await client.repeatable(readOnly([newest]), deadlineMs)
      return (found.ranges[0]?.kvs ?? [])
        .flatMap((kv) => parseEvent(kv) ?? [])
        .sort((left, right) => left.revision - right.revision || left.index - right.index)
        .slice(-countMax)
        .map(({ event }) => event)
    },
  }
}

/** Null for one that cannot be read: the others are still worth showing. */
function parseEvent(kv: KeyValue): { revision: number; index: number; event: JournalEvent } | null {
  try {
    const { index, event } = codecs.event.parse(kv.key, kv.value)
    return { revision: kv.create_revision, index, event }
  } catch (error) {
    if (error instanceof RecordError) return null
    throw error
  }
}

function readOnly(success: readonly Readonly<Record<string, unknown>>[]) {
  return { compare: [], success, failure: [] }
}

/** A function that says how much of `deadlineMs` is left. */
function countdown(deadlineMs: number): () => number {
  const endsAtMs = performance.now() + deadlineMs
  return () => endsAtMs - performance.now()
}
