// Rewind and clone: long work over the network by child processes of the agent, which end with it.

import { PostgresError, type CopyProgress } from '../../src/ports/postgres.ts'
import type { PostgresOptions } from './postgres.ts'
import type { SimServer } from './server.ts'
import { forkLsnOf } from './wal.ts'

type OnProgress = (progress: CopyProgress) => void

const stepCount = 5
const totalBytes = 50_000_000

/** pg_basebackup beside the directory, which is replaced when the copy is complete. */
export async function copyDirectory(
  options: PostgresOptions,
  source: SimServer,
  onProgress: OnProgress,
  signal: AbortSignal,
): Promise<void> {
  const { directory, random, world } = options
  attach(options, source, 'clone')
  const durationMs = random.duration(world.physics.clone.typicalMs, world.physics.clone.worstMs)
  await transfer(options, source, durationMs, onProgress, signal)
  directory.replaceBy(source.directory)
  directory.mustPass = source.directory.wal.flushedTip
  world.replaced(options.node)
}

/** pg_rewind: back to where both branches part, as their timeline numbers say. */
export async function rewindDirectory(
  options: PostgresOptions,
  source: SimServer,
  onProgress: OnProgress,
  signal: AbortSignal,
): Promise<void> {
  const { directory, random, world, node } = options
  if (directory.systemId !== source.directory.systemId) {
    throw new PostgresError('failed', 'another database system')
  }
  attach(options, source, 'rewind')
  const durationMs = random.duration(world.physics.rewind.typicalMs, world.physics.rewind.worstMs)
  await transfer(options, source, durationMs * 0.4, onProgress, signal)
  const forkLsn = forkLsnOf(directory.wal.tip, source.directory.wal.flushedTip)
  if (forkLsn === undefined) throw new PostgresError('failed', 'no common ancestor')
  // From here on an interruption leaves a directory that is neither the old nor the new one.
  const before = directory.wal.tip
  directory.state = 'broken'
  directory.brokenBecause = 'a rewind was interrupted'
  await transfer(options, source, durationMs * 0.6, onProgress, signal)
  const keptCount = directory.wal.countUpTo(forkLsn)
  const isCut = keptCount < directory.wal.count
  if (isCut && !directory.divergedKept.has(before)) {
    world.emit({ kind: 'data-destroyed', node, how: 'rewind' })
  }
  if (keptCount > directory.wal.commonCount(source.directory.wal)) {
    const { timeline } = directory.wal.tip
    world.emit({ kind: 'branches-mixed', node, upstream: source.node, timeline })
  }
  directory.wal.cutTo(Math.min(keptCount, directory.wal.commonCount(source.directory.wal)))
  directory.state = 'present'
  directory.isStandby = true
  directory.isClean = true
  directory.slots.clear()
  for (const id of source.directory.historyFiles) directory.historyFiles.add(id)
  directory.mustPass = source.directory.wal.flushedTip
  world.replaced(node)
}

function attach(options: PostgresOptions, source: SimServer, how: 'rewind' | 'clone'): void {
  const { world, node } = options
  world.emit({
    kind: 'attached',
    how,
    node,
    promise: world.promiseOf(node),
    upstream: source.node,
    upstreamEpoch: source.role === 'primary' ? source.epoch : null,
    birthEpoch: world.birthEpochOf(source.directory.wal.tip.timeline),
  })
}

/** Time over an open connection; ends with an error when the source or the way to it is gone. */
async function transfer(
  options: PostgresOptions,
  source: SimServer,
  durationMs: number,
  onProgress: OnProgress,
  signal: AbortSignal,
): Promise<void> {
  const { agent, world, node } = options
  for (let step = 1; step <= stepCount; step++) {
    await agent.sleep(durationMs / stepCount, signal)
    if (signal.aborted) throw new PostgresError('failed', 'it was told to stop')
    const isReached = world.network.isOpenBothWays('replication', world.placeOf(node), source.place)
    if (!isReached || !source.isUp || !source.process.isRunning) {
      throw new PostgresError('failed', `the connection to ${source.node} broke`)
    }
    onProgress({ doneBytes: (totalBytes * step) / stepCount, totalBytes })
  }
}
