// How many clients a balancer lets in, and how many PostgreSQL takes.

import { dataNodesOf } from './database-node.ts'
import type { Deployment } from './deployment.ts'
import { serverOption, settingOf } from './parse-haproxy.ts'
import type { PostgresProxy } from './postgres-proxy.ts'
import { type Place, parseCount } from './source-text.ts'

/** PostgreSQL's own default. */
const connectionsDefault = 100

export type MaxConnections = { readonly count: number; readonly where: string }

/** The smallest limit of a data node; the default where none is written. Null without nodes. */
export function maxConnectionsOf(deployment: Deployment): MaxConnections | null {
  const envFiles = new Set(deployment.env.map(({ file }) => file))
  const written = [
    ...dataNodesOf(deployment).flatMap(({ service }) =>
      ['POSTGRESQL_MAX_CONNECTIONS', 'POSTGRES_MAX_CONNECTIONS'].flatMap((key) => {
        const setting = service.environment.get(key)
        return setting === undefined ? [] : [setting]
      }),
    ),
    ...deployment.settings.filter(
      // In an .env file the name alone does not say that a node gets it.
      ({ name, place }) => name === 'max_connections' && !envFiles.has(place.file),
    ),
  ].flatMap(({ value, place }): MaxConnections[] => {
    const count = parseCount(value.replace(/;$/, ''))
    return count === null ? [] : [{ count, where: `${place.file}:${place.line}` }]
  })
  const [least] = written.toSorted((left, right) => left.count - right.count)
  if (least !== undefined) return least
  const isOpenSomewhere = dataNodesOf(deployment).some(({ service }) =>
    ['POSTGRESQL_MAX_CONNECTIONS', 'POSTGRES_MAX_CONNECTIONS'].some((key) =>
      service.environment.has(key),
    ),
  )
  if (dataNodesOf(deployment).length === 0 || isOpenSomewhere) return null
  return { count: connectionsDefault, where: 'the default' }
}

export type ClientLimit = { readonly count: number; readonly place: Place; readonly name: string }

/** What lets clients of a proxy in: its own maxconn, or that of the whole program. */
export function clientLimitOf(proxy: PostgresProxy): ClientLimit | null {
  const [front] = proxy.fronts
  const own = front === undefined ? null : settingOf(front, 'maxconn')
  const global = proxy.file.global.findLast(({ words }) => words[0] === 'maxconn')
  const candidates = [
    ...(own === null
      ? []
      : [{ text: own.words[1], place: own.place, name: `maxconn of ${proxy.name}` }]),
    ...(global === undefined
      ? []
      : [{ text: global.words[1], place: global.place, name: 'global maxconn' }]),
    // With a limit of its own per server, the rest waits in the queue of HAProxy.
    ...proxy.servers.map((server) => ({
      text: serverOption(server, 'maxconn'),
      place: server.place,
      name: `maxconn of server ${server.name}`,
    })),
  ].flatMap(({ text, place, name }) => {
    const count = parseCount(text)
    return count === null ? [] : [{ count, place, name }]
  })
  return candidates.toSorted((left, right) => left.count - right.count)[0] ?? null
}
