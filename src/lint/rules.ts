// Every rule, in the order of its id.

import type { Rule } from './rule.ts'
import { acrossRules } from './rules/across.ts'
import { composeRules } from './rules/compose.ts'
import { envRules } from './rules/env.ts'
import { haproxyRules } from './rules/haproxy.ts'
import { keepalivedRules } from './rules/keepalived.ts'
import { readingRules } from './rules/reading.ts'
import { scriptRules } from './rules/script.ts'

export const rules: readonly Rule[] = [
  ...readingRules,
  ...haproxyRules,
  ...keepalivedRules,
  ...composeRules,
  ...envRules,
  ...scriptRules,
  ...acrossRules,
]
