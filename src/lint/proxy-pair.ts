// Which proxies of different balancers belong together.

import type { Deployment } from './deployment.ts'
import { foundOnce } from './found-once.ts'
import { type PostgresProxy, postgresProxiesOf } from './postgres-proxy.ts'

export type ProxyPair = readonly [PostgresProxy, PostgresProxy]

type Earlier = { readonly proxy: PostgresProxy; readonly fileIndex: number }

/**
 * Each proxy after that of the nearest file before it: one of the same name, or the only ones of two
 * balancers. What three balancers do not agree about shows between neighbours.
 */
export const proxyPairs = foundOnce((deployment: Deployment): readonly ProxyPair[] => {
  const latest = new Map<string, Earlier>()
  return deployment.haproxy.flatMap((file, fileIndex) => {
    const proxies = postgresProxiesOf(deployment, file)
    const keysOf = ({ name, isForWrites }: PostgresProxy) => [
      `${isForWrites} ${name}`,
      ...(proxies.length === 1 ? [`${isForWrites}`] : []),
    ]
    const pairs = proxies.flatMap((proxy): ProxyPair[] => {
      const [nearest] = keysOf(proxy)
        .flatMap((key) => latest.get(key) ?? [])
        .sort((left, right) => right.fileIndex - left.fileIndex)
      return nearest === undefined ? [] : [[nearest.proxy, proxy]]
    })
    // Of two proxies with one name the first one counts, so it comes last.
    for (const proxy of proxies.toReversed())
      for (const key of keysOf(proxy)) latest.set(key, { proxy, fileIndex })
    return pairs
  })
})
