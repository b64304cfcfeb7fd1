// L1xx: which servers a proxy leads to, and whether anybody gets there.

import { perHaproxyFile, perPostgresProxy, perProxy, perServer, perTcpProxy } from '../../frames.ts'
import { hasFlag, settingOf } from '../../parse-haproxy.ts'
import { isWitness } from '../../postgres-proxy.ts'
import { repeated } from '../../repeated.ts'
import { type Rule, faultAt } from '../../rule.ts'
import { isOpen } from '../../source-text.ts'

export const haproxyServerRules: readonly Rule[] = [
  {
    id: 'L108',
    severity: 'error',
    title: 'two servers with one name',
    why: 'HAProxy refuses to start, so after the next restart there is no way to the database.',
    fix: 'give each server a name of its own',
    check: perProxy((proxy) =>
      repeated(proxy.servers, ({ name }) => name).map(([first, again]) =>
        faultAt(
          again.place,
          `server ${again.name} of ${proxy.name} is already on line ${first.place.line}`,
          { proxy: proxy.name, server: again.name },
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
    check: perTcpProxy(({ name, servers }) =>
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
    id: 'L112',
    severity: 'error',
    title: 'the witness is a server for clients',
    why: 'A witness is a writable PostgreSQL without your data: what is written there is lost.',
    fix: 'remove the server line of the witness',
    check: perServer(({ proxy, server }, deployment) => {
      if (!isWitness(deployment, server)) return []
      const message = `server ${server.name} of ${proxy.name} is a witness`
      return [faultAt(server.place, message, { proxy: proxy.name, server: server.name })]
    }),
  },
  {
    id: 'L114',
    severity: 'error',
    title: 'PostgreSQL is spoken to as HTTP',
    why: 'HAProxy waits for an HTTP request and answers every client of the database with an error.',
    fix: 'mode tcp',
    check: perPostgresProxy(({ name, back, mode }) => {
      if (mode !== 'http') return []
      const place = settingOf(back, 'mode')?.place ?? back.place
      return [faultAt(place, `${name} leads to PostgreSQL in mode http`, { proxy: name })]
    }),
  },
  {
    id: 'L115',
    severity: 'error',
    title: 'a backend that does not exist',
    why: 'HAProxy refuses to start, so after the next restart there is no way to the database.',
    fix: 'write the name of a backend of this file',
    check: perHaproxyFile(({ proxies }) => {
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
]
