// The bodies of calls between agents, parsed strictly: an answer to a seal is evidence for a promotion
// and must never be guessed from a half-understood text.

import type { Epoch, Incarnation, NodeName, SystemId, TimelineId } from '../../core/names.ts'
import type { Lsn } from '../../core/lsn.ts'
import type { NodeReport } from '../../core/node-report.ts'
import type { WalPosition } from '../../core/position.ts'
import type { RequestAnswer } from '../../ports/agent-api.ts'
import type {
  ClusterTrace,
  ConfirmAnswer,
  ConfirmRequest,
  HelloAnswer,
  SealAnswer,
  SealRequest,
} from '../../ports/peers.ts'

/** The other side sent something that is no such message. */
export class MalformedError extends Error {
  override readonly name = 'MalformedError'
}

type Fields = Readonly<Record<string, unknown>>

export function parseSealRequest(body: unknown): SealRequest {
  const fields = fieldsOf(body)
  return {
    systemId: text(fields, 'systemId') as SystemId,
    epoch: count(fields, 'epoch') as Epoch,
    candidate: text(fields, 'candidate') as NodeName,
  }
}

export function parseSealAnswer(body: unknown): SealAnswer {
  const fields = fieldsOf(body)
  switch (fields['kind']) {
    case 'sealed':
      return {
        kind: 'sealed',
        incarnation: text(fields, 'incarnation') as Incarnation,
        position: parsePosition(fields['position']),
        canBePrimary: flag(fields, 'canBePrimary'),
      }
    case 'promised':
      return {
        kind: 'promised',
        incarnation:
          fields['incarnation'] === null ? null : (text(fields, 'incarnation') as Incarnation),
        why: text(fields, 'why'),
      }
    case 'refused':
      return {
        kind: 'refused',
        promise: count(fields, 'promise') as Epoch,
        why: text(fields, 'why'),
      }
    default:
      throw new MalformedError(`no answer to a seal: kind ${JSON.stringify(fields['kind'])}`)
  }
}

export function parseConfirmRequest(body: unknown): ConfirmRequest {
  const fields = fieldsOf(body)
  return {
    systemId: text(fields, 'systemId') as SystemId,
    epoch: count(fields, 'epoch') as Epoch,
    holder: text(fields, 'holder') as NodeName,
    ttlMs: count(fields, 'ttlMs'),
  }
}

export function parseConfirmAnswer(body: unknown): ConfirmAnswer {
  const fields = fieldsOf(body)
  return { isConfirmed: flag(fields, 'isConfirmed'), promise: count(fields, 'promise') as Epoch }
}

export function parseHelloAnswer(body: unknown): HelloAnswer {
  const fields = fieldsOf(body)
  const report = fieldsOf(fields['report'])
  text(report, 'name')
  text(report, 'state')
  count(report, 'promise')
  return {
    report: report as unknown as NodeReport,
    hasData: flag(fields, 'hasData'),
    hasEverRunStore:
      typeof fields['hasEverRunStore'] === 'boolean' ? fields['hasEverRunStore'] : null,
    traces: parseTraces(fields['traces']),
    foundingToken: typeof fields['foundingToken'] === 'string' ? fields['foundingToken'] : null,
  }
}

const clusterTraces: readonly ClusterTrace[] = ['store', 'promise', 'system-id', 'data']

/** What a newer version may add stands for something that is there: it counts as data. */
function parseTraces(value: unknown): readonly ClusterTrace[] | null {
  if (!Array.isArray(value)) return null
  return value.map((trace: unknown) => clusterTraces.find((known) => known === trace) ?? 'data')
}

export function parseRequestAnswer(body: unknown): RequestAnswer {
  const fields = fieldsOf(body)
  switch (fields['kind']) {
    case 'accepted':
      return { kind: 'accepted', id: text(fields, 'id'), message: text(fields, 'message') }
    case 'refused':
      return {
        kind: 'refused',
        ruleId: text(fields, 'ruleId'),
        message: text(fields, 'message'),
        hint: text(fields, 'hint'),
      }
    case 'elsewhere':
      return {
        kind: 'elsewhere',
        node: fields['node'] === null ? null : (text(fields, 'node') as NodeName),
      }
    default:
      throw new MalformedError(`no answer to a request: kind ${JSON.stringify(fields['kind'])}`)
  }
}

/** @throws MalformedError when it is no object */
export function fieldsOf(body: unknown): Fields {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw new MalformedError('expected a JSON object')
  }
  return body as Fields
}

/** @throws MalformedError when the field is no text */
export function text(fields: Fields, name: string): string {
  const value = fields[name]
  if (typeof value !== 'string') throw new MalformedError(`${name} must be a text`)
  return value
}

/** @throws MalformedError when the field is neither true nor false */
export function flag(fields: Fields, name: string): boolean {
  const value = fields[name]
  if (typeof value !== 'boolean') throw new MalformedError(`${name} must be true or false`)
  return value
}

function count(fields: Fields, name: string): number {
  const value = fields[name]
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) {
    throw new MalformedError(`${name} must be a whole number`)
  }
  return value
}

function parsePosition(value: unknown): WalPosition {
  const fields = fieldsOf(value)
  return {
    timeline: count(fields, 'timeline') as TimelineId,
    flushLsn: count(fields, 'flushLsn') as Lsn,
  }
}
