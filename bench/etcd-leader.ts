// Which node carries etcd's leader, and moving it there: a primary that dies together with it is the
// hardest of the ordinary failures.

import type { ClusterLayout, NodeLayout } from '../src/core/cluster-layout.ts'
import { votersOf } from '../src/core/cluster-layout.ts'
import type { NodeName } from '../src/core/names.ts'
import { waitFor } from './cluster.ts'

type Member = { readonly node: NodeLayout; readonly id: string; readonly leaderId: string }

/** Resolves as soon as the member of `name` has said that it leads. @throws Error after 20 s */
export async function moveStoreLeader(layout: ClusterLayout, name: NodeName): Promise<void> {
  await waitFor(
    () => `${name} carries the leader of etcd`,
    async () => {
      const members = await readMembers(layout)
      const wanted = members.find((member) => member.node.name === name)
      if (wanted === undefined) return false
      if (wanted.leaderId === wanted.id) return true
      const leader = members.find((member) => member.id === wanted.leaderId)
      if (leader === undefined) return false
      const move = { targetID: wanted.id }
      await post(leader.node, '/v3/maintenance/transfer-leadership', move).catch(() => undefined)
      return (await readMember(wanted.node)).leaderId === wanted.id
    },
    20_000,
    20,
  )
}

/** The node whose member leads; null while nobody does. */
export async function storeLeaderOf(layout: ClusterLayout): Promise<NodeName | null> {
  const members = await readMembers(layout)
  return members.find((member) => member.id === member.leaderId)?.node.name ?? null
}

async function readMembers(layout: ClusterLayout): Promise<readonly Member[]> {
  const answers = await Promise.allSettled(votersOf(layout).map(readMember))
  return answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : []))
}

async function readMember(node: NodeLayout): Promise<Member> {
  const answer = await post(node, '/v3/maintenance/status', {})
  const header = answer['header'] as { readonly member_id: string }
  return { node, id: header.member_id, leaderId: String(answer['leader']) }
}

async function post(
  node: NodeLayout,
  where: string,
  body: unknown,
): Promise<Record<string, unknown>> {
  const answer = await fetch(`http://${node.host}:${String(node.storeClientPort)}${where}`, {
    method: 'POST',
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(500),
  })
  if (!answer.ok) throw new Error(`${where}: HTTP ${answer.status}`)
  return (await answer.json()) as Record<string, unknown>
}
