import { describe, expect, test } from 'vitest'
import {
  type Files,
  type RuleExamples,
  describeRules,
  placesOf,
} from '../../../test/support/lint-examples.ts'
import { keepalivedRules } from './keepalived.ts'

type Settings = {
  readonly script?: string
  readonly weight?: string
  readonly state?: string
  readonly priority?: number
  readonly routerId?: number
  readonly address?: string
  readonly tracked?: string
  readonly more?: string
}

/** The script is on line 2, its weight on line 4, the instance begins on line 7. */
function balancer(settings: Settings): string {
  return `vrrp_script check {
  script "${settings.script ?? '/usr/bin/curl -fsS http://127.0.0.1:8404/health'}"
  interval 1
  weight ${settings.weight ?? '0'}
}

vrrp_instance write {
  state ${settings.state ?? 'BACKUP'}
  interface eth0
  virtual_router_id ${settings.routerId ?? 51}
  priority ${settings.priority ?? 100}
  virtual_ipaddress {
    ${settings.address ?? '10.0.0.100/24'}
  }
  track_script {
    ${settings.tracked ?? 'check'}
  }
${settings.more ?? ''}
}
`
}

function one(settings: Settings): Files {
  return { 'keepalived.conf': balancer(settings) }
}

function pair(first: Settings, second: Settings): Files {
  return {
    'lb1/keepalived.conf': balancer({ priority: 110, ...first }),
    'lb2/keepalived.conf': balancer(second),
  }
}

function bare(...lines: readonly string[]): Files {
  return { 'keepalived.conf': ['vrrp_instance write {', ...lines, '}', ''].join('\n') }
}

const good = pair({}, {})

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
  L205: {
    bad: pair({ state: 'MASTER' }, { state: 'MASTER' }),
    at: 'lb2/keepalived.conf:8',
    good: pair({ state: 'MASTER' }, {}),
  },
  L206: { bad: pair({ priority: 100 }, {}), at: 'lb2/keepalived.conf:11', good },
  L207: { bad: pair({}, { routerId: 52 }), at: 'lb2/keepalived.conf:10', good },
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
  L209: { bad: pair({}, { address: '10.0.0.101/24' }), at: 'lb2/keepalived.conf:13', good },
  L210: {
    bad: pair({ more: '  advert_int 1' }, { more: '  advert_int 2' }),
    at: 'lb2/keepalived.conf:18',
    good: pair({ more: '  advert_int 1' }, {}),
  },
  L211: {
    bad: one({ more: '  authentication {\n    auth_type PASS\n    auth_pass 1111\n  }' }),
    at: 'keepalived.conf:20',
    good: one({ more: '  authentication {\n    auth_type PASS\n    auth_pass k7Qz41xw\n  }' }),
  },
  L212: {
    bad: pair(
      { more: '  authentication {\n    auth_pass k7Qz41xw\n  }' },
      { more: '  authentication {\n    auth_pass other-one\n  }' },
    ),
    at: 'lb2/keepalived.conf:19',
    good,
  },
  L213: { bad: bare('  interface eth0'), at: 'keepalived.conf:1', good },
  L214: {
    bad: bare('  virtual_router_id 51', '  priority 100'),
    at: 'keepalived.conf:1',
    good,
  },
  L215: {
    bad: one({ more: '  unicast_src_ip 10.0.0.1\n  unicast_peer {\n    10.0.0.1\n  }' }),
    at: 'keepalived.conf:20',
    good: pair(
      { more: '  unicast_src_ip 10.0.0.1\n  unicast_peer {\n    10.0.0.2\n  }' },
      { more: '  unicast_src_ip 10.0.0.2\n  unicast_peer {\n    10.0.0.1\n  }' },
    ),
  },
  L216: { bad: one({ tracked: 'chekc' }), at: 'keepalived.conf:16', good },
  L217: { bad: one({ script: 'killall -0 keepalived' }), at: 'keepalived.conf:2', good },
  L218: { bad: one({ script: 'killall -0 haproxy' }), at: 'keepalived.conf:2', good },
  L219: {
    bad: { 'keepalived.conf': balancer({}).replace('interval 1', 'interval 10\n  fall 3') },
    at: 'keepalived.conf:2',
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
  L222: {
    bad: pair({ more: '  version 3' }, { more: '  version 2' }),
    at: 'lb2/keepalived.conf:7',
    good: pair({ more: '  version 3' }, { more: '  version 3' }),
  },
}

