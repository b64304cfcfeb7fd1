// The parsers: what they make of real forms, and that no text makes them throw.

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { lintFiles } from '../../test/support/lint-examples.ts'
import { interpolate } from './interpolate.ts'
import { parseCompose } from './parse-compose.ts'
import { parseEnv } from './parse-env.ts'
import { parseHaproxy, parseHaproxyTimeMs, splitAddress, splitWords } from './parse-haproxy.ts'
import { parseKeepalived } from './parse-keepalived.ts'
import { parseScript } from './parse-script.ts'
import { parseSettings } from './parse-settings.ts'
import { isLikelyName, recogniseKind } from './recognise.ts'
import { joinPath, linesOf } from './source-text.ts'

function file(path: string, ...lines: readonly string[]) {
  return { path, text: lines.join('\n') }
}

describe('lines', () => {
  test('of any system, without a byte order mark', () => {
    expect(linesOf('\uFEFFa\r\nb\rc\nd')).toEqual(['a', 'b', 'c', 'd'])
  })
  test('templates become one word, and keep the lines', () => {
    expect(linesOf('a {{ b | default(1) }} {{{.}}}\n{% if x %}\n{# no #}')).toEqual([
      'a «_b_default_1_» «_»',
      '',
      '',
    ])
  })
  test.each([
    ['a/b', './c/../d', 'a/b/d'],
    ['', '.env', '.env'],
    ['a', '../b', 'b'],
    ['..', '../b', '../../b'],
    ['a', '/b', '/b'],
  ])('joinPath %s %s', (folder, path, joined) => {
    expect(joinPath(folder, path)).toBe(joined)
  })
})

describe('kinds', () => {
  test.each([
    ['lb1/haproxy.cfg', '', 'haproxy'],
    ['HAProxy-1.cfg.j2', '', 'haproxy'],
    ['balancer.cfg', 'listen a\n  id 1\n  bind *:1\n', 'haproxy'],
    ['keepalived.conf', '', 'keepalived'],
    ['vip', 'vrrp_instance a {\n}', 'keepalived'],
    ['compose.override.yaml', '', 'compose'],
    ['stack.yml', 'services:\r\n  a:\r\n    image: b\r\n', 'compose'],
    ['.env.production', '', 'env'],
    ['pg.env', '', 'env'],
    ['backup', '#!/usr/bin/env bash\n', 'script'],
    ['postgresql.auto.conf', '', 'postgres'],
    ['conf.d/10-archive.conf', "archive_command = ''\n", 'postgres'],
    ['notes.md', 'listen to this', null],
    ['haproxy.cfg', 'a\0b', null],
    ['.env', 'A=1\n\u0001\u0002\uFFFD\uFFFD', null],
    ['.env', '# \uFFFD\uFFFD\uFFFD\uFFFD\nA=\u001B[1m\n', 'env'],
  ])('%s → %s', (path, text, kind) => {
    expect(recogniseKind({ path, text })).toBe(kind)
  })
  test('a search leaves out what no kind could be', () => {
    expect(['a.cfg', '.env', 'backup', 'x.yml.j2'].map(isLikelyName)).toEqual([
      true,
      true,
      true,
      true,
    ])
    expect(['a.png', 'README.md'].map(isLikelyName)).toEqual([false, false])
  })
})

