// Addresses for applications: endpoints, nodes, connection strings. Passwords appear only when they
// were asked for by name.

import type { ClusterLayout } from '../core/cluster-layout.ts'
import type { NodeName } from '../core/names.ts'
import { PgherdError } from '../lib/errors.ts'
import type { RuntimeCluster } from '../runtimes/runtime.ts'

export type Target = 'write' | 'read' | { readonly node: NodeName }

export type Address = { readonly host: string; readonly port: number }

/**
 * Where a target listens. Without a balancer there is no endpoint; then only nodes can be named.
 * @throws PgherdError PGHERD_NO_ENDPOINT, PGHERD_NODE_HAS_NO_DATABASE
 */
export function addressOf(layout: ClusterLayout, target: Target): Address {
  if (typeof target === 'string') {
    const endpoint = layout.endpoints[target]
    if (endpoint !== null) return endpoint
    throw new PgherdError({
      code: 'PGHERD_NO_ENDPOINT',
      reason: 'configuration',
      message: `cluster ${layout.cluster} has no ${target} endpoint`,
      because: 'its spec has no node with the role balancer',
      hint: 'add a balancer to the spec, or name a node with --node',
    })
  }
  const node = layout.nodes.find((one) => one.name === target.node)
  if (node?.postgresPort !== null && node?.postgresPort !== undefined) {
    return { host: node.host, port: node.postgresPort }
  }
  throw new PgherdError({
    code: 'PGHERD_NODE_HAS_NO_DATABASE',
    reason: 'usage',
    message: `${target.node} is a ${node?.role ?? 'node'} and runs no PostgreSQL`,
    hint: 'name a data node, or leave --node out',
  })
}

export const secretMask = '********'

/** A libpq connection string. @param password null: masked */
export function connectionString(
  address: Address,
  application: Pick<RuntimeCluster['application'], 'database' | 'user'>,
  password: string | null,
): string {
  const host = address.host.includes(':') ? `[${address.host}]` : address.host
  const secret = password === null ? secretMask : encodeURIComponent(password)
  const user = encodeURIComponent(application.user)
  const database = encodeURIComponent(application.database)
  return `postgresql://${user}:${secret}@${host}:${address.port}/${database}`
}
