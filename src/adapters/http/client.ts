// The calls of commands: status, events and requests of operators, to one agent at a time.

import type { JournalEvent } from '../../core/journal-event.ts'
import type { StoreEvidence } from '../../core/store-recovery.ts'
import type { AgentStatus, RequestAnswer } from '../../ports/agent-api.ts'
import { AgentSilentError } from '../../ports/status-client.ts'
import type { AgentAddress, AgentSilence, StatusClient } from '../../ports/status-client.ts'
import { CallError } from './call.ts'
import type { Call, Caller, CallFailure, ProvenAnswer } from './call.ts'
import { fieldsOf, MalformedError, parseRequestAnswer, text } from './codec.ts'

const silences: Readonly<Record<CallFailure, AgentSilence>> = {
  refused: 'refused',
  timeout: 'timeout',
  failed: 'refused',
  unauthorized: 'foreign',
  unproven: 'foreign',
}

/** @param caller with the cluster's secret; its owner closes it */
export function createStatusClient(caller: Caller): StatusClient {
  const ask = async <Answer>(
    agent: AgentAddress,
    call: Call,
    deadlineMs: number,
    parse: (body: unknown) => Answer,
  ): Promise<Answer> => {
    const target = { host: agent.host, port: agent.apiPort }
    try {
      return parse(bodyOf(await caller.call(target, call, deadlineMs)))
    } catch (error) {
      if (error instanceof CallError) {
        throw new AgentSilentError(silences[error.failure], error.message, { cause: error })
      }
      if (error instanceof MalformedError) {
        throw new AgentSilentError('foreign', `${agent.host}: ${error.message}`, { cause: error })
      }
      throw error
    }
  }
  const request = (agent: AgentAddress, call: Call, deadlineMs: number): Promise<RequestAnswer> =>
    ask(agent, call, deadlineMs, parseRequestAnswer)

  return {
    status: (agent, deadlineMs) => ask(agent, get('/status'), deadlineMs, parseStatus),
    events: (agent, countMax, deadlineMs) =>
      ask(agent, get(`/events?count=${String(countMax)}`), deadlineMs, parseEvents),
    requestSwitchover: (agent, to, isDryRun, deadlineMs) =>
      request(agent, post('/switchover', { to, isDryRun }), deadlineMs),
    requestCancelSwitchover: (agent, deadlineMs) =>
      request(agent, { method: 'DELETE', path: '/switchover', body: null }, deadlineMs),
    requestPause: (agent, reason, deadlineMs) =>
      request(agent, post('/pause', { reason }), deadlineMs),
    storeEvidence: (agent, deadlineMs) =>
      ask(agent, get('/store/evidence'), deadlineMs, parseEvidence),
    yieldToRecovery: (agent, isFounder, deadlineMs) =>
      ask(agent, post('/store/yield', { isFounder }), deadlineMs, parseEvidence),
    foundStore: (agent, records, deadlineMs) =>
      request(agent, post('/store/found', { records }), deadlineMs),
    requestResume: (agent, deadlineMs) => request(agent, post('/resume', {}), deadlineMs),
  }
}

const get = (path: string): Call => ({ method: 'GET', path, body: null })
const post = (path: string, body: unknown): Call => ({ method: 'POST', path, body })

function bodyOf(answer: ProvenAnswer): unknown {
  if (answer.status === 200) return answer.body
  const fields = fieldsOf(answer.body)
  throw new MalformedError(`it answered ${String(answer.status)}: ${text(fields, 'message')}`)
}

/** The agent has proved that it is ours; only what an older or newer version may lack is checked. */
function parseStatus(body: unknown): AgentStatus {
  const fields = fieldsOf(body)
  text(fields, 'version')
  text(fields, 'node')
  fieldsOf(fields['report'])
  fieldsOf(fields['role'])
  return fields as unknown as AgentStatus
}

/** Evidence, so an agent that lacks a field of it is no witness. */
function parseEvidence(body: unknown): StoreEvidence {
  const fields = fieldsOf(body)
  text(fields, 'node')
  for (const name of evidenceFields) {
    if (fields[name] === undefined) throw new MalformedError(`${name} is missing`)
  }
  return fields as unknown as StoreEvidence
}

const evidenceFields = [
  'systemId',
  'incarnation',
  'promise',
  'primaryEpoch',
  'isSuspended',
  'directory',
  'isPrimary',
  'position',
  'timelines',
  'isStoreWhole',
  'copy',
  'seen',
] as const satisfies readonly (keyof StoreEvidence)[]

function parseEvents(body: unknown): readonly JournalEvent[] {
  const { events } = fieldsOf(body)
  if (!Array.isArray(events)) throw new MalformedError('events must be a list')
  return events as readonly JournalEvent[]
}
