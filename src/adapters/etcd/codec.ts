// The form of records in etcd: JSON {"format": 1, "record": …}, checked when read. Fields that a newer
// version added are ignored; a newer *format* is refused, because it says that ignoring is not safe.

import * as z from 'zod'
import type { ControlRecord } from '../../core/control.ts'
import { epochMax } from '../../core/epoch.ts'
import type { EventKind, JournalEvent } from '../../core/journal-event.ts'
import type { LeaseRecord } from '../../core/lease.ts'
import type { Lsn } from '../../core/lsn.ts'
import type {
  Epoch,
  Incarnation,
  MonotonicMs,
  NodeName,
  SystemId,
  TimelineId,
  WallClockMs,
} from '../../core/names.ts'
import type { NodeReport, NodeState } from '../../core/node-report.ts'
import type { SyncList, SyncRecord } from '../../core/sync-list.ts'
import type { ClusterRecord } from '../../ports/cluster-store.ts'

/** Raised when a reader that ignores what it does not know would do harm. */
const formatNow = 1

/** Larger numbers were not written by any version. */
const formatMax = 100

/** A record that this version cannot read. */
export class RecordError extends Error {
  override readonly name: string = 'RecordError'
}

/** A newer version wrote it and says that ignoring it is not safe: nothing can be decided without it. */
export class NewerFormatError extends RecordError {
  override readonly name = 'NewerFormatError'
}

// A brand is a claim about meaning: the schema checks form and range, and whether records agree with each
// other is judged in core/record-screen.ts.
const text = <T extends string>(longest: number): z.ZodType<T> =>
  z.string().min(1).max(longest) as unknown as z.ZodType<T>
const whole = <T extends number>(lowest: number, highest: number): z.ZodType<T> =>
  z.number().int().min(lowest).max(highest) as unknown as z.ZodType<T>
const number = <T extends number>(): z.ZodType<T> => z.number() as unknown as z.ZodType<T>

const nodeName = text<NodeName>(100)
const systemId = text<SystemId>(40)
const incarnation = text<Incarnation>(200)
const epoch = whole<Epoch>(1, epochMax)
const timeline = whole<TimelineId>(1, 4_294_967_295)
const lsn = whole<Lsn>(0, Number.MAX_SAFE_INTEGER)
const wallClockMs = number<WallClockMs>()
/** Longer than any plan may say: a lease that never runs out would be a cluster without failover. */
const ttlMsMax = 600_000

const leaseSchema: z.ZodType<LeaseRecord> = z.object({
  holder: nodeName,
  epoch,
  ttlMs: z.number().positive().max(ttlMsMax),
  sequence: z
    .number()
    .int()
    .min(0)
    .max(Number.MAX_SAFE_INTEGER - 1),
  state: z.enum(['preparing', 'serving', 'released']),
  systemId: systemId.nullable(),
  handOverTo: nodeName.nullable(),
})

const syncListSchema: z.ZodType<SyncList> = z
  .object({ count: z.number().int(), members: z.array(incarnation) })
  .refine(({ members }) => new Set(members).size === members.length, 'names a member twice')
  .refine(
    ({ count, members }) =>
      members.length === 0 ? count === 0 : count >= 1 && count <= members.length,
    'waits for none of its members, or for more than it has',
  )

const syncSchema: z.ZodType<SyncRecord> = z.object({
  systemId,
  epoch,
  owner: incarnation,
  timeline,
  lists: z.array(syncListSchema).min(1),
  target: syncListSchema,
  timelines: z
    .array(z.object({ timeline, epoch }))
    .refine(
      (births) => new Set(births.map((birth) => birth.timeline)).size === births.length,
      'reserves a timeline twice',
    ),
})

const clusterSchema: z.ZodType<ClusterRecord> = z.object({ systemId, createdAtMs: wallClockMs })

const controlSchema: z.ZodType<ControlRecord> = z.object({
  switchover: z
    .object({ id: z.string(), to: nodeName.nullable(), requestedAtMs: wallClockMs })
    .nullable(),
  paused: z.object({ reason: z.string(), sinceMs: wallClockMs }).nullable(),
})

