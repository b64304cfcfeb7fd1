// L1xx: whether HAProxy finds out that a node is gone, and soon.

import { perServer, perTcpProxy, toldOnce } from '../../frames.ts'
import {
  type HaproxyDirective,
  type HaproxyServer,
  hasFlag,
  parseHaproxyTimeMs,
  serverOption,
  settingOf,
} from '../../parse-haproxy.ts'
import { checkRequestOf, isChecked, isInUse } from '../../postgres-proxy.ts'
import { type Fault, type Rule, faultAt } from '../../rule.ts'
import { parseCount, secondsOf } from '../../source-text.ts'

/** HAProxy's defaults for checks. */
const intervalDefaultMs = 2000
const fallDefault = 3

/** A dead server that is found later than this keeps a whole outage going. */
const intervalMaxMs = 5000
const detectionMaxMs = 15_000

export const haproxyCheckRules: readonly Rule[] = [
  {
    id: 'L102',
    severity: 'error',
    title: 'a server without any check',
    why: 'HAProxy takes it for usable forever, so clients are sent to a dead node.',
    fix: 'check inter 1s fall 3 rise 1, at the end of the server line',
    check: perServer(({ proxy, server }) => {
      if (isChecked(server) || !isInUse(server)) return []
      const message = `server ${server.name} of ${proxy.name} has no check`
      return [faultAt(server.place, message, { proxy: proxy.name, server: server.name })]
    }),
  },
  {
    id: 'L107',
    severity: 'warning',
    title: 'a dead server is found late',
    why: 'Until the checks have failed often enough, clients are sent to a node that is gone.',
    fix: 'default-server inter 1s fall 3 rise 1, and timeout check 1s',
    check: toldOnce(
      perTcpProxy(({ back, servers }) => [
        ...servers.filter(isChecked).flatMap(slowCheck),
        ...slowTimeout(settingOf(back, 'timeout', 'check')),
      ]),
    ),
  },
  {
    id: 'L117',
    severity: 'error',
    title: 'an HTTP check is sent to PostgreSQL itself',
    why: 'PostgreSQL does not speak HTTP, so every server stays down and nobody gets through.',
    fix: 'check port 8008, at the end of the server line: the port of what tells roles',
    check: perTcpProxy(({ name, back, servers }) => {
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
]

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
