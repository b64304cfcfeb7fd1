import { describe, expect, test } from 'vitest'
import {
  type RuleExamples,
  describeRules,
  placesOf,
} from '../../../../test/support/lint-examples.ts'
import { one, pair, bare, good } from '../../../../test/support/lint-keepalived.ts'
import { keepalivedFailoverRules } from './failover.ts'

const examples: RuleExamples = {
  L201: {
    bad: pair({ weight: '2', priority: 200 }, { weight: '2' }),
    at: 'lb1/keepalived.conf:4',
    good,
  },
  L202: { bad: bare('  interface eth0'), at: 'keepalived.conf:1', good },
  L203: {
    bad: one({ weight: '-20', more: '  nopreempt' }),
    at: 'keepalived.conf:18',
    good: one({ more: '  nopreempt' }),
  },
  L204: {
    bad: one({ state: 'MASTER', more: '  nopreempt' }),
    at: 'keepalived.conf:8',
    good: one({ more: '  nopreempt' }),
  },
  L216: { bad: one({ tracked: 'chekc' }), at: 'keepalived.conf:16', good },
}

describeRules(keepalivedFailoverRules, examples)

describe('L201: weights against priorities', () => {
  test.each([
    ['100 apart, weight 101', 200, '101', 0],
    ['100 apart, weight -101', 200, '-101', 0],
    ['100 apart, weight -100: a draw', 200, '-100', 1],
    ['100 apart, weight -20', 200, '-20', 1],
    ['10 apart, weight 20', 110, '20', 0],
    ['no weight', 200, '0', 0],
  ])('%s', (_title, priority, weight, count) => {
    const files = pair({ priority, weight }, { weight })
    expect(placesOf('L201', files)).toHaveLength(count)
  })
  test('in a sync group weights are 0 by themselves', () => {
    const group = 'vrrp_sync_group both {\n  group {\n    write\n  }\n}\n'
    const [left, right] = Object.values(pair({ priority: 200, weight: '2' }, { weight: '2' }))
    const files = { 'lb1/keepalived.conf': group + left!, 'lb2/keepalived.conf': group + right! }
    expect(placesOf('L201', files)).toEqual([])
  })
})

describe('L202: who watches', () => {
  const address = (routerId: number) =>
    `  interface eth0\n  virtual_router_id ${routerId}\n  virtual_ipaddress { 10.0.${routerId}.1 }\n`
  const tracking = `  track_process { haproxy }\n`
  const both = `vrrp_instance a {\n${address(1)}${tracking}}\nvrrp_instance b {\n${address(2)}}\n`
  test('what moves together is watched together', () => {
    const group = 'vrrp_sync_group all {\n  group {\n    a\n    b\n  }\n}\n'
    expect(placesOf('L202', { 'keepalived.conf': both })).toEqual(['keepalived.conf:7'])
    expect(placesOf('L202', { 'keepalived.conf': group + both })).toEqual([])
  })
  test('without HAProxy nobody has to watch it', () => {
    const text = `vrrp_instance a {\n${address(1)}}\nvirtual_server 10.0.1.1 5432 {\n}\n`
    expect(placesOf('L202', { 'keepalived.conf': text })).toEqual([])
  })
})
