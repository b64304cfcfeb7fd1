// What is said about an error code beyond the error itself.

import type { ExitReason } from '../lib/errors.ts'

export type ErrorHelp = {
  readonly code: `PGHERD_${string}`
  readonly reason: ExitReason
  /** What it means, in a sentence or two. */
  readonly meaning: string
  /** What to do, most likely first. */
  readonly remedies: readonly string[]
}
