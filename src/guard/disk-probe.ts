// Writes and syncs a small file on the volume of the data directory, again and again, and says how long
// that takes. The work is done by Node's thread pool: a hung disk leaves the guard's own loop alone.

import { open, stat } from 'node:fs/promises'
import path from 'node:path'

export type DiskProbe = {
  /** Begins a round unless one is still running. */
  run(): void
  /** Duration of the last round, or of the running one when that is longer already; 0 before the first. */
  durationMs(): number
  /** Forgets what was measured: no server runs any more. */
  reset(): void
}

/** @param dataDirectory PGDATA */
export function createDiskProbe(dataDirectory: string, monotonicMs: () => number): DiskProbe {
  // Since when no round has succeeded, counted from the start of the first that has not.
  let unprovenSinceMs: number | null = null
  let isRunning = false
  let lastMs = 0

  async function round(): Promise<void> {
    const handle = await open(await probeFileOf(dataDirectory), 'w', 0o600)
    try {
      await handle.write('pgherd')
      await handle.sync()
    } finally {
      await handle.close()
    }
  }

  return {
    run: () => {
      if (isRunning) return
      isRunning = true
      const startedAtMs = monotonicMs()
      unprovenSinceMs ??= startedAtMs
      round()
        .then(() => {
          lastMs = monotonicMs() - startedAtMs
          unprovenSinceMs = null
        })
        .catch(() => {
          // A full or read-only volume is as bad as a hanging one: the time goes on.
        })
        .finally(() => {
          isRunning = false
        })
    },
    durationMs: () =>
      unprovenSinceMs === null ? lastMs : Math.max(lastMs, monotonicMs() - unprovenSinceMs),
    reset: () => {
      unprovenSinceMs = null
      lastMs = 0
    },
  }
}

/**
 * Beside PGDATA when that is the same volume. Inside it otherwise, under a name that base backups,
 * pg_rewind and the server itself pass over.
 */
async function probeFileOf(dataDirectory: string): Promise<string> {
  const parent = path.dirname(dataDirectory)
  const [inside, outside] = await Promise.all([stat(dataDirectory), stat(parent)])
  return inside.dev === outside.dev
    ? path.join(parent, '.disk-probe')
    : path.join(dataDirectory, 'pgsql_tmp_pgherd_probe')
}
