// The messages of etcd's JSON gateway that we use: base64 keys and values, 64-bit integers as decimal
// strings, and zero values (0, "", false, empty list) left out of answers.

import * as z from 'zod'
import { EtcdError, grpcCodes } from './errors.ts'
import type { KeyRange } from './keys.ts'

/** A 64-bit integer as a number: revisions and sizes stay far below 2^53. */
const int64 = z.string().default('0').transform(Number)
/** A 64-bit identity: kept as text, because it uses all bits. */
const id64 = z.string().default('0')
const bytes = z.string().default('').transform(decodeBase64)

const headerSchema = z.object({
  cluster_id: id64,
  member_id: id64,
  revision: int64,
  raft_term: int64,
})

const keyValueSchema = z.object({
  key: bytes,
  value: bytes,
  create_revision: int64,
  mod_revision: int64,
})

/** One key with what it holds. */
export type KeyValue = z.output<typeof keyValueSchema>

const rangeAnswerSchema = z.object({
  kvs: z.array(keyValueSchema).default([]),
  count: int64,
})

const operationAnswerSchema = z.object({ response_range: rangeAnswerSchema.optional() })

const transactionAnswerSchema = z.object({
  header: headerSchema,
  succeeded: z.boolean().default(false),
  responses: z.array(operationAnswerSchema).default([]),
})

/** The outcome of a transaction: which branch ran, and what its range operations found. */
export type TransactionAnswer = {
  readonly revision: number
  readonly succeeded: boolean
  readonly ranges: readonly { readonly kvs: readonly KeyValue[]; readonly count: number }[]
}

export function parseTransactionAnswer(body: unknown): TransactionAnswer {
  const answer = transactionAnswerSchema.parse(body)
  const ranges = answer.responses.flatMap(({ response_range: range }) => range ?? [])
  return { revision: answer.header.revision, succeeded: answer.succeeded, ranges }
}

const watchLineSchema = z.object({
  error: z.object({ message: z.string().default('no reason given') }).optional(),
  result: z
    .object({
      header: headerSchema,
      canceled: z.boolean().default(false),
      cancel_reason: z.string().default(''),
      compact_revision: int64,
      events: z
        .array(z.object({ type: z.enum(['PUT', 'DELETE']).default('PUT'), kv: keyValueSchema }))
        .default([]),
    })
    .optional(),
})

export type KeyChange = { readonly isDeleted: boolean; readonly kv: KeyValue }

/**
 * The changes that one line of a watch tells.
 * @throws EtcdError when the line ends the watch (`outOfRange`: the history asked for is compacted) or
 *   is not understood
 */
export function parseWatchLine(line: string): readonly KeyChange[] {
  const parsed = watchLineSchema.safeParse(parseJsonLine(line))
  if (!parsed.success) throw watchEnd('a line that is not understood')
  const { error, result } = parsed.data
  if (error !== undefined) throw watchEnd(error.message)
  if (result === undefined) return []
  if (result.compact_revision > 0) {
    throw watchEnd(`history is compacted up to ${result.compact_revision}`, grpcCodes.outOfRange)
  }
  if (result.canceled) throw watchEnd(result.cancel_reason)
  return result.events.map(({ type, kv }) => ({ isDeleted: type === 'DELETE', kv }))
}

function parseJsonLine(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    return null
  }
}

function watchEnd(why: string, grpcCode?: number): EtcdError {
  const code = grpcCode === undefined ? {} : { grpcCode }
  return new EtcdError(`etcd ended the watch: ${why}`, { outcome: 'unknown', ...code })
}

const memberSchema = z.object({
  ID: id64,
  name: z.string().default(''),
  peerURLs: z.array(z.string()).default([]),
  clientURLs: z.array(z.string()).default([]),
})

/** A member as the store's own list has it. No name or no client URL: it never served. */
export type ListedMember = {
  readonly id: string
  readonly name: string
  readonly peerUrls: readonly string[]
  readonly clientUrls: readonly string[]
}