const nodeStates = [
  'starting',
  'waiting',
  'bootstrapping',
  'cloning',
  'rewinding',
  'recovering',
  'streaming',
  'sealed',
  'electing',
  'promoting',
  'running',
  'stopping',
  'stopped',
  'failed',
] as const satisfies readonly NodeState[]

const reportSchema: z.ZodType<NodeReport> = z.object({
  name: nodeName,
  role: z.enum(['data', 'witness', 'balancer']),
  incarnation: incarnation.nullable(),
  systemId: systemId.nullable(),
  state: z.enum(nodeStates),
  detail: z.string().nullable(),
  isPrimary: z.boolean(),
  epoch: epoch.nullable(),
  history: z.array(z.object({ timeline, endLsn: lsn })).nullable(),
  position: z.object({ timeline, flushLsn: lsn }).nullable(),
  replayLsn: lsn.nullable(),
  upstream: nodeName.nullable(),
  // 0: none yet.
  promise: whole<Epoch>(0, epochMax),
  isEvidence: z.boolean(),
  // Agents of an older version do not know these.
  agent: z.object({ run: z.string(), rival: z.string().nullable() }).nullable().default(null),
  balancing: z
    .object({
      writesTo: nodeName.nullable(),
      hasVip: z.boolean().nullable(),
      holding: z.string().nullable().default(null),
      beside: z.array(z.string()).default([]),
    })
    .nullable()
    .default(null),
  version: z.string(),
  reportedAtMs: wallClockMs,
})

const eventSchema: z.ZodType<JournalEvent> = z.object({
  id: z.string().min(1),
  // Events are for people: a kind that only a newer version knows is shown, not refused.
  kind: text<EventKind>(100),
  node: nodeName,
  epoch: epoch.nullable(),
  ruleId: z.string().nullable(),
  message: z.string(),
  operands: z.record(z.string(), z.unknown()),
  atMs: wallClockMs,
  atMonotonicMs: number<MonotonicMs>(),
})

/** An event with its place among those that were appended by the same transaction. */
export type StoredEvent = { readonly index: number; readonly event: JournalEvent }

const storedEventSchema: z.ZodType<StoredEvent> = z.object({
  index: z.number(),
  event: eventSchema,
})

export type Codec<T> = {
  readonly render: (value: T) => string
  /** @throws RecordError that names `key` */
  readonly parse: (key: string, text: string) => T
}

export const codecs = {
  lease: makeCodec(leaseSchema),
  sync: makeCodec(syncSchema),
  cluster: makeCodec(clusterSchema),
  control: makeCodec(controlSchema),
  report: makeCodec(reportSchema),
  event: makeCodec(storedEventSchema),
} as const

const envelopeSchema = z.object({ format: z.number().int().positive(), record: z.unknown() })

function makeCodec<T>(schema: z.ZodType<T>): Codec<T> {
  return {
    render: (record) => JSON.stringify({ format: formatNow, record }),
    parse: (key, text) => {
      const envelope = envelopeSchema.safeParse(parseJson(key, text))
      if (!envelope.success) throw new RecordError(`${key} holds no record of pgherd`)
      if (envelope.data.format > formatMax)
        throw new RecordError(`${key} holds no record of pgherd`)
      if (envelope.data.format > formatNow) {
        const { format } = envelope.data
        const message = `${key} was written in format ${format}, this version reads ${formatNow}`
        throw new NewerFormatError(`${message}: upgrade pgherd on this node`)
      }
      const record = schema.safeParse(envelope.data.record)
      if (record.success) return record.data
      const message = `${key} cannot be read: ${z.prettifyError(record.error)}`
      throw new RecordError(message.replaceAll('\n', ' '), { cause: record.error })
    },
  }
}

function parseJson(key: string, text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new RecordError(`${key} is not JSON`, { cause })
  }
}
