// The journal port: events and log lines become lines of the transcript.

import type { JournalEvent } from '../src/core/journal-event.ts'
import type { Journal } from '../src/ports/journal.ts'

export type JournalSink = (line: {
  readonly ruleId: string | null
  readonly message: string
  readonly event: JournalEvent | null
}) => void

export class SimJournal implements Journal {
  readonly #sink: JournalSink
  readonly #isVerbose: boolean

  constructor(sink: JournalSink, options: { readonly isVerbose: boolean }) {
    this.#sink = sink
    this.#isVerbose = options.isVerbose
  }

  record(event: JournalEvent): void {
    this.#sink({ ruleId: event.ruleId, message: `[${event.kind}] ${event.message}`, event })
  }

  log(level: 'debug' | 'info' | 'warn' | 'error', message: string): void {
    if (!this.#isVerbose && level === 'debug') return
    this.#sink({ ruleId: null, message: `${level}: ${message}`, event: null })
  }
}
