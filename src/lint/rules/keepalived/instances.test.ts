import { describe, expect, test } from 'vitest'
import {
  type Files,
  type RuleExamples,
  describeRules,
  placesOf,
} from '../../../../test/support/lint-examples.ts'
import { balancer, one, bare, good } from '../../../../test/support/lint-keepalived.ts'
import { keepalivedInstanceRules } from './instances.ts'

const examples: RuleExamples = {
  L208: {
    bad: {
      'keepalived.conf':
        balancer({}) +
        balancer({ address: '10.0.0.101' }).replace('vrrp_instance write', 'vrrp_instance read'),
    },
    at: 'keepalived.conf:29',
    good: {
      'keepalived.conf':
        balancer({}) +
        balancer({ address: '10.0.0.101', routerId: 52 }).replace(
          'vrrp_instance write',
          'vrrp_instance read',
        ),
    },
  },
  L211: {
    bad: one({ more: '  authentication {\n    auth_type PASS\n    auth_pass 1111\n  }' }),
    at: 'keepalived.conf:20',
    good: one({ more: '  authentication {\n    auth_type PASS\n    auth_pass k7Qz41xw\n  }' }),
  },
  L213: { bad: bare('  interface eth0'), at: 'keepalived.conf:1', good },
  L214: {
    bad: bare('  virtual_router_id 51', '  priority 100'),
    at: 'keepalived.conf:1',
    good,
  },
  L220: {
    bad: { 'keepalived.conf': `global_defs {\n  vrrp_strict\n}\n${balancer({})}` },
    at: 'keepalived.conf:2',
    good,
  },
  L221: {
    bad: { 'keepalived.conf': 'include /etc/keepalived/more.conf\n' },
    at: 'keepalived.conf:1',
    good,
  },
}

describeRules(keepalivedInstanceRules, examples)

test('L208: IPv4 and IPv6 may share a router id', () => {
  const other = balancer({ address: '2001:db8::100/64' }).replace('write {', 'write6 {')
  expect(placesOf('L208', { 'keepalived.conf': balancer({}) + other })).toEqual([])
})

test('L214: a router id that is none; default_interface is no interface of an instance', () => {
  expect(placesOf('L214', one({ routerId: 300 }))).toEqual(['keepalived.conf:10'])
  const text = balancer({}).replace('  interface eth0\n', '')
  expect(
    placesOf('L214', { 'k.conf': `global_defs {\n  default_interface eth0\n}\n${text}` }),
  ).toEqual(['k.conf:10'])
})

describe('includes', () => {
  const parts = (folder: string, priority: number): Files => {
    const [script = '', instance = ''] = balancer({ priority }).split('\n\n')
    return {
      [`${folder}/keepalived.conf`]: 'global_defs {\n  vrrp_version 3\n}\ninclude conf.d/*.conf\n',
      [`${folder}/conf.d/1-check.conf`]: script,
      [`${folder}/conf.d/2-write.conf`]: instance,
    }
  }
  test('files that were given are parts of the one that includes them', () => {
    expect(placesOf('L216', parts('lb1', 110))).toEqual([])
    expect(placesOf('L221', parts('lb1', 110))).toEqual([])
  })
  test('files that include each other are read all the same', () => {
    const files = {
      'a.conf': 'include b.conf\nvrrp_instance a {\n}\n',
      'b.conf': 'include a.conf\nvrrp_instance b {\n}\n',
    }
    expect(placesOf('L214', files)).toEqual(['a.conf:2', 'a.conf:2', 'b.conf:2', 'b.conf:2'])
  })
  test('faults stand at the line of the part', () => {
    const files = { ...parts('lb1', 100), ...parts('lb2', 100) }
    expect(placesOf('L206', files)).toEqual(['lb2/conf.d/2-write.conf:5'])
  })
})
