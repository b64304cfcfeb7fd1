// Which proxies of a balancer lead to PostgreSQL, whether they are for writes, and what their checks ask.

import { nodeNamesOf } from './database-node.ts'
import type { Deployment } from './deployment.ts'
import { foundOnce } from './found-once.ts'
import {
  type HaproxyDirective,
  type HaproxyFile,
  type HaproxyProxy,
  type HaproxyServer,
  hasFlag,
  serverOption,
  settingOf,
} from './parse-haproxy.ts'

export type PostgresProxy = {
  readonly file: HaproxyFile
  readonly name: string
  /** Where the servers are. */
  readonly back: HaproxyProxy
  /** Where clients connect: itself for `listen`. */
  readonly fronts: readonly HaproxyProxy[]
  /** Without those that lead nowhere on purpose. */
  readonly servers: readonly HaproxyServer[]
  readonly isForWrites: boolean
  readonly mode: 'tcp' | 'http'
}

/** The proxies of one file that lead to PostgreSQL. */
export function postgresProxiesOf(
  deployment: Deployment,
  file: HaproxyFile,
): readonly PostgresProxy[] {
  const nodeNames = nodeNamesOf(deployment).all
  return file.proxies.flatMap((back): PostgresProxy[] => {
    if (back.kind === 'frontend' || back.servers.length === 0) return []
    const fronts = back.kind === 'listen' ? [back] : (frontsOf(file).get(back.name) ?? [])
    const mode = settingOf(back, 'mode')?.words[1] === 'http' ? 'http' : 'tcp'
    const names = [back.name, ...fronts.map((front) => front.name)]
    if (!isPostgres(back, fronts, names, mode, nodeNames)) return []
    const isForWrites = !isForReads(back, names)
    const servers = back.servers.filter((server) => !isPlaceToWait(server))
    return [{ file, name: back.name, back, fronts, servers, isForWrites, mode }]
  })
}

/** The same for every file. */
export const allPostgresProxies = foundOnce((deployment: Deployment): readonly PostgresProxy[] =>
  deployment.haproxy.flatMap((file) => postgresProxiesOf(deployment, file)),
)

/** Those that speak to PostgreSQL as it has to be spoken to. */
export const tcpProxies = foundOnce((deployment: Deployment): readonly PostgresProxy[] =>
  allPostgresProxies(deployment).filter(({ mode }) => mode === 'tcp'),
)

/** Those of them through which clients write. */
export function writeProxies(deployment: Deployment): readonly PostgresProxy[] {
  return tcpProxies(deployment).filter(({ isForWrites }) => isForWrites)
}

/** Who listens for each backend, by its name. */
const frontsOf = foundOnce((file: HaproxyFile): ReadonlyMap<string, readonly HaproxyProxy[]> => {
  const fronts = new Map<string, HaproxyProxy[]>()
  for (const proxy of file.proxies.filter(({ kind }) => kind !== 'backend')) {
    for (const backend of backendsOf(proxy)) {
      const known = fronts.get(backend) ?? []
      fronts.set(backend, known)
      known.push(proxy)
    }
  }
  return fronts
})

function backendsOf({ inherited, own }: HaproxyProxy): ReadonlySet<string> {
  return new Set(
    [...inherited, ...own].flatMap(({ words: [keyword = '', backend] }) =>
      /^(default|use)_backend$/.test(keyword) && backend !== undefined ? [backend] : [],
    ),
  )
}

const otherPrograms =
  /etcd|consul|redis|mysql|maria|mongo|kafka|rabbit|amqp|ldap|smtp|kube|k8s|stats|admin|metrics/i
const databaseNames =
  /(^|[^a-z])(pg|psql|db|rw|ro)([^a-z]|$)|postgres|primary|standby|replica|master|slave|database|writes?/i

function isPostgres(
  back: HaproxyProxy,
  fronts: readonly HaproxyProxy[],
  names: readonly string[],
  mode: 'tcp' | 'http',
  nodeNames: ReadonlySet<string>,
): boolean {
  if (checkMethodOf(back)?.words[1] === 'pgsql-check') return true
  const ports = back.servers.map(({ port }) => port)
  const binds = fronts.flatMap((front) => front.binds.map(({ port }) => port))
  const isServedThere = ports.some((port) => port === 5432)
  if (mode === 'http' || names.some((name) => otherPrograms.test(name))) return isServedThere
  const isUsualPort = [...ports, ...binds].some(
    (port) => port !== null && ((port >= 5430 && port <= 5499) || port === 6432),
  )
  return (
    isUsualPort ||
    names.some((name) => databaseNames.test(name)) ||
    back.servers.some(({ name }) => nodeNames.has(name) || databaseNames.test(name))
  )
}

