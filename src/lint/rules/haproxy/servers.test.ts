import { type RuleExamples, describeRules } from '../../../../test/support/lint-examples.ts'
import { proxy, servers } from '../../../../test/support/lint-haproxy.ts'
import { haproxyServerRules } from './servers.ts'

const examples: RuleExamples = {
  L108: {
    bad: proxy('server pg-0 10.0.0.1:5432 check', 'server pg-0 10.0.0.2:5432 check'),
    at: 'haproxy.cfg:8',
    good: proxy(...servers),
  },
  L109: {
    bad: proxy('server pg-0 10.0.0.1:5432 check', 'server pg-1 10.0.0.1:5432 check'),
    at: 'haproxy.cfg:8',
    good: proxy('server pg-0 10.0.0.1:5432 check', 'server spare 10.0.0.1:5432 check backup'),
  },
  L112: {
    bad: proxy(...servers, 'server pgw-0 10.0.0.3:5432 check'),
    at: 'haproxy.cfg:9',
    good: proxy(...servers),
  },
  L114: {
    bad: proxy('mode http', ...servers),
    at: 'haproxy.cfg:7',
    good: proxy('mode tcp', ...servers),
  },
  L115: {
    bad: { 'haproxy.cfg': 'frontend postgres\n  bind *:5432\n  default_backend nowhere\n' },
    at: 'haproxy.cfg:3',
    good: { 'haproxy.cfg': 'frontend a\n  default_backend b\nbackend b\n  mode tcp\n' },
  },
}

describeRules(haproxyServerRules, examples)
