// Every error code of the program, for `pgherd help CODE` and docs/errors.md. A test holds it against
// the sources in both directions.

import { commandErrors } from './command-errors.ts'
import type { ErrorHelp } from './error-help.ts'
import { lintErrors } from './lint-errors.ts'
import { setUpErrors } from './set-up-errors.ts'

export const errorCatalogue: readonly ErrorHelp[] = [
  ...commandErrors,
  ...setUpErrors,
  ...lintErrors,
]