const readWords =
  /(^|[^a-z])(ro|reads?|readers?|read-?only|replicas?|standbys?|slaves?|secondar\w+)([^a-z]|$)/i
const writeWords = /read_?-?write|(^|[^a-z])(rw|writes?|writers?|primary|master)([^a-z]|$)/i

function isForReads(back: HaproxyProxy, names: readonly string[]): boolean {
  const asked = checkRequestOf(back)
  if (asked !== null && readWords.test(asked)) return true
  return names.some((name) => readWords.test(name) && !writeWords.test(name))
}

/** Whether names say that writes go there, and the check finds only standbys. */
export function asksForStandbys({ name, back, fronts }: PostgresProxy): boolean {
  const names = [name, ...fronts.map((front) => front.name)]
  const isNamedForWrites = names.some((one) => writeWords.test(one))
  return (
    isNamedForWrites &&
    !names.some((one) => readWords.test(one)) &&
    readWords.test((checkRequestOf(back) ?? '').replace(writeWords, ''))
  )
}

const checkMethods = new Set([
  ...['httpchk', 'tcp-check', 'pgsql-check', 'external-check', 'mysql-check', 'redis-check'],
  ...['smtpchk', 'ldap-check', 'ssl-hello-chk', 'spop-check'],
])

/** The line that chooses how servers are checked; null: HAProxy only opens a connection. */
export function checkMethodOf(proxy: HaproxyProxy): HaproxyDirective | null {
  const isMethod = ({ words }: HaproxyDirective) =>
    words[0] === 'option' && checkMethods.has(words[1] ?? '')
  return proxy.own.findLast(isMethod) ?? proxy.inherited.findLast(isMethod) ?? null
}

/** What an HTTP check asks for, as `OPTIONS /primary`; null when the check is none. */
export function checkRequestOf(proxy: HaproxyProxy): string | null {
  const method = checkMethodOf(proxy)
  if (method?.words[1] !== 'httpchk') return null
  const sent = settingOf(proxy, 'http-check', 'send')
  return [...method.words.slice(2), ...(sent?.words.slice(2) ?? [])].join(' ')
}

/** Whether anything is asked of a server at all. */
export function isChecked(server: HaproxyServer): boolean {
  return (
    hasFlag(server, 'check') ||
    hasFlag(server, 'agent-check') ||
    serverOption(server, 'track') !== null
  )
}

/** One that refuses every connection, so that clients are held until another server is up. */
function isPlaceToWait(server: HaproxyServer): boolean {
  return server.host === '127.0.0.1' && server.port === 1 && hasFlag(server, 'backup')
}

/** Whether no client gets there: others follow the state of its servers. */
export function isForChecksAlone({ file, name, fronts }: PostgresProxy): boolean {
  return (
    fronts.length === 0 &&
    file.proxies.some(({ servers }) =>
      servers.some((server) => serverOption(server, 'track')?.startsWith(`${name}/`) === true),
    )
  )
}

/** Not one that somebody has to switch on by hand. */
export function isInUse(server: HaproxyServer): boolean {
  return !hasFlag(server, 'disabled')
}

/** Whether the checks can tell the primary from a standby. */
export function asksRole({ back }: PostgresProxy): boolean {
  if (back.servers.some((server) => hasFlag(server, 'agent-check'))) return true
  if (back.servers.some((server) => serverOption(server, 'track') !== null)) return true
  const method = checkMethodOf(back)?.words[1]
  if (method === 'tcp-check') return settingOf(back, 'tcp-check', 'expect') !== null
  return method === 'httpchk' || method === 'external-check'
}

/** Whether it is known as a witness: by its own name, or by that in a compose file. */
export function isWitness(deployment: Deployment, { name }: HaproxyServer): boolean {
  const { data, witness } = nodeNamesOf(deployment)
  if (data.has(name)) return false
  return witness.has(name) || /witness|^pgw([-_\d]|$)/i.test(name)
}
