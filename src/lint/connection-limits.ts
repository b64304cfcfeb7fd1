// How many clients a balancer lets in, and how many PostgreSQL takes.

import { dataNodesOf } from './database-node.ts'
import type { Deployment } from './deployment.ts'
import { foundOnce } from './found-once.ts'
import {
  type HaproxyFile,
  type HaproxyProxy,
  type HaproxyServer,
  serverOption,
  settingOf,
} from './parse-haproxy.ts'
import type { FoundSetting, SettingName } from './parse-settings.ts'
import {
  type PostgresProxy,
  isForChecksAlone,
  isInUse,
  postgresProxiesOf,
} from './postgres-proxy.ts'
import { type Place, parseCount } from './source-text.ts'

/** PostgreSQL's own default. */
const connectionsDefault = 100

const superuserReservedDefault = 3

export type MaxConnections = {
  readonly count: number
  readonly where: string
  /** What is left when superusers, and those whom the database reserves some for, have theirs. */
  readonly forClients: number
}

/** The smallest limit of a data node; the default where none is written. Null without nodes. */
export const maxConnectionsOf = foundOnce((deployment: Deployment): MaxConnections | null => {
  const found = writtenMaxOf(deployment)
  if (found === null) return null
  const reserved =
    reservedOf(deployment, 'superuser_reserved_connections', superuserReservedDefault) +
    reservedOf(deployment, 'reserved_connections', 0)
  return { ...found, forClients: Math.max(1, found.count - reserved) }
})

/** The largest that is written. */
function reservedOf(deployment: Deployment, wanted: SettingName, fallback: number): number {
  const counts = serverSettings(deployment, wanted).flatMap(({ value }) => countIn(value) ?? [])
  return counts.reduce((most, count) => Math.max(most, count), counts.length === 0 ? fallback : 0)
}

/** In an .env file the name alone does not say that a node gets it. */
function serverSettings(deployment: Deployment, wanted: SettingName): readonly FoundSetting[] {
  const envFiles = new Set(deployment.env.map(({ file }) => file))
  return deployment.settings.filter(
    ({ name, place }) => name === wanted && !envFiles.has(place.file),
  )
}

function countIn(value: string): number | null {
  return parseCount(value.replace(/;$/, ''))
}

type Written = Pick<MaxConnections, 'count' | 'where'>

