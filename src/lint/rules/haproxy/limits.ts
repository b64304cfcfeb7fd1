// L1xx: how long HAProxy waits, and how many clients it takes.

import { limitsFix, limitsFixOf, parseLimit, writtenLimits } from '../../connection-limits.ts'
import { perHaproxyFile, perTcpProxy, toldOnce } from '../../frames.ts'
import { type HaproxyProxy, parseHaproxyTimeMs, settingOf } from '../../parse-haproxy.ts'
import { type Fault, type Rule, faultAt, listed } from '../../rule.ts'
import { secondsOf } from '../../source-text.ts'

/** Pools keep idle connections about this long. */
const idleMinMs = 30 * 60_000

export const haproxyLimitRules: readonly Rule[] = [
  {
    id: 'L105',
    severity: 'warning',
    title: 'a time-out is missing',
    why: 'Without it HAProxy waits forever for a peer that is gone, and connections pile up.',
    fix: 'timeout connect 2s, timeout client 24h, timeout server 24h in defaults',
    check: toldOnce(
      perTcpProxy(({ name, back, fronts }) => {
        const missing = [
          ...(hasTimeout(back, 'connect') ? [] : ['connect']),
          ...(fronts.every((front) => hasTimeout(front, 'client')) ? [] : ['client']),
          ...(hasTimeout(back, 'server') ? [] : ['server']),
        ]
        if (missing.length === 0) return []
        const message = `${name} has no timeout ${listed(missing)}`
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
    check: toldOnce(
      perTcpProxy(({ back, fronts }) => [
        ...fronts.flatMap((front) => shortTimeout(front, back, 'client')),
        ...shortTimeout(back, back, 'server'),
      ]),
    ),
  },
  {
    id: 'L113',
    severity: 'warning',
    title: 'the limit of the whole program is below those of its proxies',
    why: 'When all are busy HAProxy takes no further connection at all, also none for statistics.',
    fix: limitsFix,
    check: perHaproxyFile((file, deployment) => {
      const limit = file.global.findLast(({ words }) => words[0] === 'maxconn')
      const limitCount = parseLimit(limit?.words[1])
      const sum = writtenLimits(file).reduce((left, right) => left + right, 0)
      if (limit === undefined || limitCount === null || limitCount >= sum) return []
      const message = `global maxconn ${limitCount} is below the ${sum} of all proxies together`
      return [
        faultAt(limit.place, message, { limit: limitCount, sum }, limitsFixOf(deployment, file)),
      ]
    }),
  },
]

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
