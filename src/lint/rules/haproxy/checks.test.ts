import { type RuleExamples, describeRules } from '../../../../test/support/lint-examples.ts'
import { proxy, servers } from '../../../../test/support/lint-haproxy.ts'
import { haproxyCheckRules } from './checks.ts'

const examples: RuleExamples = {
  L102: {
    bad: proxy('server pg-0 10.0.0.1:5432', 'server pg-1 10.0.0.2:5432 check'),
    at: 'haproxy.cfg:7',
    good: proxy(...servers),
  },
  L107: {
    bad: proxy('server pg-0 10.0.0.1:5432 check inter 10s'),
    at: 'haproxy.cfg:7',
    good: proxy('server pg-0 10.0.0.1:5432 check inter 1s fall 3'),
  },
  L117: {
    bad: proxy('option httpchk GET /primary', 'server pg-0 10.0.0.1:5432 check'),
    at: 'haproxy.cfg:8',
    good: proxy('option httpchk GET /primary', 'server pg-0 10.0.0.1:5432 check port 8008'),
  },
}

describeRules(haproxyCheckRules, examples)
