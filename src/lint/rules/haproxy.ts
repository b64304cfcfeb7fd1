// L1xx: what one haproxy.cfg says about the way to PostgreSQL.

import { type Deployment } from '../deployment.ts'
import {
  type HaproxyDirective,
  type HaproxyProxy,
  type HaproxyServer,
  hasFlag,
  parseHaproxyTimeMs,
  serverOption,
  settingOf,
} from '../parse-haproxy.ts'
import {
  type PostgresProxy,
  allPostgresProxies,
  asksForStandbys,
  asksRole,
  checkMethodOf,
  checkRequestOf,
  isChecked,
  isWitness,
} from '../postgres-proxy.ts'
import { type Fault, type Rule, faultAt, oncePerPlace } from '../rule.ts'
import { type Place, isOpen, parseCount } from '../source-text.ts'

/** HAProxy's defaults for checks. */
const intervalDefaultMs = 2000
const fallDefault = 3

/** A dead server that is found later than this keeps a whole outage going. */
const intervalMaxMs = 5000
const detectionMaxMs = 15_000

/** Pools keep idle connections about this long. */
const idleMinMs = 30 * 60_000

function tcpProxies(deployment: Deployment): readonly PostgresProxy[] {
  return allPostgresProxies(deployment).filter(({ mode }) => mode === 'tcp')
}

function writeProxies(deployment: Deployment): readonly PostgresProxy[] {
  return tcpProxies(deployment).filter(({ isForWrites }) => isForWrites)
}

/** Not one that somebody has to switch on by hand. */
function isInUse(server: HaproxyServer): boolean {
  return !hasFlag(server, 'disabled')
}

function namesOfServers(servers: readonly HaproxyServer[]): string {
  return servers.map(({ name }) => name).join(', ')
}

const roleCheckFix =
  'option httpchk OPTIONS /primary, with http-check expect status 200 and `check port` of what tells roles'

