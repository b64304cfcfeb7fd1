// The node's own record: `events.jsonl` (what happened and why, one event a line) and the log (pino,
// JSON lines, to a file or to standard output). Both synchronous; neither ever fails the caller.

import path from 'node:path'
import { pino } from 'pino'
import type { NodeName } from '../../core/names.ts'
import type { Journal } from '../../ports/journal.ts'
import { openRotatingFile } from './rotating-file.ts'

export type JournalOptions = {
  readonly node: NodeName
  /** Directory of the event file; made when missing. */
  readonly directory: string
  /** Where the log goes: a file (rotated), or standard output for systemd and Docker. */
  readonly log: { readonly file: string } | 'stdout'
  readonly level?: 'debug' | 'info' | 'warn' | 'error'
  readonly sizeMaxBytes?: number
  readonly keepCount?: number
}

export const eventFileName = 'events.jsonl'

const defaultSizeMaxBytes = 8 * 1024 * 1024
const defaultKeepCount = 3

/** Opens the journal of a node. */
export function createJournal(options: JournalOptions): Journal & { close(): void } {
  const limits = {
    sizeMaxBytes: options.sizeMaxBytes ?? defaultSizeMaxBytes,
    keepCount: options.keepCount ?? defaultKeepCount,
  }
  const events = openRotatingFile({
    file: path.join(options.directory, eventFileName),
    ...limits,
  })
  const destination =
    options.log === 'stdout'
      ? pino.destination({ dest: 1, sync: true })
      : openRotatingFile({ file: options.log.file, ...limits })
  const logger = pino(
    {
      level: options.level ?? 'info',
      base: { node: options.node },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    destination,
  )
  return {
    record: (event) => {
      events.write(`${JSON.stringify(event)}\n`)
    },
    log: (level, message, fields) => {
      try {
        logger[level](fields ?? {}, message)
      } catch {
        // A closed standard output loses the line, not the agent.
      }
    },
    close: () => {
      events.close()
      if ('close' in destination) destination.close()
    },
  }
}