describe('haproxy.cfg', () => {
  test.each([
    ['  server a\\ b 1.2.3.4:5 # c', ['server', 'a b', '1.2.3.4:5']],
    ['acl x "a # b" \'c d\'', ['acl', 'x', 'a # b', 'c d']],
    ['\t', []],
    ['a ""', ['a', '']],
  ])('words of %j', (line, words) => {
    expect(splitWords(line)).toEqual(words)
  })
  test.each([
    ['10.0.0.1:5432', '10.0.0.1', 5432],
    ['[fd00::2]:5432', 'fd00::2', 5432],
    [':::5432', '*', 5432],
    ['ipv4@*:5432', '*', 5432],
    ['unix@/run/a', 'unix@/run/a', null],
    ['pg-0', 'pg-0', null],
    ['pg-0:${PORT}', 'pg-0', null],
  ])('address %s', (text, host, port) => {
    expect(splitAddress(text)).toEqual({ host, port })
  })
  test.each([
    ['50000', 50_000],
    ['50s', 50_000],
    ['1d', 86_400_000],
    ['5x', null],
  ])('time %s', (text, durationMs) => {
    expect(parseHaproxyTimeMs(text)).toBe(durationMs)
  })
  test('defaults hold for what follows, or for whom names them', () => {
    const { proxies } = parseHaproxy(
      file('h', 'defaults a', 'mode tcp', 'defaults b', 'mode http', 'listen x from a', 'listen y'),
    )
    expect(proxies.map(({ inherited }) => inherited[0]?.words[1])).toEqual(['tcp', 'http'])
  })
  test('default-server comes before what a server says', () => {
    const { proxies } = parseHaproxy(
      file('h', 'listen x', 'default-server inter 1s', 'server a 1.1.1.1:1 inter 2s'),
    )
    expect(proxies[0]?.servers[0]?.words).toEqual(['inter', '1s', 'inter', '2s'])
  })
})

describe('keepalived.conf', () => {
  test('blocks on one line, braces of their own, both comments, quotes', () => {
    const { instances, problems } = parseKeepalived(
      file(
        'k',
        '! a comment',
        'vrrp_script check { script "a b" # c',
        '  weight -5 }',
        'vrrp_instance VI_1{',
        '  virtual_ipaddress { 10.0.0.1/24 dev eth0 }',
        '  track_script',
        '  {',
        '    check weight 3',
        '  }',
        '}',
      ),
    )
    expect(problems).toEqual([])
    expect(instances[0]).toMatchObject({
      name: 'VI_1',
      place: { line: 4 },
      addresses: [{ value: '10.0.0.1', place: { line: 5 } }],
      trackers: [{ name: 'check', weight: 3, isDefined: true, weightPlace: { line: 8 } }],
      priority: { value: 100 },
    })
  })
})

describe('compose files', () => {
  const read = (text: string, env = '') =>
    parseCompose({ path: 'd/compose.yml', text }, [parseEnv({ path: 'd/.env', text: env })])
  test.each([
    ['"5433:5432"', [['', 5433, 5432]]],
    ['127.0.0.1:5433:5432', [['127.0.0.1', 5433, 5432]]],
    ['"[::1]:5433:5432/tcp"', [['::1', 5433, 5432]]],
    [
      '0.0.0.0:5433-5434:5432-5433',
      [
        ['', 5433, 5432],
        ['', 5434, 5433],
      ],
    ],
    ['${PORT:-6000}:5432', [['', 6000, 5432]]],
    ['${SET:-6000}:5432', [['', 7000, 5432]]],
    ['{ target: 5432, published: "5433", host_ip: 10.0.0.1 }', [['10.0.0.1', 5433, 5432]]],
    ['"5432"', []],
    ['"a:b"', []],
  ])('ports %s', (port, expected) => {
    const { services } = read(`services:\n  a:\n    ports:\n      - ${port}\n`, 'SET=7000\n')
    const ports = services[0]?.ports ?? []
    expect(ports.map((one) => [one.hostAddress, one.published, one.target])).toEqual(expected)
    for (const one of ports) expect(one.place.line).toBe(4)
  })
  test('anchors, merge keys, extends and env_file', () => {
    const { services, problems } = read(
      [
        'x-base: &base',
        '  image: postgres:16',
        '  environment: { A: 1, B: 2 }',
        'services:',
        '  a:',
        '    <<: *base',
        '    env_file: .env',
        '  b:',
        '    extends: { service: a }',
        '    environment: [B=3]',
      ].join('\n'),
      'C=4\n',
    )
    expect(problems).toEqual([])
    const [first, second] = services.map(({ image, environment }) => [
      image?.value,
      Object.fromEntries([...environment].map(([key, { value }]) => [key, value])),
    ])
    expect(first).toEqual(['postgres:16', { A: '1', B: '2', C: '4' }])
    expect(second).toEqual(['postgres:16', { A: '1', B: '3', C: '4' }])
  })
  test('a file that contains itself ends', () => {
    expect(read('services: &a\n  <<: *a\n  b: *a\n').services.length).toBeGreaterThan(0)
    expect(read('services:\n  a: {extends: b}\n  b: {extends: a}\n').services).toHaveLength(2)
  })
  test.each([
    ['$A ${A} ${B:-x} ${C-y} $$A ${A:+z} ${B:+z}', '1 1 x y $A z ', []],
    ['${N} ${M:-${L}}', ' ', ['N', 'L']],
    ['${Q:?must be set}', '${Q:?must be set}', []],
  ])('variables of %s', (text, value, missing) => {
    expect(
      interpolate(
        text,
        new Map([
          ['A', '1'],
          ['B', ''],
        ]),
      ),
    ).toEqual({ value, missing })
  })
})

