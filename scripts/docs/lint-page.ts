// docs/lint.md: what `pgherd lint` finds, from its rules.

import { severities } from '../../src/lint/rule.ts'
import { rules } from '../../src/lint/rules.ts'
import { code, generatedFrom, page, type Page, table } from './page.ts'

const chapters: readonly (readonly [string, string])[] = [
  ['L0', 'Reading'],
  ['L1', 'HAProxy'],
  ['L2', 'Keepalived'],
  ['L3', 'Compose files'],
  ['L4', '.env files and passwords'],
  ['L5', 'Scripts, backups and archiving'],
  ['L6', 'Across files'],
]

export function lintPage(): Page {
  const counts = severities.map(
    (severity) => `${rules.filter((rule) => rule.severity === severity).length} ${severity}`,
  )
  return page(
    'docs/lint.md',
    generatedFrom('src/lint/rules'),
    '# Lint',
    '`pgherd lint PATH…` reads haproxy.cfg, keepalived.conf, docker-compose.yml, .env, postgresql.conf and ' +
      'shell scripts of a PostgreSQL cluster, whoever made it, and names their faults: file, line, why it ' +
      'hurts and what to write. Give it all files of a deployment at once, so that it can compare them. ' +
      'Files of one balancer lie in one folder (`lb1/`, `lb2/`).',
    'An error means lost data, no failover, or a door left open; a warning means an outage in waiting; ' +
      'info is good to know. The command fails with exit code 3 when there is an error, with `--strict` ' +
      'also when there is a warning. `--rule` and `--ignore` take ids, separated by commas. ' +
      `There are ${rules.length} rules: ${counts.join(', ')}.`,
    ...chapters.flatMap(([prefix, title]) => [
      `## ${title}`,
      table(
        ['Rule', 'Severity', 'What', 'Why', 'Fix'],
        rules
          .filter((rule) => rule.id.startsWith(prefix))
          .map((rule) => [code(rule.id), rule.severity, rule.title, rule.why, rule.fix]),
      ),
    ]),
    '## What it does not see',
    'Files that are included or extended and were not given, variables of the shell, and ' +
      'whatever a running program was told later. A value that a template or an unknown variable would ' +
      'fill in is never judged.',
  )
}
