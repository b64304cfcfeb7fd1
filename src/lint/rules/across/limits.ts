// L6xx: whether a balancer lets as many clients in as the database takes.

import { clientLimitOf, maxConnectionsOf } from '../../connection-limits.ts'
import type { Deployment } from '../../deployment.ts'
import { writeProxies } from '../../postgres-proxy.ts'
import { type Fault, type Rule, faultAt } from '../../rule.ts'

/** A limit may stay this far below the database's, for what does not come through the balancer. */
const usedShareMin = 0.9

export const acrossLimitRules: readonly Rule[] = [
  {
    id: 'L602',
    severity: 'warning',
    title: 'the balancer lets fewer clients in than the database takes',
    why: 'Clients wait at HAProxy until they give up, while the database has connections left.',
    fix: 'maxconn a little below max_connections, the rest is for administrators',
    check: (deployment) =>
      limitFaults(deployment, (limit, max) => limit < max * usedShareMin, 'below'),
  },
  {
    id: 'L603',
    severity: 'warning',
    title: 'the balancer lets more clients in than the database takes',
    why: 'Under load PostgreSQL refuses clients with "too many clients", administrators among them.',
    fix: 'maxconn a little below max_connections, the rest is for administrators',
    check: (deployment) => limitFaults(deployment, (limit, max) => limit > max, 'above'),
  },
]

function limitFaults(
  deployment: Deployment,
  isFault: (limit: number, max: number) => boolean,
  word: 'below' | 'above',
): readonly Fault[] {
  const max = maxConnectionsOf(deployment)
  if (max === null) return []
  const seen = new Set<string>()
  return writeProxies(deployment).flatMap((proxy) => {
    const limit = clientLimitOf(proxy)
    if (limit === null || !isFault(limit.count, max.count)) return []
    const key = `${limit.place.file}:${limit.place.line}`
    if (seen.has(key)) return []
    seen.add(key)
    const message = `${limit.name} is ${limit.count}, ${word} max_connections ${max.count} (${max.where})`
    return [faultAt(limit.place, message, { limit: limit.count, maxConnections: max.count })]
  })
}
