// Which proxies of different balancers belong together.

import type { Deployment } from './deployment.ts'
import { type PostgresProxy, postgresProxiesOf } from './postgres-proxy.ts'

export type ProxyPair = readonly [PostgresProxy, PostgresProxy]

/** Proxies of one name in two files; or the only ones of two balancers. */
export function proxyPairs(deployment: Deployment): readonly ProxyPair[] {
  const byFile = deployment.haproxy.map((file) => postgresProxiesOf(deployment, file))
  return byFile.flatMap((right, index) =>
    byFile.slice(0, index).flatMap((left) =>
      right.flatMap((mine): ProxyPair[] => {
        const isAlone = left.length === 1 && right.length === 1
        const other = left.find(({ name }) => name === mine.name) ?? (isAlone ? left[0] : undefined)
        const isSame = other !== undefined && other.isForWrites === mine.isForWrites
        return isSame ? [[other, mine]] : []
      }),
    ),
  )
}
