// The server's standard error as a file. PostgreSQL writes to it directly (no pipe that could fill or
// break with the guard), in append mode, so that it may be cut while it is written to.

import { closeSync, copyFile, openSync, stat, truncate } from 'node:fs'

/** Opens the log for the server that is about to start; the descriptor is closed after the spawn. */
export function withServerLog<Result>(file: string, use: (descriptor: number) => Result): Result {
  const descriptor = openSync(file, 'a', 0o640)
  try {
    return use(descriptor)
  } finally {
    closeSync(descriptor)
  }
}

/**
 * Moves the content to `<file>.1` when it is larger than `sizeMaxBytes`. Lines written between the copy
 * and the cut are lost, as with logrotate's copytruncate. Never blocks, never fails.
 */
export function trimServerLog(file: string, sizeMaxBytes: number): void {
  stat(file, (statError, stats) => {
    if (statError !== null || stats.size <= sizeMaxBytes) return
    copyFile(file, `${file}.1`, (copyError) => {
      if (copyError === null) truncate(file, 0, () => undefined)
    })
  })
}
