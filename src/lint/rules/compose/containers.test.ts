import { expect, test } from 'vitest'
import {
  type RuleExamples,
  describeRules,
  lintTexts,
  placesOf,
} from '../../../../test/support/lint-examples.ts'
import { image, compose } from '../../../../test/support/lint-compose.ts'
import { composeContainerRules } from './containers.ts'

const examples: RuleExamples = {
  L305: {
    bad: compose(['pg-0', 'image: postgres']),
    at: 'docker-compose.yml:3',
    good: compose(['pg-0', 'image: registry:5000/postgres:16.4']),
  },
  L306: {
    bad: compose(['pg-0', image, 'restart: "no"']),
    at: 'docker-compose.yml:2',
    good: compose(['pg-0', image, 'restart: always']),
  },
  L307: {
    bad: compose(['pg-0', image]),
    at: 'docker-compose.yml:2',
    good: compose(['pg-0', image, 'stop_grace_period: 1m30s']),
  },
  L308: {
    bad: compose(['pg-0', image]),
    at: 'docker-compose.yml:2',
    good: compose(['pg-0', image, 'shm_size: 256mb']),
  },
  L309: {
    bad: compose(['pg-0', image]),
    at: 'docker-compose.yml:2',
    good: compose(['pg-0', image, 'healthcheck: { test: [CMD, pg_isready] }']),
  },
  L310: {
    bad: compose(['pg-0', image, 'hostname: ${HOST_NAME}']),
    at: 'docker-compose.yml:4',
    good: {
      ...compose(['pg-0', image, 'hostname: ${HOST_NAME}-${OTHER:-a}']),
      '.env': 'HOST_NAME=pg-0\n',
    },
  },
  L318: {
    bad: compose(['pg-0', image, 'extends: { file: base.yml, service: pg }']),
    at: 'docker-compose.yml:4',
    good: {
      ...compose(['pg-0', image, 'extends: { file: base.yml, service: pg }']),
      'base.yml': 'services:\n  pg: { restart: always }\n',
    },
  },
}

describeRules(composeContainerRules, examples)

test('a template is never judged', () => {
  const files = compose(['pg-0', 'image: postgres:{{ version }}', 'restart: "{{ restart }}"'])
  expect(placesOf('L305', files)).toEqual([])
  expect(placesOf('L306', files)).toEqual([])
})

test('L308: a tmpfs in the place of shared memory, as swarm needs it', () => {
  expect(placesOf('L308', compose(['db', 'image: postgres:16', 'tmpfs: [/dev/shm]']))).toEqual([])
})

test.each(['{ disable: true }', '{ test: NONE }', '{ test: [NONE] }'])(
  'L309: %s',
  (healthcheck) => {
    const files = compose(['db', 'image: postgres:16', `healthcheck: ${healthcheck}`])
    expect(placesOf('L309', files)).toHaveLength(1)
  },
)

test.each(['"ab$hunter2"', 'ab$HUNTER2', '$hunter2', 'postgres://app:ab$hunter2@db/app'])(
  'L310: %s may be a password, and nothing of it is shown',
  (value) => {
    const files = compose(['db', 'image: postgres:16', `environment: { PASSWORD: ${value} }`])
    const [finding] = lintTexts(files).filter(({ rule }) => rule === 'L310')
    expect(finding?.fix).toMatch(/^\$\$ for a dollar sign/)
    expect(JSON.stringify(finding)).not.toMatch(/hunter2/i)
  },
)

test('a file that is no YAML is not judged further', () => {
  const files = compose(['db', 'image: postgres', '\trestart: always'])
  expect(lintTexts(files).every(({ rule }) => rule === 'L001')).toBe(true)
})
