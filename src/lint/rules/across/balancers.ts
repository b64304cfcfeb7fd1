// L6xx: whether two balancers lead to the same, by the same way.

import { perProxyPair } from '../../frames.ts'
import {
  type HaproxyDirective,
  isLoopback,
  parseHaproxyTimeMs,
  settingOf,
} from '../../parse-haproxy.ts'
import type { PostgresProxy } from '../../postgres-proxy.ts'
import type { ProxyPair } from '../../proxy-pair.ts'
import { type Fault, type Rule, faultAt, listed } from '../../rule.ts'
import { isOpen } from '../../source-text.ts'

export const acrossBalancerRules: readonly Rule[] = [
  {
    id: 'L604',
    severity: 'error',
    title: 'the two balancers lead to different servers',
    why: 'After the address has moved, clients come to another set of nodes than before.',
    fix: 'write the same server lines on both balancers',
    check: perProxyPair(serverDifferences),
  },
  {
    id: 'L605',
    severity: 'error',
    title: 'the two balancers listen on different ports',
    why: 'After the address has moved, nobody answers on the port that clients use.',
    fix: 'write the same bind port on both balancers',
    check: perProxyPair(([left, right]) => {
      const [mine, others] = [portsOf(right), portsOf(left)]
      const place = right.fronts.flatMap(({ binds }) => binds)[0]?.place
      if (place === undefined || mine.length === 0 || others.length === 0) return []
      if (mine.join() === others.join()) return []
      const message =
        `${right.name} listens on ${listed(mine)}, ` + `in ${left.file.file} on ${listed(others)}`
      return [faultAt(place, message, { proxy: right.name, ports: mine, otherPorts: others })]
    }),
  },
  {
    id: 'L610',
    severity: 'warning',
    title: 'the two balancers have different idle time-outs',
    why: 'Clients are cut off only while one of them holds the address, which nobody can explain later.',
    fix: 'write the same time-outs on both balancers',
    check: perProxyPair(([left, right]) =>
      (['client', 'server'] as const).flatMap((side) => {
        const [mine, others] = [timeoutOf(right, side), timeoutOf(left, side)]
        if (mine === null || others === null) return []
        if (parseHaproxyTimeMs(mine.words[2]) === parseHaproxyTimeMs(others.words[2])) return []
        const message =
          `timeout ${side} of ${right.name} is ${mine.words[2] ?? ''}, ` +
          `in ${left.file.file} ${others.words[2] ?? ''}`
        return [faultAt(mine.place, message, { proxy: right.name })]
      }),
    ),
  },
]

function timeoutOf(proxy: PostgresProxy, side: 'client' | 'server'): HaproxyDirective | null {
  const [front] = proxy.fronts
  const where = side === 'server' ? proxy.back : front
  return where === undefined ? null : settingOf(where, 'timeout', side)
}

function portsOf(proxy: PostgresProxy): readonly string[] {
  const ports = proxy.fronts.flatMap(({ binds }) => binds.map(({ port }) => port))
  return [...new Set(ports.filter((port) => port !== null))].map(String).sort()
}

function serverDifferences([left, right]: ProxyPair): readonly Fault[] {
  // Of two servers with one name the first one counts, so it comes last.
  const byName = new Map(left.servers.toReversed().map((server) => [server.name, server]))
  const wrong = right.servers.flatMap((server) => {
    const other = byName.get(server.name)
    const where = `${server.host}:${String(server.port)}`
    if (other === undefined) {
      const message = `server ${server.name} of ${right.name} is not in ${left.file.file}`
      return [faultAt(server.place, message, { proxy: right.name, server: server.name })]
    }
    if (isOpen(server.host) || isOpen(other.host)) return []
    // Each balancer may see a node on its own machine under another address.
    const isSameHost =
      server.host === other.host || isLoopback(server.host) || isLoopback(other.host)
    if (isSameHost && server.port === other.port) return []
    const message =
      `server ${server.name} of ${right.name} is ${where}, ` +
      `in ${left.file.file} ${other.host}:${String(other.port)}`
    return [faultAt(server.place, message, { proxy: right.name, server: server.name })]
  })
  const names = new Set(right.servers.map(({ name }) => name))
  const missing = left.servers.filter(({ name }) => !names.has(name))
  return [
    ...wrong,
    ...missing.map(({ name }) =>
      faultAt(right.back.place, `${right.name} lacks server ${name} of ${left.file.file}`, {
        proxy: right.name,
        server: name,
      }),
    ),
  ]
}
