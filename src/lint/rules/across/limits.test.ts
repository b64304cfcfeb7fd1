import { describe, expect, test } from 'vitest'
import {
  type Files,
  type RuleExamples,
  describeRules,
  lintTexts,
  placesOf,
} from '../../../../test/support/lint-examples.ts'
import { balancer, nodes, good } from '../../../../test/support/lint-deployment.ts'
import { acrossLimitRules } from './limits.ts'

const examples: RuleExamples = {
  L602: { bad: { ...nodes, ...balancer('lb1', { maxconn: 50 }) }, at: 'lb1/haproxy.cfg:4', good },
  L603: { bad: { ...nodes, ...balancer('lb1', { maxconn: 500 }) }, at: 'lb1/haproxy.cfg:4', good },
}

describeRules(acrossLimitRules, examples)

test('L602: limits come from the environment, a command, or postgresql.conf', () => {
  const conf = { 'postgresql.conf': 'max_connections = 300\n' }
  expect(placesOf('L602', { ...balancer('lb1', {}), ...conf })).toHaveLength(1)
  const command = nodes['docker-compose.yml']! + '    command: postgres -c max_connections=300\n'
  expect(placesOf('L602', { ...balancer('lb1', {}), 'docker-compose.yml': command })).toHaveLength(
    1,
  )
  const set =
    nodes['docker-compose.yml']! + '    environment: {POSTGRESQL_MAX_CONNECTIONS: "300"}\n'
  expect(placesOf('L602', { ...balancer('lb1', {}), 'docker-compose.yml': set })).toHaveLength(1)
})

test('L603: a limit of each server makes the rest wait', () => {
  const servers = ['pg-0 10.0.0.1:5433 maxconn 95', 'pg-1 10.0.0.1:5434 maxconn 95']
  expect(placesOf('L603', { ...nodes, ...balancer('lb1', { maxconn: 500, servers }) })).toEqual([])
})

test('L603: what reads fall back to counts with the writes', () => {
  const of = (fallbackMax: number) => ({
    ...nodes,
    'haproxy.cfg': [
      'listen write\n  mode tcp\n  bind *:5432\n  option httpchk OPTIONS /primary',
      '  server pg-0 10.0.0.1:5433 check maxconn 90',
      'listen read\n  mode tcp\n  bind *:5433\n  option httpchk OPTIONS /replica',
      '  server pg-0 10.0.0.1:5433 check maxconn 90',
      `  server pg-0-primary 10.0.0.1:5433 maxconn ${fallbackMax} track write/pg-0 backup`,
      '',
    ].join('\n'),
  })
  expect(placesOf('L603', of(23))).toEqual(['haproxy.cfg:5'])
  expect(placesOf('L603', of(7))).toEqual([])
})

test('L602, L603: maxconn 0 is no limit', () => {
  const of = (proxyMax: number, serverMax: number) =>
    lintTexts({
      ...nodes,
      'haproxy.cfg': [
        'global\n  maxconn 500',
        `listen write\n  mode tcp\n  bind *:5432\n  maxconn ${proxyMax}`,
        `  server pg-0 10.0.0.1:5433 check maxconn ${serverMax}`,
        `  server pg-1 10.0.0.1:5434 check maxconn ${serverMax}`,
        '',
      ].join('\n'),
    })
      .filter(({ rule }) => ['L602', 'L603'].includes(rule))
      .map(({ rule, line, message }) => `${rule} ${line} ${message.split(',')[0]!}`)
  expect(of(0, 0)).toEqual(['L603 2 global maxconn is 500'])
  expect(of(500, 0)).toEqual(['L603 6 maxconn of write is 500'])
  expect(of(0, 95)).toEqual([])
})

test('L603: two balancers add up, and what superusers have of their own counts', () => {
  const pair = (maxconn: number) => ({
    ...nodes,
    ...balancer('lb1', { maxconn }),
    ...balancer('lb2', { maxconn }),
  })
  expect(placesOf('L603', pair(49))).toEqual(['lb1/haproxy.cfg:4', 'lb2/haproxy.cfg:4'])
  expect(placesOf('L603', pair(48))).toEqual([])
  const conf = { 'postgresql.conf': 'superuser_reserved_connections = 10\n' }
  expect(placesOf('L603', { ...pair(46), ...conf })).toHaveLength(2)
  expect(placesOf('L603', { ...pair(45), ...conf })).toEqual([])
})

describe('L113 and L603: one advice', () => {
  const files = (globalMax: number, proxyMax: number, serverMax: number | null) => ({
    ...nodes,
    'haproxy.cfg': [
      `global\n  maxconn ${globalMax}`,
      `listen write\n  mode tcp\n  bind *:5432\n  maxconn ${proxyMax}`,
      ...['pg-0 10.0.0.1:5433', 'pg-1 10.0.0.1:5434'].map(
        (server) => `  server ${server} check${serverMax === null ? '' : ` maxconn ${serverMax}`}`,
      ),
      `listen stats\n  mode http\n  bind *:8404\n  maxconn 50`,
      '',
    ].join('\n'),
  })
  const found = (text: Files) =>
    lintTexts(text).filter(({ rule }) => ['L113', 'L602', 'L603'].includes(rule))
  test.each([
    [500, 2000, ['L113', 'L603']],
    [3000, 2000, ['L603']],
    [60, 80, ['L113', 'L602']],
  ])('global %i, proxy %i: %j agree, and who follows them is rid of both', (all, own, ids) => {
    const findings = found(files(all, own, null))
    expect(findings.map(({ rule }) => rule).sort()).toEqual(ids)
    const [fix, ...others] = new Set(findings.map((one) => one.fix))
    expect(others).toEqual([])
    const [, server, least] =
      /^maxconn (\d+) in each server line; .*global maxconn (\d+) or more$/.exec(fix ?? '') ?? []
    const mended = files(Number(least), Math.max(own, Number(server)), Number(server))
    expect(found(mended)).toEqual([])
  })
})
