// Calls to the other agents of the cluster, by name. Whatever goes wrong on the way is "unavailable":
// silence is no answer, and never evidence.

import { nodeIn } from '../../core/cluster-layout.ts'
import type { ClusterLayout } from '../../core/cluster-layout.ts'
import type { NodeName } from '../../core/names.ts'
import { PeerUnavailableError } from '../../ports/peers.ts'
import type { Peers } from '../../ports/peers.ts'
import { parseConfirmAnswer, parseHelloAnswer, parseSealAnswer } from './codec.ts'
import type { Caller } from './call.ts'

/** @param caller with the cluster's secret; its owner closes it */
export function createPeers(caller: Caller, layout: ClusterLayout): Peers {
  const ask = async <Answer>(
    node: NodeName,
    path: string,
    body: unknown,
    deadlineMs: number,
    parse: (body: unknown) => Answer,
  ): Promise<Answer> => {
    const { host, apiPort } = nodeIn(layout, node)
    try {
      const target = { host, port: apiPort }
      const answer = await caller.call(target, { method: 'POST', path, body }, deadlineMs)
      if (answer.status !== 200) throw new Error(`status ${String(answer.status)}`)
      return parse(answer.body)
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error)
      throw new PeerUnavailableError(`${node} gave no answer to ${path}: ${why}`, { cause: error })
    }
  }
  return {
    seal: (node, request, deadlineMs) =>
      ask(node, '/peer/seal', request, deadlineMs, parseSealAnswer),
    confirm: (node, request, deadlineMs) =>
      ask(node, '/peer/confirm', request, deadlineMs, parseConfirmAnswer),
    hello: (node, deadlineMs) => ask(node, '/peer/hello', {}, deadlineMs, parseHelloAnswer),
  }
}
