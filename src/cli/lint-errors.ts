// Help for errors of `pgherd lint`.

import type { ErrorHelp } from './error-help.ts'

export const lintErrors: readonly ErrorHelp[] = [
  {
    code: 'PGHERD_LINT_PATH_UNKNOWN',
    reason: 'usage',
    meaning: 'A file or folder that was named does not exist, or may not be looked at.',
    remedies: ['Check the path, and the permissions of the folders above it.'],
  },
  {
    code: 'PGHERD_LINT_KIND_UNKNOWN',
    reason: 'usage',
    meaning: 'A file that was named is of no kind that lint knows, neither by name nor by content.',
    remedies: [
      'Give it its usual name: haproxy.cfg, keepalived.conf, docker-compose.yml, .env, postgresql.conf, NAME.sh.',
      'Leave it out.',
    ],
  },
  {
    code: 'PGHERD_LINT_NOTHING_FOUND',
    reason: 'usage',
    meaning: 'No file in the named folders is of a kind that lint knows.',
    remedies: [
      'Name the files themselves; folders are searched 4 levels deep, without data directories.',
    ],
  },
  {
    code: 'PGHERD_LINT_RULE_UNKNOWN',
    reason: 'usage',
    meaning: 'There is no rule of that id.',
    remedies: ['See all rules in docs/lint.md; several ids are separated by commas.'],
  },
  {
    code: 'PGHERD_LINT_NO_RULE_LEFT',
    reason: 'usage',
    meaning: 'Every rule that --rule names is taken away again by --ignore.',
    remedies: ['Leave one of the two options out, or give them different ids.'],
  },
]
