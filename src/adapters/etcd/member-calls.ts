// Calls to one particular member: its status, the list of members, leadership, upkeep.

import type { Agent } from 'node:http'
import { get } from 'node:http'
import * as z from 'zod'
import { messageOf } from '../../lib/errors.ts'
import type { Endpoint } from './endpoint.ts'
import { EtcdError } from './errors.ts'
import { postJson } from './http.ts'
import type { ListedMember, MemberStatus } from './messages.ts'
import { parseMemberList, parseStatus, probeRequest } from './messages.ts'

const addAnswerSchema = z.object({ member: z.object({ ID: z.string() }) })

/** All throw EtcdError; the time limit is in ms. */
export type MemberCalls = {
  readonly status: (endpoint: Endpoint, timeoutMs: number) => Promise<MemberStatus>
  /** Resolves when the member reaches a majority. */
  readonly probe: (endpoint: Endpoint, timeoutMs: number) => Promise<void>
  /** Linearizable: the member reaches a majority and has applied all that was decided before. */
  readonly list: (endpoint: Endpoint, timeoutMs: number) => Promise<readonly ListedMember[]>
  /** Gives the id of the new member and the list with it. */
  readonly add: (
    endpoint: Endpoint,
    peerUrl: string,
    timeoutMs: number,
  ) => Promise<{ readonly id: string; readonly members: readonly ListedMember[] }>
  readonly remove: (endpoint: Endpoint, id: string, timeoutMs: number) => Promise<void>
  /**
   * Which etcd cluster the member belongs to, by its port for peers: it answers there also while it has no
   * leader. In hexadecimal, as etcd's log has it.
   */
  readonly clusterIdAtPeer: (endpoint: Endpoint, timeoutMs: number) => Promise<string>
  readonly moveLeader: (endpoint: Endpoint, targetId: string, timeoutMs: number) => Promise<void>
  /** Drops the history before `revision`, also from the file's used pages. */
  readonly compact: (endpoint: Endpoint, revision: number, timeoutMs: number) => Promise<void>
  /** Gives free pages back to the file system; the member stands still meanwhile. */
  readonly defragment: (endpoint: Endpoint, timeoutMs: number) => Promise<void>
  /** Ends the refusal of writes that a full database has caused on `memberId`. */
  readonly disarmNoSpace: (endpoint: Endpoint, memberId: string, timeoutMs: number) => Promise<void>
}

export function createMemberCalls(agent: Agent): MemberCalls {
  const call = (endpoint: Endpoint, path: string, body: unknown, timeoutMs: number) =>
    postJson(agent, endpoint, path, body, { timeoutMs, connectMs: timeoutMs })
  const probe = async (endpoint: Endpoint, timeoutMs: number): Promise<void> => {
    await call(endpoint, '/v3/kv/txn', probeRequest, timeoutMs)
  }
  return {
    status: async (endpoint, timeoutMs) =>
      parseStatus(await call(endpoint, '/v3/maintenance/status', {}, timeoutMs)),
    probe,
    list: async (endpoint, timeoutMs) => {
      // 3.4 answers the list from memory and 3.5 does so by default: the probe before it makes the
      // member catch up, and changes of membership are applied in the same order as writes.
      await probe(endpoint, timeoutMs)
      return parseMemberList(await call(endpoint, '/v3/cluster/member/list', {}, timeoutMs))
    },
    add: async (endpoint, peerUrl, timeoutMs) => {
      const request = { peerURLs: [peerUrl] }
      const answer = await call(endpoint, '/v3/cluster/member/add', request, timeoutMs)
      const id = addAnswerSchema.parse(answer).member.ID
      return { id, members: parseMemberList(answer) }
    },
    remove: async (endpoint, id, timeoutMs) => {
      await call(endpoint, '/v3/cluster/member/remove', { ID: id }, timeoutMs)
    },
    clusterIdAtPeer: (endpoint, timeoutMs) => readClusterId(agent, endpoint, timeoutMs),
    moveLeader: async (endpoint, targetId, timeoutMs) => {
      const path = '/v3/maintenance/transfer-leadership'
      await call(endpoint, path, { targetID: targetId }, timeoutMs)
    },
    compact: async (endpoint, revision, timeoutMs) => {
      const request = { revision: String(revision), physical: true }
      await call(endpoint, '/v3/kv/compaction', request, timeoutMs)
    },
    defragment: async (endpoint, timeoutMs) => {
      await call(endpoint, '/v3/maintenance/defragment', {}, timeoutMs)
    },
    disarmNoSpace: async (endpoint, memberId, timeoutMs) => {
      const request = { action: 'DEACTIVATE', memberID: memberId, alarm: 'NOSPACE' }
      await call(endpoint, '/v3/maintenance/alarm', request, timeoutMs)
    },
  }
}

function readClusterId(agent: Agent, { host, port }: Endpoint, timeoutMs: number): Promise<string> {
  const notAnswered = (message: string) => new EtcdError(message, { outcome: 'not-done' })
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(timeoutMs)
    const request = get({ agent, host, port, path: '/members', signal }, (response) => {
      response.resume()
      const id = response.headers['x-etcd-cluster-id']
      if (typeof id === 'string') resolve(id)
      else reject(notAnswered(`${host}:${String(port)} names no etcd cluster`))
    })
    request.on('error', (error) => {
      reject(notAnswered(messageOf(error)))
    })
  })
}
