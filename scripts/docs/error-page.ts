// docs/errors.md: the table of exit codes and the catalogue of error codes.

import { errorCatalogue } from '../../src/cli/error-catalogue.ts'
import { type ExitReason, exitCodes, exitMeanings } from '../../src/lib/errors.ts'
import { code, generatedFrom, page, type Page, table } from './page.ts'

export function errorPage(): Page {
  const reasons = Object.keys(exitCodes) as ExitReason[]
  const codes = errorCatalogue.toSorted((left, right) => left.code.localeCompare(right.code))
  return page(
    'docs/errors.md',
    generatedFrom('src/lib/errors.ts and src/cli/error-catalogue.ts'),
    '# Errors',
    'An error says in three lines what happened, the probable cause, and the next step. At its end ' +
      'stands a code that does not change between versions; `pgherd help CODE` shows the same as this ' +
      'page. `--verbose` adds the raw error, `--json` makes it a document.',
    '## Exit codes',
    'One table for every command.',
    table(
      ['Code', 'Meaning'],
      reasons.map((reason) => [String(exitCodes[reason]), exitMeanings[reason]]),
    ),
    '## Error codes',
    ...codes.flatMap((help) => [
      `### ${help.code}`,
      `${help.meaning} Exit code ${exitCodes[help.reason]}.`,
      help.remedies.map((remedy) => `- ${remedy}`).join('\n'),
    ]),
    '## Verdicts of `pgherd status`',
    table(
      ['Verdict', 'Exit code', 'Meaning'],
      [
        [code('healthy'), String(exitCodes.done), 'as the spec says'],
        [code('degraded'), String(exitCodes.degraded), exitMeanings.degraded],
        [code('no-primary'), String(exitCodes.noPrimary), exitMeanings.noPrimary],
        [code('unreachable'), String(exitCodes.unreachable), exitMeanings.unreachable],
      ],
    ),
  )
}
