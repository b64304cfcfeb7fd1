// Reads what the server adds to its log and picks out the few lines that tell what no view tells: a
// standby whose WAL is gone on the primary, a client that cancelled its wait for standbys.

import { open } from 'node:fs/promises'
import { isMissing } from '../../host/files.ts'

export type LogFinding = 'wal-removed' | 'sync-wait-cancelled'

const patterns: readonly (readonly [RegExp, LogFinding])[] = [
  [/requested WAL segment [0-9A-F]+ has already been removed/, 'wal-removed'],
  [
    /can no longer get changes from replication slot|cannot read from logical|has been invalidated/,
    'wal-removed',
  ],
  // PostgreSQL says this to the session and writes it to the log as a warning.
  [/cancell?ing (?:the )?wait for synchronous replication/, 'sync-wait-cancelled'],
]

// The application_name in our log_line_prefix: our own probe may be cancelled by a shutdown.
const ownLine = /@\S+ pgherd /

/** What a line of the log tells; null for most. */
export function classifyLogLine(line: string): LogFinding | null {
  for (const [pattern, finding] of patterns) {
    if (!pattern.test(line)) continue
    return finding === 'sync-wait-cancelled' && ownLine.test(line) ? null : finding
  }
  return null
}

// A server that floods its log must not fill our memory; the middle part is then passed over.
const readMaxBytes = 256 * 1024

export class LogWatch {
  readonly #file: string
  #offset: number | null = null
  #rest = ''

  constructor(file: string) {
    this.#file = file
  }

  /** What has come since the last call. The first call starts at the present end. */
  async read(): Promise<readonly { readonly finding: LogFinding; readonly line: string }[]> {
    const text = await this.#readNew()
    const lines = (this.#rest + text).split('\n')
    this.#rest = lines.pop() ?? ''
    return lines.flatMap((line) => {
      const finding = classifyLogLine(line)
      return finding === null ? [] : [{ finding, line }]
    })
  }

  async #readNew(): Promise<string> {
    let handle
    try {
      handle = await open(this.#file, 'r')
    } catch (error) {
      if (!isMissing(error)) throw error
      this.#offset = 0
      return ''
    }
    try {
      const { size } = await handle.stat()
      this.#offset ??= size
      // The guard cuts a log that has become too large.
      if (size < this.#offset) this.#offset = 0
      const start = Math.max(this.#offset, size - readMaxBytes)
      if (start === size) return ''
      const buffer = Buffer.alloc(size - start)
      const { bytesRead } = await handle.read(buffer, 0, buffer.length, start)
      this.#offset = start + bytesRead
      return buffer.toString('utf8', 0, bytesRead)
    } finally {
      await handle.close()
    }
  }
}

/** The last FATAL, PANIC or ERROR lines after `offset`: why a start failed. */
export async function readLogErrors(file: string, offset: number): Promise<string | null> {
  let handle
  try {
    handle = await open(file, 'r')
  } catch (error) {
    if (isMissing(error)) return null
    throw error
  }
  try {
    const { size } = await handle.stat()
    const start = Math.max(offset > size ? 0 : offset, size - readMaxBytes)
    const buffer = Buffer.alloc(size - start)
    await handle.read(buffer, 0, buffer.length, start)
    const lines = buffer.toString('utf8').split('\n')
    const errors = lines.filter((line) => /\b(?:FATAL|PANIC|ERROR|HINT):|^\S*postgres: /.test(line))
    const words = errors.map((line) => line.replace(/^.*?\b(FATAL|PANIC|ERROR|HINT): +/, '$1: '))
    return words.length === 0 ? null : [...new Set(words)].slice(-3).join(' | ')
  } finally {
    await handle.close()
  }
}