const memberListSchema = z.object({ members: z.array(memberSchema).default([]) })

export function parseMemberList(body: unknown): readonly ListedMember[] {
  return memberListSchema.parse(body).members.map((member) => ({
    id: member.ID,
    name: member.name,
    peerUrls: member.peerURLs,
    clientUrls: member.clientURLs,
  }))
}

const statusSchema = z.object({
  header: headerSchema,
  version: z.string().default(''),
  dbSize: int64,
  dbSizeInUse: int64,
  leader: id64,
  raftIndex: int64,
  errors: z.array(z.string()).default([]),
})

/** What one member says about itself; it needs nobody else for that. */
export type MemberStatus = {
  readonly memberId: string
  /** Of the founding that it belongs to: members with another one refuse each other. */
  readonly clusterId: string
  /** '0' while there is none. */
  readonly leaderId: string
  readonly databaseBytes: number
  readonly databaseBytesInUse: number
  readonly revision: number
  readonly raftIndex: number
  /** Its database reached the quota: no member takes writes any more. */
  readonly isOutOfSpace: boolean
}

export function parseStatus(body: unknown): MemberStatus {
  const status = statusSchema.parse(body)
  return {
    memberId: status.header.member_id,
    clusterId: status.header.cluster_id,
    leaderId: status.leader,
    databaseBytes: status.dbSize,
    databaseBytesInUse: status.dbSizeInUse,
    revision: status.header.revision,
    raftIndex: status.raftIndex,
    isOutOfSpace: status.errors.some((error) => isNoSpaceOf(error, status.header.member_id)),
  }
}

/** `memberID:123 alarm:NOSPACE `, as 3.4 and 3.5 print it; every member lists the alarms of all. */
function isNoSpaceOf(error: string, memberId: string): boolean {
  return error.includes('alarm:NOSPACE') && /memberID:(\d+)/.exec(error)?.[1] === memberId
}

export function encodeBase64(text: string): string {
  return Buffer.from(text, 'utf8').toString('base64')
}

function decodeBase64(text: string): string {
  return Buffer.from(text, 'base64').toString('utf8')
}

/** An operation or comparison as the gateway wants it. */
export type WireObject = Readonly<Record<string, unknown>>

export type TransactionRequest = {
  readonly compare: readonly WireObject[]
  readonly success: readonly WireObject[]
  readonly failure: readonly WireObject[]
}

/** The key was last written at `revision`; 0: it does not exist. */
export function compareRevision(key: string, revision: number): WireObject {
  return {
    key: encodeBase64(key),
    target: 'MOD',
    result: 'EQUAL',
    mod_revision: String(revision),
  }
}

export function putOperation(key: string, value: string): WireObject {
  return { request_put: { key: encodeBase64(key), value: encodeBase64(value) } }
}

export function deleteOperation(key: string): WireObject {
  return { request_delete_range: { key: encodeBase64(key) } }
}

export function rangeOperation(range: KeyRange, options: WireObject = {}): WireObject {
  return { request_range: { ...wireRange(range), ...options } }
}

/** Puts only when the key does not exist. */
export function createOperation(key: string, value: string): WireObject {
  return {
    request_txn: {
      compare: [compareRevision(key, 0)],
      success: [putOperation(key, value)],
      failure: [],
    },
  }
}

export function wireRange({ start, end }: KeyRange): WireObject {
  return { key: encodeBase64(start), range_end: encodeBase64(end) }
}

/** The range of exactly one key. */
export function oneKey(key: string): KeyRange {
  return { start: key, end: `${key}\0` }
}

/**
 * A linearizable read of nothing: a member must reach a majority to answer it. The range matters: a
 * transaction without one is answered from the member's own memory (3.4 and 3.5, isTxnSerializable).
 */
export const probeRequest: TransactionRequest = {
  compare: [],
  success: [rangeOperation(oneKey('/pgherd/probe'), { count_only: true })],
  failure: [],
}