describe('.env files and scripts', () => {
  test('quotes, comments, export and Windows line ends', () => {
    const { entries, problems } = parseEnv({
      path: '.env',
      text: '# c\r\nexport A="b c" # d\r\nB=e # f\r\nC=\'g\'\r\nD=h#i\r\nE\r\n',
    })
    expect(entries.map(({ key, value }) => `${key}=${value}`)).toEqual([
      'A=b c',
      'B=e',
      'C=g',
      'D=h#i',
    ])
    expect(problems).toEqual([])
  })
  test('lines that go on, comments, and variables', () => {
    const { commands } = parseScript(
      file('s', 'A=/x # why', 'run \\', '  "$A/b#c" ${B:-d}', '', '#'),
    )
    expect(commands.map(({ expanded, place }) => [place.line, expanded])).toEqual([
      [1, 'A=/x'],
      [2, 'run "/x/b#c" d'],
    ])
  })
  test('several settings of one command', () => {
    const found = parseSettings(
      file('c', "postgres -c fsync=off -c 'archive_command=cp %p /a' --max_connections=5"),
    )
    expect(found.map(({ name, value }) => `${name}: ${value}`)).toEqual([
      'fsync: off',
      'archive_command: cp %p /a',
      'max_connections: 5',
    ])
  })
})

describe('any text', () => {
  const words = [
    'listen a\n',
    'server ',
    'bind :',
    'vrrp_instance a {\n',
    '}',
    '{',
    '"',
    "'",
    '\\',
    '\n',
    '\t',
  ]
  const more = [
    'services:\n',
    '  a:\n',
    '    ',
    'image: ',
    '- ',
    '<<: *a',
    '&a ',
    '${',
    '}',
    ':-',
    'A=',
    '#',
    '!',
  ]
  const others = [
    'archive_command = ',
    '%f',
    '{{',
    '}}',
    '{%',
    'pg_basebackup -D ',
    'priority ',
    'weight ',
    '\r',
  ]
  const text = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc
      .array(fc.constantFrom(...words, ...more, ...others, 'x', '1', ':'), { maxLength: 60 })
      .map((all) => all.join('')),
  )
  const names = [
    'haproxy.cfg',
    'lb2/haproxy.cfg',
    'keepalived.conf',
    'lb2/keepalived.conf',
    'compose.yml',
  ]
  const path = fc.constantFrom(...names, '.env', 'a.sh', 'postgresql.conf')
  test('nothing throws, and every finding stands on a line of its file', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.record({ path, text }), { selector: (one) => one.path }),
        (files) => {
          const lineCounts = new Map(
            files.map((one) => [one.path, one.text.split(/\r\n|\n|\r/).length]),
          )
          for (const { file: name, line } of lintFiles(files)) {
            expect(line).toBeGreaterThanOrEqual(1)
            expect(line).toBeLessThanOrEqual(lineCounts.get(name) ?? 0)
          }
        },
      ),
      { numRuns: 400 },
    )
  })
  test('long lines of one sort → read in time', () => {
    // A pattern that goes back and forth over them would run into the time limit of the test.
    for (const unit of [
      '"',
      '\\',
      '{',
      '{{',
      ' ',
      '# \n',
      '$',
      '${a:-',
      "archive_command='",
      'A="',
      '\n\n',
      '&a ',
      '- ',
    ]) {
      const long = unit.repeat(Math.floor(20_000 / unit.length))
      const files = [...names, '.env', 'a.sh', 'postgresql.conf', 'unknown'].map((name) => ({
        path: name,
        text: `listen a\n${long}`,
      }))
      lintFiles(files)
    }
  })
})
