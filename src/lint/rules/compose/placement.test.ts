import { expect, test } from 'vitest'
import {
  type RuleExamples,
  describeRules,
  placesOf,
} from '../../../../test/support/lint-examples.ts'
import { image, compose, environment } from '../../../../test/support/lint-compose.ts'
import { composePlacementRules } from './placement.ts'

const examples: RuleExamples = {
  L301: {
    bad: compose(['pg-0', image], ['pg-1', image]),
    at: 'docker-compose.yml:2',
    good: compose(['pg-0', image]),
  },
  L304: {
    bad: compose(
      ['pg-0', image, 'ports: ["5433:5432"]'],
      ['pg-1', image, 'ports: ["127.0.0.1:5433:5432"]'],
    ),
    at: 'docker-compose.yml:7',
    good: compose(['pg-0', image, 'ports: ["5433:5432"]'], ['pg-1', image, 'ports: ["5434:5432"]']),
  },
  L317: {
    bad: compose([
      'pgw-0',
      image,
      ...environment('REPMGR_NODE_TYPE=witness'),
      'ports: ["5456:5432"]',
    ]),
    at: 'docker-compose.yml:6',
    good: compose([
      'pgw-0',
      image,
      ...environment('REPMGR_NODE_TYPE=witness'),
      'ports: ["10.0.0.4:5456:5432"]',
    ]),
  },
}

describeRules(composePlacementRules, examples)

test('swarm decides about hosts and restarts', () => {
  const deploy = [
    'deploy:',
    '  restart_policy: { condition: any }',
    '  placement: { constraints: [a] }',
  ]
  const files = compose(['pg-0', image, ...deploy], ['pg-1', image, ...deploy])
  expect(placesOf('L301', files)).toEqual([])
  expect(placesOf('L306', files)).toEqual([])
})
