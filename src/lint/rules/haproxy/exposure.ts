// L1xx: what HAProxy shows to whom, and who may tell it what to do.

import { perHaproxyFile, perProxy } from '../../frames.ts'
import { isLoopback, settingOf } from '../../parse-haproxy.ts'
import { type Rule, faultAt } from '../../rule.ts'

export const haproxyExposureRules: readonly Rule[] = [
  {
    id: 'L110',
    severity: 'warning',
    title: 'the statistics page is open to everybody',
    why: 'It shows every address, and with `stats admin` anybody can take servers out.',
    fix: 'bind 127.0.0.1:8404, or stats auth NAME:PASSWORD',
    check: perProxy((proxy) => {
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
  },
  {
    id: 'L111',
    severity: 'error',
    title: 'the command socket can be reached from other machines',
    why: 'It has no password: anybody can send writes to a standby or take every server out.',
    fix: 'stats socket /run/haproxy/admin.sock mode 600 level admin',
    check: perHaproxyFile(({ global }) =>
      global.flatMap(({ words, place }) => {
        const address = words[2] ?? ''
        const isTcp = /^(ipv[46]@)?[^/@]*:\d+$/.test(address)
        const host = address.replace(/^ipv[46]@/, '').replace(/:\d+$/, '')
        if (words[0] !== 'stats' || words[1] !== 'socket' || !isTcp || isLoopback(host)) return []
        return [faultAt(place, `the command socket listens on ${address}`, { address })]
      }),
    ),
  },
]
