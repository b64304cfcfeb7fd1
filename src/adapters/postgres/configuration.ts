// Puts the rendered configuration on disk, and says whether anything changed.

import { rm } from 'node:fs/promises'
import path from 'node:path'
import type { ServerConfig } from '../../core/server.ts'
import { ensureDirectory, readFileIfPresent, writeFileAtomic } from '../../host/files.ts'
import { PgherdError } from '../../lib/errors.ts'
import { assertReachable } from './database-user.ts'
import { renderHba } from './hba.ts'
import { nodePathsOf, type PostgresOptions } from './options.ts'
import {
  refusedParameters,
  renderDynamicSettings,
  renderPassfile,
  renderStaticSettings,
  stripManagedSettings,
} from './settings.ts'

/**
 * Refuses operator parameters that pgherd manages.
 * @throws PgherdError PGHERD_MANAGED_PARAMETER
 */
export function assertParameters(options: PostgresOptions): void {
  const refused = refusedParameters(options)
  if (refused.length === 0) return
  throw new PgherdError({
    code: 'PGHERD_MANAGED_PARAMETER',
    reason: 'configuration',
    message: `postgres.parameters names what pgherd manages itself: ${refused.join(', ')}`,
    hint: 'remove it from postgres.parameters; the rest of the spec decides it',
  })
}

/** Makes the folders of a node, open to the database user where it must write. */
export async function prepareFolders(options: PostgresOptions): Promise<void> {
  const paths = nodePathsOf(options.nodeDirectory)
  const { runAs } = options
  // The database user passes through; it need not list or write.
  await ensureDirectory(paths.nodeDirectory, runAs === null ? 0o700 : 0o711)
  await ensureDirectory(paths.configuration, 0o700, runAs)
  await ensureDirectory(paths.logs, 0o750)
  await ensureDirectory(options.socketDirectory, 0o700, runAs)
  await assertReachable(paths.nodeDirectory, runAs)
  await assertReachable(options.socketDirectory, runAs)
}

/**
 * Writes what differs. The gate and the list go to disk before a reload is asked for.
 * @returns true when a running server must reload
 */
export async function applyConfiguration(
  options: PostgresOptions,
  config: ServerConfig,
): Promise<boolean> {
  const paths = nodePathsOf(options.nodeDirectory)
  const owner = options.runAs
  const { replication } = options.secrets
  const { upstream } = config
  // First of all: a startup process that has not read the new setting yet may still start a receiver for
  // the old upstream, long after nobody expects it. Without its password it is not let in there.
  if (upstream === null) await rm(paths.receiverPassfile, { force: true })
  const files: readonly (readonly [file: string, text: string])[] = [
    ...(upstream === null
      ? []
      : [[paths.receiverPassfile, renderPassfile(replication, upstream)] as const]),
    [paths.passfile, renderPassfile(replication)],
    [
      paths.hba,
      renderHba({
        gate: config.gate,
        clusterHosts: options.clusterHosts,
        allowFrom: options.allowFrom,
      }),
    ],
    [paths.dynamic, renderDynamicSettings(options, config)],
    [paths.settings, renderStaticSettings(options)],
  ]
  const present = await Promise.all(files.map(([file]) => readFileIfPresent(file)))
  let hasChanged = false
  for (const [index, [file, text]] of files.entries()) {
    if (present[index] === text) continue
    // All of it is compared and written again before any start, so nobody has to wait for the disk here:
    // at a failover that is a tenth of a second.
    await writeFileAtomic(file, text, { mode: 0o600, owner, isSynced: false })
    hasChanged = true
  }
  return hasChanged
}

/**
 * Takes what pgherd manages out of postgresql.auto.conf, where ALTER SYSTEM has put it.
 * @returns the names that were taken out
 */
export async function cleanAutoConf(options: PostgresOptions): Promise<readonly string[]> {
  const file = path.join(nodePathsOf(options.nodeDirectory).data, 'postgresql.auto.conf')
  const present = await readFileIfPresent(file)
  if (present === null) return []
  const { text, removed } = stripManagedSettings(present, options)
  if (removed.length > 0) await writeFileAtomic(file, text, { mode: 0o600, owner: options.runAs })
  return removed
}
