// L6xx: whether balancers let as many clients in as the database takes.

import {
  type ClientLimit,
  type MaxConnections,
  addressOf,
  clientLimitOf,
  limitsFix,
  limitsFixOf,
  maxConnectionsOf,
  ownLimitOf,
  primaryConnectionsOf,
} from '../../connection-limits.ts'
import type { Deployment } from '../../deployment.ts'
import { type PostgresProxy, isInUse, writeProxies } from '../../postgres-proxy.ts'
import { type Fault, type Rule, faultAt } from '../../rule.ts'

/** Limits may stay so far below the database's, for what does not come through the balancers. */
const usedPartMin = 0.9
const unusedCountMax = 30

export const acrossLimitRules: readonly Rule[] = [
  {
    id: 'L602',
    severity: 'warning',
    title: 'the balancers let fewer clients in than the database takes',
    why: 'Clients wait at HAProxy until they give up, while the database has connections left.',
    fix: limitsFix,
    check: (deployment) =>
      limitFaults(deployment, 'below', clientLimitOf, (sum, { forClients }) =>
        isFarBelow(sum, forClients),
      ),
  },
  {
    id: 'L603',
    severity: 'warning',
    title: 'the balancers let more clients in than the database takes',
    why: 'Under load PostgreSQL refuses clients with "too many clients", those of other programs among them.',
    fix: limitsFix,
    check: (deployment) =>
      limitFaults(
        deployment,
        'above',
        // What the whole program lets in is for all of its proxies, and L113 wants it above their sum.
        (proxy) => ownLimitOf(proxy) ?? clientLimitOf(proxy),
        (sum, { forClients }) => sum > forClients,
      ),
  },
]

function isFarBelow(sum: number, forClients: number): boolean {
  return sum < forClients * usedPartMin && sum < forClients - unusedCountMax
}

/**
 * @param limitOf the limit to point at
 * @param isFault judges what all balancers together may open to one primary
 */
function limitFaults(
  deployment: Deployment,
  word: 'below' | 'above',
  limitOf: (proxy: PostgresProxy) => ClientLimit | null,
  isFault: (sum: number, max: MaxConnections) => boolean,
): readonly Fault[] {
  const max = maxConnectionsOf(deployment)
  if (max === null) return []
  const sums = primaryConnectionsOf(deployment)
  const seen = new Set<string>()
  return writeProxies(deployment).flatMap((proxy) => {
    const limit = limitOf(proxy)
    const sum = proxy.servers
      .filter(isInUse)
      .reduce((most, server) => Math.max(most, sums.get(addressOf(server)) ?? 0), 0)
    if (limit === null || sum === 0 || !isFault(sum, max)) return []
    const key = `${limit.place.file}:${limit.place.line}`
    if (seen.has(key)) return []
    seen.add(key)
    const all = sum === limit.count ? '' : `; all ways to one node let ${sum} in`
    const message =
      `${limit.name} is ${limit.count}${all}, ${word} the ${max.forClients} for clients ` +
      `of max_connections ${max.count} (${max.where})`
    const facts = { limit: limit.count, sum, maxConnections: max.count, forClients: max.forClients }
    return [faultAt(limit.place, message, facts, limitsFixOf(deployment, proxy.file))]
  })
}
