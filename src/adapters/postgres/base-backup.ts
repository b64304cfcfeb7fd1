// A copy of another server beside the present directory, which it replaces only when it is complete.

import { rm } from 'node:fs/promises'
import path from 'node:path'
import type { Upstream } from '../../core/server.ts'
import type { CopyProgress } from '../../ports/postgres.ts'
import { makeEmptyFolder, placeSignalFiles } from './data-directory.ts'
import { nodePathsOf, type PostgresOptions } from './options.ts'
import { renderConnection } from './settings.ts'
import { endLeftoverTools, runTool } from './tools.ts'

/** `  1234/ 30000 kB (4%), …` of pg_basebackup and pg_rewind. */
export function parseProgress(line: string): CopyProgress | null {
  const match = /(\d+)\/\s*(\d+) kB/.exec(line)
  if (match === null) return null
  return { doneBytes: Number(match[1]) * 1024, totalBytes: Number(match[2]) * 1024 }
}

/**
 * Copies `source` into the clone folder, checks that every file arrived, and makes it a standby. Whatever
 * an earlier attempt left there is thrown away.
 * @throws PostgresError
 */
export async function copyServer(
  options: PostgresOptions,
  source: Upstream,
  onProgress: (progress: CopyProgress) => void,
  signal: AbortSignal,
): Promise<void> {
  const paths = nodePathsOf(options.nodeDirectory)
  const { runAs, binaries } = options
  const target = `--pgdata=${paths.clone}`
  await endLeftoverTools(target)
  await makeEmptyFolder(paths.clone, runAs)
  // The name is no incarnation: a copy that is being made must count for no commit [cascade_name].
  const connection = renderConnection(options, source, `pgherd_clone ${options.node}`)
  await runTool({
    program: path.join(binaries.directory, 'pg_basebackup'),
    args: [
      `--dbname=${connection}`,
      target,
      '--format=plain',
      '--wal-method=stream',
      '--checkpoint=fast',
      '--progress',
      '--no-password',
    ],
    runAs,
    signal,
    onLine: (line) => {
      const progress = parseProgress(line)
      if (progress !== null) onProgress(progress)
    },
  })
  // pg_basebackup has checked the pages and synced the files. This compares names and sizes with the
  // source's list and reads the WAL; reading every byte again would double the time.
  await runTool({
    program: path.join(binaries.directory, 'pg_verifybackup'),
    args: ['--skip-checksums', '--quiet', paths.clone],
    runAs,
    signal,
  })
  await rm(path.join(paths.clone, 'backup_manifest'), { force: true })
  await placeSignalFiles(paths.clone, 'standby', runAs)
}