describeRules(keepalivedRules, examples)

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

test('L210: version 3 learns the interval of the other', () => {
  const [left, right] = Object.values(
    pair({ more: '  advert_int 1\n  version 3' }, { more: '  advert_int 2\n  version 3' }),
  )
  const files = { 'lb1/keepalived.conf': left!, 'lb2/keepalived.conf': right! }
  expect(placesOf('L210', files)).toEqual([])
})

test.each([
  ['no source', '  unicast_peer {\n    10.0.0.2\n  }', '', 2],
  [
    'peer is a stranger',
    '  unicast_src_ip 10.0.0.1\n  unicast_peer {\n    10.0.0.9\n  }',
    '  unicast_src_ip 10.0.0.2\n  unicast_peer {\n    10.0.0.1\n  }',
    1,
  ],
])('L215: %s', (_title, first, second, count) => {
  expect(placesOf('L215', pair({ more: first }, { more: second }))).toHaveLength(count)
})

test.each([
  ['/bin/true', 1],
  ['pidof keepalived', 1],
  ['/usr/bin/check || true', 1],
  ['pidof haproxy', 0],
  ['/usr/local/bin/check-haproxy', 0],
])('L217: %s', (script, count) => {
  expect(placesOf('L217', one({ script }))).toHaveLength(count)
})

test('L208: IPv4 and IPv6 may share a router id', () => {
  const other = balancer({ address: '2001:db8::100/64' }).replace('write {', 'write6 {')
  expect(placesOf('L208', { 'keepalived.conf': balancer({}) + other })).toEqual([])
})

test('L212: what stands behind the eighth character does not count', () => {
  const password = (end: string) =>
    `  authentication {\n    auth_type PASS\n    auth_pass Kd83ksLw${end}\n  }`
  expect(placesOf('L212', pair({ more: password('1') }, { more: password('2') }))).toEqual([])
})

test('L214: a router id that is none; default_interface is no interface of an instance', () => {
  expect(placesOf('L214', one({ routerId: 300 }))).toEqual(['keepalived.conf:10'])
  const text = balancer({}).replace('  interface eth0\n', '')
  expect(
    placesOf('L214', { 'k.conf': `global_defs {\n  default_interface eth0\n}\n${text}` }),
  ).toEqual(['k.conf:10'])
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

describe('what is not known is not judged', () => {
  const judged = (files: Files) => [
    ...['L201', 'L204', 'L205', 'L206', 'L207', 'L208', 'L210', 'L214', 'L215'].flatMap((rule) =>
      placesOf(rule, files),
    ),
  ]
  const changed = (from: string, to: string): Files =>
    Object.fromEntries(
      Object.entries(pair({ weight: '-20' }, { weight: '-20' })).map(([path, text]) => [
        path,
        text.replace(from, to),
      ]),
    )
  test.each([
    [/ {2}priority .*/, '  priority {{ priority }}'],
    [/ {2}priority .*/, '  @lb1 priority 150\n  @^lb1 priority 100'],
    [/ {2}state .*/, '  @lb1 state MASTER\n  @^lb1 state BACKUP'],
    [/ {2}virtual_router_id .*/, '  virtual_router_id {{ id }}'],
    [/ {2}virtual_router_id .*/, '  virtual_router_id $NOWHERE'],
    [/ {2}advert_int .*/, '  advert_int {{ seconds }}'],
  ])('%s → %s', (from, to) => {
    const files = pair({ weight: '-20', more: '  advert_int 1' }, { weight: '-20' })
    const open = Object.entries(files).map(([path, text]) => [path, text.replace(from, to)])
    expect(judged(Object.fromEntries(open) as Files)).toEqual([])
  })
  test('a variable of the file is filled in', () => {
    const files = changed('  priority', '  #')
    const [left = '', right = ''] = Object.values(files)
    const more = (text: string, value: number) =>
      `$PRIO=${value}\n${text.replace('  interface', '  priority $PRIO\n  interface')}`
    const both = { 'lb1/keepalived.conf': more(left, 200), 'lb2/keepalived.conf': more(right, 100) }
    expect(placesOf('L201', both)).toEqual(['lb1/keepalived.conf:5'])
    expect(placesOf('L206', both)).toEqual([])
  })
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
