// L1xx: whether writes go to the primary and nowhere else.

import { perTcpProxy, perWriteProxy } from '../../frames.ts'
import { type HaproxyServer, hasFlag, serverOption, settingOf } from '../../parse-haproxy.ts'
import {
  asksForStandbys,
  asksRole,
  checkMethodOf,
  checkRequestOf,
  isChecked,
  isInUse,
} from '../../postgres-proxy.ts'
import { roleCheckSnippet } from '../../role-check.ts'
import { type Rule, faultAt, listed } from '../../rule.ts'

const roleCheckFix =
  'option httpchk OPTIONS /primary, with http-check expect status 200 and `check port` of what tells roles'

const snippetFix =
  'a check that asks PostgreSQL itself for its role, as below; HAProxy needs no other program for it'

export const haproxyRoleRules: readonly Rule[] = [
  {
    id: 'L101',
    severity: 'error',
    title: 'writes go to every server that is up, not to the primary',
    why: 'A standby is up as well, so writes are sent to it and fail, or land on two primaries.',
    fix: roleCheckFix,
    check: perWriteProxy((proxy, deployment) => {
      const { name, back } = proxy
      const servers = proxy.servers.filter(isInUse)
      if (servers.length < 2 || !servers.some(isChecked) || asksRole(proxy)) return []
      const method = checkMethodOf(back)
      const how = method === null ? 'a plain check' : `option ${method.words[1] ?? ''}`
      const place = method !== null && back.own.includes(method) ? method.place : back.place
      const message = `${name} sends writes to ${listed(namesIn(servers))} by ${how}, which a standby passes too`
      const facts = { proxy: name, servers: namesIn(servers) }
      const snippet = roleCheckSnippet(deployment, proxy)
      return snippet === null
        ? [faultAt(place, message, facts)]
        : [{ ...faultAt(place, message, facts, snippetFix), snippet }]
    }),
  },
  {
    id: 'L103',
    severity: 'warning',
    title: 'sessions stay on a server that is no longer the primary',
    why: 'Clients that are connected keep writing to the former primary until they reconnect.',
    fix: 'default-server on-marked-down shutdown-sessions',
    check: perWriteProxy((proxy) => {
      const open = proxy.servers.filter(
        (server) =>
          isChecked(server) && serverOption(server, 'on-marked-down') !== 'shutdown-sessions',
      )
      const [first] = open
      if (first === undefined || !asksRole(proxy)) return []
      const message = `${proxy.name} keeps sessions to ${listed(namesIn(open))} after the check failed`
      return [faultAt(first.place, message, { proxy: proxy.name })]
    }),
  },
  {
    id: 'L104',
    severity: 'error',
    title: 'writes are spread over all nodes',
    why: 'Only one node may take writes; the others refuse every statement that changes something.',
    fix: 'a check that asks for the role, as for L101; then only the primary is up',
    check: perWriteProxy((proxy) => {
      const active = proxy.servers.filter((server) => isInUse(server) && !hasFlag(server, 'backup'))
      const balance = settingOf(proxy.back, 'balance')
      if (asksRole(proxy) || active.length < 2) return []
      if (balance === null || balance.words[1] === 'first') return []
      const how = balance.words[1] ?? ''
      const message = `balance ${how} spreads writes of ${proxy.name} over ${listed(namesIn(active))}`
      return [faultAt(balance.place, message, { proxy: proxy.name, balance: how })]
    }),
  },
  {
    id: 'L116',
    severity: 'error',
    title: 'the check asks for life, not for the role',
    why: 'A healthy standby gives the same answer, so writes are sent to it.',
    fix: roleCheckFix,
    check: perWriteProxy(({ name, back, servers }) => {
      const request = checkRequestOf(back)
      const path = /\s(\/[^\s?]*)/.exec(` ${request ?? ''}`)?.[1] ?? null
      const aliveOnly = /^\/(health\w*|live\w*|ready|readiness|patroni|status|metrics|ping|alive)$/
      const method = checkMethodOf(back)
      if (servers.length < 2 || path === null || method === null || !aliveOnly.test(path)) return []
      return [faultAt(method.place, `${name} asks for ${path}`, { proxy: name, path })]
    }),
  },
  {
    id: 'L118',
    severity: 'error',
    title: 'what is named after the primary asks for standbys',
    why: 'The primary is down for this check, so every write goes to a standby and fails.',
    fix: roleCheckFix,
    check: perTcpProxy((proxy) => {
      const method = checkMethodOf(proxy.back)
      if (method === null || !asksForStandbys(proxy)) return []
      const message = `${proxy.name} is for writes by its name, and its check asks for a standby`
      return [faultAt(method.place, message, { proxy: proxy.name })]
    }),
  },
]

function namesIn(servers: readonly HaproxyServer[]): readonly string[] {
  return servers.map(({ name }) => name)
}
