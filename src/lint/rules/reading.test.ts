import { expect, test } from 'vitest'
import { describeRules, lintTexts } from '../../../test/support/lint-examples.ts'
import { readingRules } from './reading.ts'

describeRules(readingRules, {
  L001: {
    bad: {
      'keepalived.conf': 'global_defs {\n  router_id a\n}\n\nvrrp_script x {\n  interval 1\n',
    },
    at: 'keepalived.conf:5',
    good: { 'keepalived.conf': 'vrrp_script x {\n  interval 1\n}\n' },
  },
})

test.each([
  ['a brace too many', 'keepalived.conf', 'global_defs {\n}\n}\n', 3],
  ['broken YAML', 'docker-compose.yml', 'services:\n  pg-0: {image: a\n', 3],
  ['no variable', '.env', 'A=1\nsome words\n', 2],
  ['no line with a variable', '.env', '\n# words\nsome words\nand more\n', 3],
  ['an alias of nothing', 'compose.yml', 'services:\n  a: *base\n  b: &base {image: a}\n', 2],
  ['a key twice', 'compose.yml', 'services:\n  a: {image: a}\n  a: {image: b}\n', 3],
])('L001: %s', (_title, file, text, line) => {
  const found = lintTexts({ [file]: text }).filter(({ rule }) => rule === 'L001')
  expect(found.map((finding) => finding.line)).toEqual([line])
})