export const haproxyRules: readonly Rule[] = [
  {
    id: 'L101',
    severity: 'error',
    title: 'writes go to every server that is up, not to the primary',
    why: 'A standby is up as well, so writes are sent to it and fail, or land on two primaries.',
    fix: roleCheckFix,
    check: (deployment) =>
      writeProxies(deployment)
        .map((proxy) => ({ ...proxy, servers: proxy.servers.filter(isInUse) }))
        .filter((proxy) => proxy.servers.length > 1 && proxy.servers.some(isChecked))
        .filter((proxy) => !asksRole(proxy))
        .map(({ name, back, servers }) => {
          const method = checkMethodOf(back)
          const how = method === null ? 'a plain check' : `option ${method.words[1] ?? ''}`
          return faultAt(
            method !== null && back.own.includes(method) ? method.place : back.place,
            `${name} sends writes to ${namesOfServers(servers)} by ${how}, which a standby passes too`,
            { proxy: name, servers: servers.map((server) => server.name) },
          )
        }),
  },
  {
    id: 'L102',
    severity: 'error',
    title: 'a server without any check',
    why: 'HAProxy takes it for usable forever, so clients are sent to a dead node.',
    fix: 'check inter 1s fall 3 rise 1, at the end of the server line',
    check: (deployment) =>
      tcpProxies(deployment).flatMap(({ name, servers }) =>
        servers
          .filter((server) => !isChecked(server) && isInUse(server))
          .map((server) =>
            faultAt(server.place, `server ${server.name} of ${name} has no check`, {
              proxy: name,
              server: server.name,
            }),
          ),
      ),
  },
  {
    id: 'L103',
    severity: 'warning',
    title: 'sessions stay on a server that is no longer the primary',
    why: 'Clients that are connected keep writing to the former primary until they reconnect.',
    fix: 'default-server on-marked-down shutdown-sessions',
    check: (deployment) =>
      writeProxies(deployment).flatMap((proxy) => {
        const open = proxy.servers.filter(
          (server) =>
            isChecked(server) && serverOption(server, 'on-marked-down') !== 'shutdown-sessions',
        )
        const [first] = open
        if (first === undefined || !asksRole(proxy)) return []
        const message = `${proxy.name} keeps sessions to ${namesOfServers(open)} after the check failed`
        return [faultAt(first.place, message, { proxy: proxy.name })]
      }),
  },
  {
    id: 'L104',
    severity: 'error',
    title: 'writes are spread over all nodes',
    why: 'Only one node may take writes; the others refuse every statement that changes something.',
    fix: 'a check that asks for the role, as for L101; then only the primary is up',
    check: (deployment) =>
      writeProxies(deployment)
        .filter((proxy) => !asksRole(proxy))
        .flatMap((proxy) => {
          const active = proxy.servers.filter(
            (server) => isInUse(server) && !hasFlag(server, 'backup'),
          )
          const balance = settingOf(proxy.back, 'balance')
          if (active.length < 2 || balance === null || balance.words[1] === 'first') return []
          const how = balance.words[1] ?? ''
          const message = `balance ${how} spreads writes of ${proxy.name} over ${namesOfServers(active)}`
          return [faultAt(balance.place, message, { proxy: proxy.name, balance: how })]
        }),
  },
  {
    id: 'L105',
    severity: 'warning',
    title: 'a time-out is missing',
    why: 'Without it HAProxy waits forever for a peer that is gone, and connections pile up.',
    fix: 'timeout connect 2s, timeout client 24h, timeout server 24h in defaults',
    check: (deployment) =>
      oncePerPlace(
        tcpProxies(deployment).flatMap(({ name, back, fronts }) => {
          const missing = [
            ...(hasTimeout(back, 'connect') ? [] : ['connect']),
            ...(fronts.every((front) => hasTimeout(front, 'client')) ? [] : ['client']),
            ...(hasTimeout(back, 'server') ? [] : ['server']),
          ]
          if (missing.length === 0) return []
          const message = `${name} has no timeout ${missing.join(', ')}`
          return [faultAt(back.place, message, { proxy: name, missing })]
        }),
      ),
  },
  {
    id: 'L106',
    severity: 'warning',
    title: 'an idle time-out that cuts pooled connections',
    why: 'Pools keep connections idle for long; when HAProxy cuts them, their next query fails.',
    fix: 'timeout client 24h, timeout server 24h, with option clitcpka and option srvtcpka for dead peers',
    check: (deployment) =>
      oncePerPlace(
        tcpProxies(deployment).flatMap(({ back, fronts }) => [
          ...fronts.flatMap((front) => shortTimeout(front, back, 'client')),
          ...shortTimeout(back, back, 'server'),
        ]),
      ),
  },
  {
    id: 'L107',
    severity: 'warning',
    title: 'a dead server is found late',
    why: 'Until the checks have failed often enough, clients are sent to a node that is gone.',
    fix: 'default-server inter 1s fall 3 rise 1, and timeout check 1s',
    check: (deployment) =>
      oncePerPlace(
        tcpProxies(deployment).flatMap(({ back, servers }) => [
          ...servers.filter(isChecked).flatMap(slowCheck),
          ...slowTimeout(settingOf(back, 'timeout', 'check')),
        ]),
      ),
  },
  {
    id: 'L108',
    severity: 'error',
    title: 'two servers with one name',
    why: 'HAProxy refuses to start, so after the next restart there is no way to the database.',
    fix: 'give each server a name of its own',
    check: (deployment) =>
      deployment.haproxy.flatMap(({ proxies }) =>
        proxies.flatMap((proxy) =>
          repeated(proxy.servers, ({ name }) => name).map(([first, again]) =>
            faultAt(
              again.place,
              `server ${again.name} of ${proxy.name} is already on line ${first.place.line}`,
              { proxy: proxy.name, server: again.name },
            ),
          ),
        ),
      ),
  },
  {
    id: 'L109',
    severity: 'warning',
    title: 'two servers with one address',
    why: 'The node gets twice its share, and another one is probably missing: a copied line.',
    fix: 'write the address of the other node',
    check: (deployment) =>
      tcpProxies(deployment).flatMap(({ name, servers }) =>
        repeated(
          servers.filter(({ host, port }) => !isOpen(host) && port !== null),
          (server) => `${server.host}:${String(server.port)} ${String(hasFlag(server, 'backup'))}`,
        ).map(([first, again]) =>
          faultAt(
            again.place,
            `servers ${first.name} and ${again.name} of ${name} are both ${again.host}:${String(again.port)}`,
            { proxy: name, servers: [first.name, again.name] },
          ),
        ),
      ),
  },
  {
    id: 'L110',
    severity: 'warning',
    title: 'the statistics page is open to everybody',
    why: 'It shows every address, and with `stats admin` anybody can take servers out.',
    fix: 'bind 127.0.0.1:8404, or stats auth NAME:PASSWORD',
    check: (deployment) =>
      deployment.haproxy.flatMap(({ proxies }) =>
        proxies.flatMap((proxy) => {
          const isOn = proxy.own.find(({ words }) => words[0] === 'stats')
          const isShut =
            settingOf(proxy, 'stats', 'auth') !== null ||
            settingOf(proxy, 'stats', 'http-request') !== null ||
            proxy.own.some(({ words }) => words[0] === 'http-request' && words[1] !== 'use-service')
          const open = proxy.binds.find(({ host, port }) => port !== null && !isLoopback(host))
          if (isOn === undefined || isShut || open === undefined) return []
          const where = `${open.host}:${String(open.port)}`
          return [faultAt(isOn.place, `statistics on ${where} need no password`, { bind: where })]
        }),
      ),
  },
  {
    id: 'L111',
    severity: 'error',
    title: 'the command socket can be reached from other machines',
    why: 'It has no password: anybody can send writes to a standby or take every server out.',
    fix: 'stats socket /run/haproxy/admin.sock mode 600 level admin',
    check: (deployment) =>
      deployment.haproxy.flatMap(({ global }) =>
        global.flatMap(({ words, place }) => {
          const address = words[2] ?? ''
          const isTcp = /^(ipv[46]@)?[^/@]*:\d+$/.test(address)
          const host = address.replace(/^ipv[46]@/, '').replace(/:\d+$/, '')
          if (words[0] !== 'stats' || words[1] !== 'socket' || !isTcp || isLoopback(host)) return []
          return [faultAt(place, `the command socket listens on ${address}`, { address })]
        }),
      ),
  },
  {
    id: 'L112',
    severity: 'error',
    title: 'the witness is a server for clients',
    why: 'A witness is a writable PostgreSQL without your data: what is written there is lost.',
    fix: 'remove the server line of the witness',
    check: (deployment) =>
      tcpProxies(deployment).flatMap(({ name, servers }) =>
        servers
          .filter((server) => isWitness(deployment, server))
          .map((server) =>
            faultAt(server.place, `server ${server.name} of ${name} is a witness`, {
              proxy: name,
              server: server.name,
            }),
          ),
      ),
  },
  {
    id: 'L113',
    severity: 'warning',
    title: 'the limit of the whole program is below those of its proxies',
    why: 'When all are busy HAProxy takes no further connection at all, also none for statistics.',
    fix: 'global maxconn of at least the sum of all maxconn, and 100 more',
    check: (deployment) =>
      deployment.haproxy.flatMap(({ global, proxies }) => {
        const limit = global.findLast(({ words }) => words[0] === 'maxconn')
        const limitCount = parseCount(limit?.words[1])
        // A limit of `defaults` is a ceiling for whoever follows: nobody means it once for each.
        const written = new Set(
          proxies
            .filter(({ kind }) => kind !== 'backend')
            .flatMap((proxy) => settingOf(proxy, 'maxconn') ?? []),
        )
        const sum = [...written]
          .map(({ words }) => parseCount(words[1]) ?? 0)
          .reduce((left, right) => left + right, 0)
        if (limit === undefined || limitCount === null || limitCount >= sum) return []
        const message = `global maxconn ${limitCount} is below the ${sum} of all proxies together`
        return [faultAt(limit.place, message, { limit: limitCount, sum })]
      }),
  },
  {
    id: 'L114',
    severity: 'error',
    title: 'PostgreSQL is spoken to as HTTP',
    why: 'HAProxy waits for an HTTP request and answers every client of the database with an error.',
    fix: 'mode tcp',
    check: (deployment) =>
      allPostgresProxies(deployment)
        .filter(({ mode }) => mode === 'http')
        .map(({ name, back }) =>
          faultAt(
            settingOf(back, 'mode')?.place ?? back.place,
            `${name} leads to PostgreSQL in mode http`,
            { proxy: name },
          ),
        ),
  },
  {
    id: 'L115',
    severity: 'error',
    title: 'a backend that does not exist',
    why: 'HAProxy refuses to start, so after the next restart there is no way to the database.',
    fix: 'write the name of a backend of this file',
    check: (deployment) =>
      deployment.haproxy.flatMap(({ proxies }) => {
        const known = new Set(
          proxies.filter(({ kind }) => kind !== 'frontend').map(({ name }) => name),
        )
        return proxies.flatMap((proxy) =>
          proxy.own
            .filter(({ words }) => words[0] === 'default_backend' || words[0] === 'use_backend')
            .filter(({ words }) => !known.has(words[1] ?? '') && !/[%«$]/.test(words[1] ?? ''))
            .map(({ words, place }) =>
              faultAt(place, `${proxy.name} wants backend ${words[1] ?? ''}, which is not there`, {
                proxy: proxy.name,
                backend: words[1] ?? '',
              }),
            ),
        )
      }),
  },
  {
    id: 'L116',
    severity: 'error',
    title: 'the check asks for life, not for the role',
    why: 'A healthy standby gives the same answer, so writes are sent to it.',
    fix: roleCheckFix,
    check: (deployment) =>
      writeProxies(deployment)
        .filter(({ servers }) => servers.length > 1)
        .flatMap(({ name, back }) => {
          const request = checkRequestOf(back)
          const path = /\s(\/[^\s?]*)/.exec(` ${request ?? ''}`)?.[1] ?? null
          const aliveOnly =
            /^\/(health\w*|live\w*|ready|readiness|patroni|status|metrics|ping|alive)$/
          const method = checkMethodOf(back)
          if (path === null || method === null || !aliveOnly.test(path)) return []
          return [faultAt(method.place, `${name} asks for ${path}`, { proxy: name, path })]
        }),
  },
  {
    id: 'L117',
    severity: 'error',
    title: 'an HTTP check is sent to PostgreSQL itself',
    why: 'PostgreSQL does not speak HTTP, so every server stays down and nobody gets through.',
    fix: 'check port 8008, at the end of the server line: the port of what tells roles',
    check: (deployment) =>
      tcpProxies(deployment).flatMap(({ name, back, servers }) => {
        const connects = settingOf(back, 'http-check', 'connect')?.words.includes('port') === true
        if (checkRequestOf(back) === null || connects) return []
        return servers
          .filter((server) => hasFlag(server, 'check') && serverOption(server, 'port') === null)
          .filter((server) => !server.words.includes('addr'))
          .map((server) =>
            faultAt(
              server.place,
              `server ${server.name} of ${name} is asked by HTTP on port ${String(server.port)}`,
              { proxy: name, server: server.name },
            ),
          )
      }),
  },
  {
    id: 'L118',
    severity: 'error',
    title: 'what is named after the primary asks for standbys',
    why: 'The primary is down for this check, so every write goes to a standby and fails.',
    fix: roleCheckFix,
    check: (deployment) =>
      tcpProxies(deployment)
        .filter(asksForStandbys)
        .flatMap(({ name, back }) => {
          const method = checkMethodOf(back)
          const message = `${name} is for writes by its name, and its check asks for a standby`
          return method === null ? [] : [faultAt(method.place, message, { proxy: name })]
        }),
  },
]

