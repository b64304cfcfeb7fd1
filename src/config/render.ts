// The effective spec as a file: every default and every port written out, so that later versions with
// other defaults run the same cluster.

import { stringify } from 'yaml'
import type { LoadedSpec } from './load.ts'
import { balancerPortSettings } from './ports.ts'
import type { NodeSpec } from './schema.ts'

/**
 * YAML that loads to the same layout.
 * @param comment lines for the head of the file, without `#`
 */
export function renderSpec(loaded: LoadedSpec, comment: readonly string[] = []): string {
  const { spec, layout } = loaded
  const { write, read } = layout.endpoints
  const effective = {
    ...spec,
    syncStandbys: layout.syncStandbys,
    nodes: layout.nodes.map((node, index) => ({
      name: node.name,
      role: node.role,
      host: node.host,
      ...present('postgresPort', node.postgresPort),
      ...present('apiPort', node.apiPort),
      ...present('storeClientPort', node.storeClientPort),
      ...present('storePeerPort', node.storePeerPort),
      vote: node.isVoter,
      ...interfaceOf(spec.nodes[index]),
      ...(node.role === 'data' ? { noFailover: node.noFailover } : {}),
    })),
    endpoints: { ...(write === null ? {} : { write }), ...(read === null ? {} : { read }) },
    balancer: { ...spec.balancer, ...balancerPortSettings(layout.balancerPorts) },
  }
  const head = comment.map((line) => `# ${line}\n`).join('')
  return head + stringify(effective, { lineWidth: 0 })
}

function interfaceOf(node: NodeSpec | undefined): Readonly<Record<string, string>> {
  return node?.interface === undefined ? {} : { interface: node.interface }
}

function present(key: string, port: number | null): Readonly<Record<string, number>> {
  return port === null ? {} : { [key]: port }
}
