import { type RuleExamples, describeRules } from '../../../../test/support/lint-examples.ts'
import { image, compose, environment, sound } from '../../../../test/support/lint-compose.ts'
import { composeRepmgrRules } from './repmgr.ts'

const examples: RuleExamples = {
  L311: {
    bad: compose(['pg-0', image]),
    at: 'docker-compose.yml:2',
    good: compose(['pg-0', image, ...sound]),
  },
  L312: {
    bad: compose(['pg-0', image, ...environment('REPMGR_USE_PGREWIND=no')]),
    at: 'docker-compose.yml:2',
    good: compose(['pg-0', image, ...sound]),
  },
  L313: {
    bad: compose(['pg-0', image, ...environment('REPMGR_PRIMARY_HOST=pg-0')]),
    at: 'docker-compose.yml:5',
    good: compose(['pg-0', image]),
  },
  L314: {
    bad: compose(
      ['pg-0', image, ...environment('REPMGR_NODE_NAME=pg-0')],
      ['pg-1', image, ...environment('REPMGR_NODE_NAME=pg-0')],
    ),
    at: 'docker-compose.yml:9',
    good: compose(
      ['pg-0', image, ...environment('REPMGR_NODE_NAME=pg-0')],
      ['pg-1', image, ...environment('REPMGR_NODE_NAME=pg-1')],
    ),
  },
  L315: {
    bad: compose(['pg-0', image, ...environment('REPMGR_PARTNER_NODES=pg-0')], ['pg-1', image]),
    at: 'docker-compose.yml:5',
    good: compose(
      ['pg-0', image, ...environment('REPMGR_PARTNER_NODES=pg-0,pg-1:5432')],
      ['pg-1', image, ...environment('REPMGR_PARTNER_NODES=pg-0.example,pg-1')],
    ),
  },
  L316: {
    bad: compose(['pg-0', image], ['pg-1', image]),
    at: 'docker-compose.yml:2',
    good: compose(['pg-0', image, ...sound], ['pg-1', image, ...sound]),
  },
}

describeRules(composeRepmgrRules, examples)
