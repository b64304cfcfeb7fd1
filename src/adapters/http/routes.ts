// The signed part of the API: which path and method does what. Knows nothing of signatures or sockets.

import type { NodeName } from '../../core/names.ts'
import type { FirstRecords } from '../../core/store-recovery.ts'
import { messageOf } from '../../lib/errors.ts'
import type { AgentApi, RequestAnswer } from '../../ports/agent-api.ts'
import { StoreUnavailableError } from '../../ports/cluster-store.ts'
import {
  fieldsOf,
  flag,
  MalformedError,
  parseConfirmRequest,
  parseSealRequest,
  text,
} from './codec.ts'

export type Answer = { readonly status: number; readonly body: unknown }

export interface Routes {
  /** Methods of the path in a URL; empty when there is no such path. */
  methodsOf(url: string): readonly string[]
  /** Carries out one authenticated request. Throws only what the agent throws unexpectedly. */
  answer(method: string, url: string, body: string): Promise<Answer>
}

type Handler = (body: unknown, query: URLSearchParams) => Promise<unknown>

const eventCountDefault = 50
const eventCountMax = 1000
const reasonLengthMax = 500

export function createRoutes(api: AgentApi): Routes {
  const routes: Readonly<Record<string, Readonly<Record<string, Handler>>>> = {
    '/status': { GET: async () => api.status() },
    '/events': {
      GET: async (_body, query) => ({ events: await api.events(countOf(query)) }),
    },
    '/switchover': {
      POST: (body) => requestSwitchover(api, body),
      DELETE: () => viaStore(api.requestCancelSwitchover()),
    },
    '/pause': { POST: (body) => viaStore(api.requestPause(reasonOf(body))) },
    '/resume': { POST: () => viaStore(api.requestResume()) },
    '/store/evidence': { GET: () => api.storeEvidence() },
    '/store/yield': {
      POST: (body) => api.yieldToRecovery(flag(fieldsOf(body), 'isFounder')),
    },
    '/store/found': { POST: (body) => foundStore(api, body) },
    '/peer/seal': { POST: (body) => api.onSeal(parseSealRequest(body)) },
    '/peer/confirm': { POST: async (body) => api.onConfirm(parseConfirmRequest(body)) },
    '/peer/hello': { POST: async () => api.onHello() },
  }
  const routeOf = (url: string) => routes[url.split('?', 1)[0] ?? '']
  return {
    methodsOf: (url) => Object.keys(routeOf(url) ?? {}),
    answer: async (method, url, body) => {
      const handler = routeOf(url)?.[method]
      if (handler === undefined) return { status: 404, body: {} }
      const query = new URLSearchParams(url.split('?', 2)[1] ?? '')
      try {
        return { status: 200, body: await handler(parseBody(body), query) }
      } catch (error) {
        if (!(error instanceof MalformedError)) throw error
        return { status: 400, body: { error: 'malformed', message: error.message } }
      }
    },
  }
}

function parseBody(body: string): unknown {
  if (body === '') return {}
  try {
    return JSON.parse(body) as unknown
  } catch (error) {
    throw new MalformedError('the body is no JSON', { cause: error })
  }
}

/** The records are checked by the store's own codec before anything is changed. */
async function foundStore(api: AgentApi, body: unknown): Promise<RequestAnswer> {
  const records = fieldsOf(fieldsOf(body)['records']) as unknown as FirstRecords
  try {
    await api.foundStore(records)
    return { kind: 'accepted', id: 'store', message: 'the new store begins here' }
  } catch (error) {
    return {
      kind: 'refused',
      ruleId: 'store-recovery',
      message: `the new store could not be made: ${messageOf(error)}`,
      hint: 'see the log of etcd on that node, then run the command again',
    }
  }
}

function requestSwitchover(api: AgentApi, body: unknown): Promise<RequestAnswer> {
  const fields = fieldsOf(body)
  const to = fields['to'] === null ? null : (text(fields, 'to') as NodeName)
  return viaStore(api.requestSwitchover(to, flag(fields, 'isDryRun')))
}

/** Requests are kept in the store: without it they are refused, which is an answer and no failure. */
async function viaStore(answer: Promise<RequestAnswer>): Promise<RequestAnswer> {
  try {
    return await answer
  } catch (error) {
    if (!(error instanceof StoreUnavailableError)) throw error
    return {
      kind: 'refused',
      ruleId: 'store-unavailable',
      message: `the store did not answer: ${error.message}`,
      hint: 'see whether a majority of the voters runs (pgherd status), then ask again',
    }
  }
}

function countOf(query: URLSearchParams): number {
  const given = query.get('count')
  if (given === null) return eventCountDefault
  if (!/^\d{1,6}$/.test(given)) throw new MalformedError('count must be a whole number')
  return Math.min(Number(given), eventCountMax)
}

function reasonOf(body: unknown): string {
  const reason = text(fieldsOf(body), 'reason').trim()
  if (reason === '') throw new MalformedError('reason must not be empty')
  if (reason.length > reasonLengthMax) throw new MalformedError('reason is too long')
  return reason
}
