// pgherd lint: reads the files of a cluster, also of one that others made, and names their faults.

import { closest } from '../../config/closest.ts'
import { PgherdError } from '../../lib/errors.ts'
import { readDeployment } from '../../lint/deployment.ts'
import { countsOf, lint } from '../../lint/lint.ts'
import type { Rule } from '../../lint/rule.ts'
import { rules } from '../../lint/rules.ts'
import type { Command, CommandInput } from '../command.ts'
import { printJson } from '../context.ts'
import { readLintFiles } from '../lint-files.ts'
import { isFailure, renderFindings, renderVerdict } from '../render-lint.ts'
import { runSteps } from '../run-steps.ts'

export const lintCommand: Command = {
  name: 'lint',
  group: 'Look',
  summary: 'find faults in balancer, VIP and compose files',
  description: [
    'Reads the files of a PostgreSQL cluster, also of one that pgherd did not make, and tells with line ' +
      'and severity what will hurt, why, and what to write instead. Files contradict each other, too: ' +
      'ports, limits, names and addresses are compared, so give all of them at once. A folder is searched ' +
      '4 levels deep for haproxy.cfg, keepalived.conf, docker-compose.yml, .env, postgresql.conf and shell ' +
      'scripts, under their usual names or with their usual content.',
    'Nothing is changed and nothing is asked of a running cluster. Passwords are never printed. It fails ' +
      'when there is an error; warnings and infos alone do not fail. All rules: docs/lint.md.',
  ],
  arguments: [
    {
      name: 'path',
      description: 'files and folders',
      isRequired: true,
      isVariadic: true,
      completes: 'file',
    },
  ],
  options: [
    { flags: '--rule <ids>', description: 'only these rules, as L101,L601' },
    { flags: '--ignore <ids>', description: 'without these rules' },
    { flags: '--strict', description: 'fail when there is a warning, too' },
  ],
  examples: [
    { line: 'pgherd lint .', note: 'everything below this folder' },
    { line: 'pgherd lint lb1/haproxy.cfg lb2/haproxy.cfg', note: 'two balancers, compared' },
    { line: 'pgherd lint deploy --strict --ignore L308,L309 --json', note: 'in a pipeline' },
  ],
  exits: ['configuration'],
  run: async (context, input) => {
    const { terminal, signal } = context
    const chosen = chosenRules(input)
    const { files, unreadable } = await readLintFiles(input.rest('path'), signal)
    const readNames = files.map((file) => file.path)
    const names = [...new Set([...readNames, ...unreadable.map(({ place }) => place.file)])]
    const deployment = await runSteps(readDeployment(files, unreadable), signal)
    const findings = await runSteps(lint(deployment, chosen), signal)
    const counts = countsOf(findings)
    const ending = isFailure(counts, input.isSet('strict')) ? 'configuration' : 'done'
    if (context.isJson) {
      printJson(context, { version: 1, files: names, findings, counts })
      return ending
    }
    terminal.print(...renderFindings(findings, terminal.width, terminal.style))
    terminal.print(renderVerdict(counts, names.length, chosen.length))
    return ending
  },
}

/** @throws PgherdError PGHERD_LINT_RULE_UNKNOWN, PGHERD_LINT_NO_RULE_LEFT */
function chosenRules(input: CommandInput): readonly Rule[] {
  const only = idsOf(input.text('rule'))
  const ignored = idsOf(input.text('ignore'))
  const isNamed = (id: string) => only.length === 0 || only.includes(id)
  const chosen = rules.filter(({ id }) => isNamed(id) && !ignored.includes(id))
  if (chosen.length > 0) return chosen
  throw new PgherdError({
    code: 'PGHERD_LINT_NO_RULE_LEFT',
    reason: 'usage',
    message: 'no rule is left to look for',
    because:
      only.length === 0
        ? '--ignore names all rules'
        : '--ignore names every rule that --rule names',
    hint: `leave out --ignore, or take from it what is looked for: ${[...new Set(ignored)].slice(0, 3).join(', ')}`,
  })
}

function idsOf(text: string | null): readonly string[] {
  const ids = (text ?? '').split(/[,\s]+/).filter((id) => id !== '')
  const known = rules.map(({ id }) => id as string)
  return ids.map((id) => {
    const upper = id.toUpperCase()
    if (known.includes(upper)) return upper
    const meant = closest(upper, known)
    throw new PgherdError({
      code: 'PGHERD_LINT_RULE_UNKNOWN',
      reason: 'usage',
      message: `there is no rule "${id}"`,
      ...(meant === null ? {} : { because: `did you mean "${meant}"?` }),
      hint: 'ids stand before each finding, all of them in docs/lint.md',
    })
  })
}