function isLoopback(host: string): boolean {
  return /^127\.|^localhost$|^::1$/.test(host)
}

/** Whether it is set at all; for HAProxy 0 is as good as missing. */
function hasTimeout(proxy: HaproxyProxy, name: 'connect' | 'client' | 'server'): boolean {
  const setting = settingOf(proxy, 'timeout', name)
  return setting !== null && parseHaproxyTimeMs(setting.words[2]) !== 0
}

function shortTimeout(
  proxy: HaproxyProxy,
  back: HaproxyProxy,
  side: 'client' | 'server',
): readonly Fault[] {
  // `timeout tunnel` of the backend takes the place of both others once data flows.
  const tunnel = settingOf(back, 'timeout', 'tunnel')
  const setting = tunnel ?? settingOf(proxy, 'timeout', side)
  const durationMs = parseHaproxyTimeMs(setting?.words[2])
  if (setting === null || durationMs === null || durationMs === 0 || durationMs >= idleMinMs)
    return []
  const [, name = '', value = ''] = setting.words
  return [
    faultAt(
      setting.place,
      `timeout ${name} ${value} cuts connections that are idle for ${secondsOf(durationMs)}`,
      { timeout: name, durationMs },
    ),
  ]
}

function slowCheck(server: HaproxyServer): readonly Fault[] {
  const intervalMs = parseHaproxyTimeMs(serverOption(server, 'inter')) ?? intervalDefaultMs
  const fall = parseCount(serverOption(server, 'fall')) ?? fallDefault
  if (intervalMs <= intervalMaxMs && intervalMs * fall <= detectionMaxMs) return []
  return [
    faultAt(
      server.place,
      `server ${server.name} is found dead after ${secondsOf(intervalMs * fall)} ` +
        `(inter ${secondsOf(intervalMs)}, fall ${fall})`,
      { server: server.name, intervalMs, fall },
    ),
  ]
}

function slowTimeout(setting: HaproxyDirective | null): readonly Fault[] {
  const durationMs = parseHaproxyTimeMs(setting?.words[2])
  if (setting === null || durationMs === null || durationMs <= intervalMaxMs) return []
  return [
    faultAt(setting.place, `a check may take ${secondsOf(durationMs)} (timeout check)`, {
      durationMs,
    }),
  ]
}

function secondsOf(durationMs: number): string {
  return `${String(Math.round(durationMs / 100) / 10)} s`
}

/** Each thing whose key was met before, with the first of that key. */
function repeated<T extends { readonly place: Place }>(
  things: readonly T[],
  keyOf: (thing: T) => string,
): readonly (readonly [T, T])[] {
  const first = new Map<string, T>()
  return things.flatMap((thing): (readonly [T, T])[] => {
    const before = first.get(keyOf(thing))
    if (before === undefined) first.set(keyOf(thing), thing)
    return before === undefined ? [] : [[before, thing]]
  })
}