function writtenMaxOf(deployment: Deployment): Written | null {
  const written = [
    ...dataNodesOf(deployment).flatMap(({ service }) =>
      ['POSTGRESQL_MAX_CONNECTIONS', 'POSTGRES_MAX_CONNECTIONS'].flatMap((key) => {
        const setting = service.environment.get(key)
        return setting === undefined ? [] : [setting]
      }),
    ),
    ...serverSettings(deployment, 'max_connections'),
  ].flatMap(({ value, place }): Written[] => {
    const count = countIn(value)
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

/** What lets clients of a proxy in: the smallest limit of its own, of its servers, or of the program. */
export function clientLimitOf(proxy: PostgresProxy): ClientLimit | null {
  const [own, global] = [ownLimitOf(proxy), globalLimitOf(proxy.file)]
  return own === null || (global !== null && global.count < own.count) ? global : own
}

/** The same without that of the program, which is no business of the database. */
export function ownLimitOf(proxy: PostgresProxy): ClientLimit | null {
  const [front] = proxy.fronts
  const own = front === undefined ? null : settingOf(front, 'maxconn')
  const candidates = [
    ...(own === null
      ? []
      : [{ text: own.words[1], place: own.place, name: `maxconn of ${proxy.name}` }]),
    // With a limit of its own per server, the rest waits in the queue of HAProxy.
    ...proxy.servers.map((server) => ({
      text: serverOption(server, 'maxconn'),
      place: server.place,
      name: `maxconn of server ${server.name}`,
    })),
  ].flatMap(({ text, place, name }) => {
    const count = parseLimit(text)
    return count === null ? [] : [{ count, place, name }]
  })
  return candidates.toSorted((left, right) => left.count - right.count)[0] ?? null
}

function globalLimitOf({ global }: HaproxyFile): ClientLimit | null {
  const limit = global.findLast(({ words }) => words[0] === 'maxconn')
  const count = parseLimit(limit?.words[1])
  return limit === undefined || count === null
    ? null
    : { count, place: limit.place, name: 'global maxconn' }
}

/** What `maxconn` says; for HAProxy 0 is as good as missing. */
export function parseLimit(text: string | null | undefined): number | null {
  const count = parseCount(text)
  return count === 0 ? null : count
}

/**
 * What the balancers may open to each server while it is the primary, by its address: all of them
 * together, or the one that may open most where they share an address, which only one of them has.
 */
export const primaryConnectionsOf = foundOnce(
  (deployment: Deployment): ReadonlyMap<string, number> => {
    const sums = new Map<string, number>()
    for (const file of deployment.haproxy) {
      const globalMax = globalLimitOf(file)?.count ?? Number.POSITIVE_INFINITY
      for (const [address, count] of connectionsOf(deployment, file)) {
        const own = Math.min(count, globalMax)
        const before = sums.get(address) ?? 0
        sums.set(address, isOneAtATime(deployment) ? Math.max(before, own) : before + own)
      }
    }
    return sums
  },
)

function isOneAtATime({ keepalived }: Deployment): boolean {
  return keepalived.length > 0
}

/** The same of one balancer. A way without any limit counts nothing: nobody wrote what it is. */
function connectionsOf(deployment: Deployment, file: HaproxyFile): ReadonlyMap<string, number> {
  const sums = new Map<string, number>()
  for (const { proxy, server } of waysToPrimary(deployment, file)) {
    const limits = [
      parseLimit(serverOption(server, 'maxconn')),
      ...proxy.fronts.slice(0, 1).map((front) => parseLimit(settingOf(front, 'maxconn')?.words[1])),
      globalLimitOf(file)?.count ?? null,
    ].filter((count) => count !== null)
    if (limits.length === 0) continue
    const address = addressOf(server)
    sums.set(address, (sums.get(address) ?? 0) + Math.min(...limits))
  }
  return sums
}

type Way = { readonly proxy: PostgresProxy; readonly server: HaproxyServer }

/** Servers of proxies for writes, and those for reads that follow the state of one of them. */
function waysToPrimary(deployment: Deployment, file: HaproxyFile): readonly Way[] {
  const proxies = postgresProxiesOf(deployment, file).filter(({ mode }) => mode === 'tcp')
  const writers = new Set(proxies.filter((one) => one.isForWrites).map(({ name }) => name))
  const leading = proxies.filter((proxy) => !isForChecksAlone(proxy))
  return leading.flatMap((proxy) =>
    proxy.servers
      .filter(isInUse)
      .filter(
        (server) =>
          proxy.isForWrites || writers.has(serverOption(server, 'track')?.split('/')[0] ?? ''),
      )
      .map((server) => ({ proxy, server })),
  )
}

/** A server as `primaryConnectionsOf` knows it. */
export function addressOf({ host, port }: HaproxyServer): string {
  return `${host} ${String(port)}`
}

/** A little of what clients may have stays free for those who come past the balancers. */
const balancedPart = 0.95
/** Statistics and checks of health need some connections besides the clients'. */
const spareCount = 100

/** What to write where limits are wrong, the same for whichever of them was found. */
export const limitsFix =
  'maxconn in each server line: a part of max_connections; global maxconn: that of all proxies, and 100 more'

/** The same with the numbers of this balancer. */
export function limitsFixOf(deployment: Deployment, file: HaproxyFile): string {
  const max = maxConnectionsOf(deployment)
  const proxies = postgresProxiesOf(deployment, file)
  const perAddress = new Map<string, number>()
  for (const { server } of waysToPrimary(deployment, file)) {
    perAddress.set(addressOf(server), (perAddress.get(addressOf(server)) ?? 0) + 1)
  }
  const wayCount = [...perAddress.values()].reduce((most, count) => Math.max(most, count), 0)
  if (max === null || wayCount === 0) return `global maxconn ${globalMin(file, new Map())} or more`
  const leadingCount = isOneAtATime(deployment) ? 1 : deployment.haproxy.length
  const share = Math.max(1, Math.floor((max.forClients * balancedPart) / leadingCount))
  const writers = proxies.filter(({ isForWrites }) => isForWrites)
  const fronts = new Map(
    writers.flatMap(({ fronts: [front] }) => (front === undefined ? [] : [[front, share]])),
  )
  const lines =
    wayCount === 1
      ? `maxconn ${share} in each server line`
      : `maxconn in the server lines, ${share} together where several lead to one node`
  return `${lines}; no less for the proxies; global maxconn ${globalMin(file, fronts)} or more`
}

/**
 * What the program must let in.
 * @param least of proxies whose own limit is to be no less
 */
function globalMin(file: HaproxyFile, least: ReadonlyMap<HaproxyProxy, number>): number {
  const written = writtenLimits(file)
  const raised = [...least].map(([proxy, count]) => {
    const own = settingOf(proxy, 'maxconn')
    return own === null ? 0 : Math.max(0, count - (parseCount(own.words[1]) ?? 0))
  })
  return [...written, ...raised].reduce((left, right) => left + right, spareCount)
}

/**
 * The limits of the proxies of a file. One of `defaults` is a ceiling for whoever follows: nobody means it
 * once for each.
 */
export function writtenLimits({ proxies }: HaproxyFile): readonly number[] {
  const written = new Set(
    proxies
      .filter(({ kind }) => kind !== 'backend')
      .flatMap((proxy) => settingOf(proxy, 'maxconn') ?? []),
  )
  return [...written].map(({ words }) => parseCount(words[1]) ?? 0)
}
