import { describe, expect, test } from 'vitest'
import {
  type RuleExamples,
  describeRules,
  lintTexts,
  placesOf,
} from '../../../../test/support/lint-examples.ts'
import { image, compose } from '../../../../test/support/lint-compose.ts'
import { composeVolumeRules } from './volumes.ts'

const examples: RuleExamples = {
  L302: {
    bad: compose(['pg-0', image, 'volumes: [/bitnami/postgresql]']),
    at: 'docker-compose.yml:2',
    good: compose(['pg-0', image, 'volumes: [pg-0-data:/bitnami/postgresql]']),
  },
  L303: {
    bad: compose(
      ['pg-0', image, 'volumes: [data:/bitnami/postgresql]'],
      ['pg-1', image, 'volumes:', '  - data:/bitnami/postgresql'],
    ),
    at: 'docker-compose.yml:8',
    good: compose(
      ['pg-0', image, 'volumes: [a:/bitnami/postgresql, common:/backup]'],
      ['pg-1', image, 'volumes: [b:/bitnami/postgresql, common:/backup]'],
    ),
  },
}

describeRules(composeVolumeRules, examples)

describe('volumes', () => {
  test.each([
    ['the official image', 'image: postgres:16', 'data:/var/lib/postgresql/data', 0],
    ['a folder of the host', 'image: postgres:16', './data:/var/lib/postgresql/data', 0],
    ['the folder above', image, 'data:/bitnami', 0],
    ['something else', 'image: postgres:16', 'data:/backup', 1],
    ['memory', 'image: postgres:16', '{ type: tmpfs, target: /var/lib/postgresql/data }', 1],
    [
      'the long form',
      'image: postgres:16',
      '{ type: volume, source: a, target: /var/lib/postgresql/data }',
      0,
    ],
    ['above the nameless volume of the image', 'image: postgres:16', 'data:/var/lib/postgresql', 1],
    ['version 18 and later', 'image: postgres:18', 'data:/var/lib/postgresql', 0],
    ['another image, its own folder', 'image: spilo-16:3.2', 'data:/home/postgres/pgdata', 0],
    ['TimescaleDB', 'image: timescale/timescaledb-ha:pg16', 'a:/home/postgres/pgdata/data', 0],
    ['a variable', 'image: postgres:16', '${DATA:-./data}:/var/lib/postgresql/data', 0],
  ])('L302: %s', (_title, from, volume, count) => {
    const files = compose(['pg-0', from, 'volumes:', `  - ${volume}`])
    expect(placesOf('L302', files)).toHaveLength(count)
  })
})

test('an exporter or a pooler is no data node', () => {
  const files = compose(
    ['exporter', 'image: prometheuscommunity/postgres-exporter:latest'],
    ['pooler', 'image: bitnami/pgbouncer:1'],
  )
  expect(placesOf('L302', files)).toEqual([])
  expect(placesOf('L305', files)).toEqual([])
})

test('L302: the remedy names the folder of the image', () => {
  const [finding] = lintTexts(compose(['db', 'image: postgres:16'])).filter(
    ({ rule }) => rule === 'L302',
  )
  expect(finding?.fix).toContain('[db-data:/var/lib/postgresql/data]')
})
