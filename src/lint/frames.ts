// Frames of checks: one question, asked of each file, node, server or pair of a deployment.

import { type DatabaseNode, nodesOf } from './database-node.ts'
import type { Deployment } from './deployment.ts'
import type { ComposeFile, ComposeService } from './parse-compose.ts'
import { allPostgresProxies, tcpProxies, writeProxies } from './postgres-proxy.ts'
import { proxyPairs } from './proxy-pair.ts'
import { type Fault, type Rule, faultAt, listed } from './rule.ts'
import { membersOf, pairsOf } from './vrrp-pair.ts'

type Check = Rule['check']

function each<Thing>(thingsOf: (deployment: Deployment) => readonly Thing[]) {
  return (check: (thing: Thing, deployment: Deployment) => readonly Fault[]): Check =>
    (deployment) =>
      thingsOf(deployment).flatMap((thing) => check(thing, deployment))
}

export const perHaproxyFile = each(({ haproxy }) => haproxy)

/** Every proxy, wherever it leads to. */
export const perProxy = each(({ haproxy }) => haproxy.flatMap(({ proxies }) => proxies))

/** Those that lead to PostgreSQL. */
export const perPostgresProxy = each(allPostgresProxies)

/** Those of them that speak to it as it has to be spoken to. */
export const perTcpProxy = each(tcpProxies)

/** Those of them again, without those that are for reads only. */
export const perWriteProxy = each(writeProxies)

/** Each server of those that speak to PostgreSQL as they have to. */
export const perServer = each((deployment) =>
  tcpProxies(deployment).flatMap((proxy) => proxy.servers.map((server) => ({ proxy, server }))),
)

export const perProxyPair = each(proxyPairs)

export const perKeepalivedFile = each(({ keepalived }) => keepalived)

/** Each VRRP instance, with its file. */
export const perMember = each(membersOf)

export const perInstance = each((deployment) =>
  membersOf(deployment).map(({ instance }) => instance),
)

export const perInstancePair = each(pairsOf)

export const perTrackScript = each(({ keepalived }) => keepalived.flatMap(({ scripts }) => scripts))

export const perComposeFile = each(({ compose }) => compose)

export const perNode = each(nodesOf)

export const perEnvFile = each(({ env }) => env)

export const perScript = each(({ scripts }) => scripts)

export const perCommand = each(({ scripts }) => scripts.flatMap(({ commands }) => commands))

/** One finding for all services of a file that break a rule alike, at the first of them. */
export function together(
  services: readonly ComposeService[],
  message: (names: string) => string,
): readonly Fault[] {
  const [first] = services
  if (first === undefined) return []
  const names = services.map(({ name }) => name)
  return [faultAt(first.place, message(listed(names)), { nodes: names })]
}

/**
 * In each compose file, those of its nodes that lack something, together. Of a service that extends one
 * that was not given nobody knows what it lacks.
 */
export function nodesThatLack(
  nodesIn: (compose: ComposeFile) => readonly DatabaseNode[],
  isLacking: (service: ComposeService) => boolean,
  message: (names: string) => string,
): Check {
  return perComposeFile((compose) =>
    together(
      nodesIn(compose).flatMap(({ service }) =>
        service.isWhole && isLacking(service) ? [service] : [],
      ),
      message,
    ),
  )
}

/** What several things inherit from one line is told once. */
export function toldOnce(check: Check): Check {
  return (deployment) => {
    const told = new Set<string>()
    return check(deployment).filter(({ place, message }) => {
      const key = `${place.file}:${place.line}:${message}`
      const isNew = !told.has(key)
      told.add(key)
      return isNew
    })
  }
}
