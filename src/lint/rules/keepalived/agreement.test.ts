import { describe, expect, test } from 'vitest'
import {
  type Files,
  type RuleExamples,
  describeRules,
  placesOf,
} from '../../../../test/support/lint-examples.ts'
import { one, pair, good } from '../../../../test/support/lint-keepalived.ts'
import { keepalivedAgreementRules } from './agreement.ts'

const examples: RuleExamples = {
  L205: {
    bad: pair({ state: 'MASTER' }, { state: 'MASTER' }),
    at: 'lb2/keepalived.conf:8',
    good: pair({ state: 'MASTER' }, {}),
  },
  L206: { bad: pair({ priority: 100 }, {}), at: 'lb2/keepalived.conf:11', good },
  L207: { bad: pair({}, { routerId: 52 }), at: 'lb2/keepalived.conf:10', good },
  L209: { bad: pair({}, { address: '10.0.0.101/24' }), at: 'lb2/keepalived.conf:13', good },
  L210: {
    bad: pair({ more: '  advert_int 1' }, { more: '  advert_int 2' }),
    at: 'lb2/keepalived.conf:18',
    good: pair({ more: '  advert_int 1' }, {}),
  },
  L212: {
    bad: pair(
      { more: '  authentication {\n    auth_pass k7Qz41xw\n  }' },
      { more: '  authentication {\n    auth_pass other-one\n  }' },
    ),
    at: 'lb2/keepalived.conf:19',
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
  L222: {
    bad: pair({ more: '  version 3' }, { more: '  version 2' }),
    at: 'lb2/keepalived.conf:7',
    good: pair({ more: '  version 3' }, { more: '  version 3' }),
  },
}

describeRules(keepalivedAgreementRules, examples)

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

test('L212: what stands behind the eighth character does not count', () => {
  const password = (end: string) =>
    `  authentication {\n    auth_type PASS\n    auth_pass Kd83ksLw${end}\n  }`
  expect(placesOf('L212', pair({ more: password('1') }, { more: password('2') }))).toEqual([])
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
