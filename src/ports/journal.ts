// The local record of events. Replicating them to the store is the agent's business.

import type { JournalEvent } from '../core/journal-event.ts'

export interface Journal {
  /** Appends one event to the node's own file. Never fails; a full disk loses the line. */
  record(event: JournalEvent): void
  /** For the log of the node: a line for people with fields for machines. No secrets. */
  log(
    level: 'debug' | 'info' | 'warn' | 'error',
    message: string,
    fields?: Readonly<Record<string, unknown>>,
  ): void
}
