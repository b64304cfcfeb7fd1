// A server that died before its first checkpoint on a new timeline. pg_rewind (before 16) reads the
// target's timeline from the last checkpoint, looks for the fork on the wrong one, and fails.

import path from 'node:path'
import { readControlData } from './controldata.ts'
import { placeSignalFiles } from './data-directory.ts'
import { nodePathsOf, type PostgresOptions } from './options.ts'
import { keptWithoutUpstream, renderArguments } from './settings.ts'
import { runTool } from './tools.ts'

/** From this major version on pg_rewind takes the younger of both timelines by itself. */
const mendedInMajor = 16
const recoverMsMax = 3_600_000

/**
 * Gives a stopped directory that is about to be rewound a checkpoint on the timeline it really ran, in
 * single-user mode, as pg_rewind itself does for a crashed one: nobody can connect, and the record that is
 * written lies behind the fork and is cut off with the rest. Does nothing where it is not needed.
 * @throws PostgresError
 */
export async function checkpointYoungTimeline(
  options: PostgresOptions,
  signal: AbortSignal,
): Promise<void> {
  const { binaries, runAs } = options
  if (binaries.version.major >= mendedInMajor) return
  const { data } = nodePathsOf(options.nodeDirectory)
  const control = await readControlData(binaries.directory, data, runAs)
  if (control.timeline >= control.minRecoveryTimeline) return
  // As a standby it would wait for more WAL instead of ending its own.
  await placeSignalFiles(data, 'primary', runAs)
  await runTool({
    program: path.join(binaries.directory, 'postgres'),
    args: [
      '--single',
      ...renderArguments(options, control.minimums),
      // The checkpoint must not remove what pg_rewind reads: back to the checkpoint before the fork.
      ...['-c', `wal_keep_size=${keptWithoutUpstream}`],
      'postgres',
    ],
    runAs,
    signal: AbortSignal.any([signal, AbortSignal.timeout(recoverMsMax)]),
  })
  await placeSignalFiles(data, 'standby', runAs)
}
