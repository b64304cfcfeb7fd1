// The data directory on disk, without a server: what lies there, moving a new one into its place so that
// a crash between two steps is made good, and the signal files that decide how a server comes up.

import { chown, mkdir, rename, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import type { DataDirectory } from '../../core/server.ts'
import { messageOf } from '../../lib/errors.ts'
import { DirectoryChangedError, PostgresError } from '../../ports/postgres.ts'
import { exists, syncDirectory, writeFileAtomic } from '../../host/files.ts'
import { placeOf } from '../../host/file-place.ts'
import { dataMark, isOwnData, readIdentity, recordDataPlaces } from '../../host/node-identity.ts'
import { isCleanShutdown, readControlData, type ControlData } from './controldata.ts'
import type { DatabaseUser } from './database-user.ts'
import type { NodePaths } from './options.ts'

/** Written into a clone when it is complete; taken out after it is in its place. */
const completeMark = 'pgherd.complete'

export type DirectoryTools = {
  readonly paths: NodePaths
  readonly binDirectory: string
  readonly runAs: DatabaseUser | null
}

/** What lies in the node directory; finishes a replacement that was interrupted. */
export async function inspectDirectory(tools: DirectoryTools): Promise<DataDirectory> {
  const { paths } = tools
  await finishReplacement(paths)
  if (!(await exists(paths.data))) {
    if (!(await exists(paths.staged))) return { kind: 'absent' }
    const { systemId } = await readControl(tools, paths.staged)
    return { kind: 'staged', systemId }
  }
  if (await exists(paths.rewindMark)) {
    return { kind: 'broken', why: 'pg_rewind did not finish' }
  }
  if (!(await isOwnDirectory(paths))) {
    return { kind: 'broken', why: 'it is a copy that somebody put in the place of the own one' }
  }
  try {
    const control = await readControl(tools, paths.data)
    return {
      kind: 'present',
      systemId: control.systemId,
      isStandby: await exists(path.join(paths.data, 'standby.signal')),
      isClean: isCleanShutdown(control),
      timeline: Math.max(control.timeline, control.minRecoveryTimeline) as ControlData['timeline'],
    }
  } catch (error) {
    return { kind: 'broken', why: messageOf(error) }
  }
}

/** False: what this node made or cloned was exchanged while no server ran in it. */
async function isOwnDirectory(paths: NodePaths): Promise<boolean> {
  const identity = await readIdentity(paths.nodeDirectory)
  const place = await placeOf(dataMark(paths.data))
  return identity === null || place === null || isOwnData(identity, place)
}

function readControl(tools: DirectoryTools, directory: string): Promise<ControlData> {
  return readControlData(tools.binDirectory, directory, tools.runAs)
}

/** Makes an empty folder for the database user, in place of whatever was there. */
export async function makeEmptyFolder(
  directory: string,
  owner: DatabaseUser | null,
): Promise<void> {
  await rm(directory, { recursive: true, force: true })
  await mkdir(directory, { mode: 0o700 })
  if (owner !== null) await chown(directory, owner.uid, owner.gid)
}

/** Moves the staged directory to its place. Nothing happens when it is there already. */
export async function adoptStagedDirectory(paths: NodePaths): Promise<void> {
  if (!(await exists(paths.staged))) return
  await recordDataPlaces(paths.nodeDirectory, paths.data, paths.staged)
  await rename(paths.staged, paths.data)
  await syncDirectory(paths.nodeDirectory)
}

/**
 * Puts a complete clone in the place of the data directory, which is kept aside (I8).
 * @param signal aborted before the first step: nothing is replaced, now or by whoever looks next
 * @throws PostgresError `timeout` when aborted; DirectoryChangedError when it failed on the way
 */
export async function replaceByClone(paths: NodePaths, signal: AbortSignal): Promise<void> {
  const aborted = 'the copy was aborted before it took the place of the data directory'
  if (signal.aborted) throw new PostgresError('timeout', aborted)
  const mark = path.join(paths.clone, completeMark)
  try {
    await writeFile(mark, '')
    await syncDirectory(paths.clone)
    if (!isAborted(signal)) {
      await finishReplacement(paths)
      return
    }
    await rm(mark)
    await syncDirectory(paths.clone)
  } catch (error) {
    const why = `replacing the data directory by its copy failed: ${messageOf(error)}`
    throw new DirectoryChangedError(why, { cause: error })
  }
  throw new PostgresError('timeout', aborted)
}

/** Asked again after a wait: the compiler would believe the first answer for ever. */
function isAborted(signal: AbortSignal): boolean {
  return signal.aborted
}

/**
 * The steps of a replacement, from wherever it stands: old directory aside, clone in its place, mark
 * away. When something is kept aside already, the present directory is a clone that never streamed, and
 * what is kept is the one that counts.
 */
async function finishReplacement(paths: NodePaths): Promise<void> {
  if (await exists(path.join(paths.clone, completeMark))) {
    await recordDataPlaces(paths.nodeDirectory, paths.data, paths.clone)
    if (await exists(paths.data)) {
      if (await exists(paths.replaced)) await rm(paths.data, { recursive: true, force: true })
      else await rename(paths.data, paths.replaced)
      await syncDirectory(paths.nodeDirectory)
    }
    await rename(paths.clone, paths.data)
    await syncDirectory(paths.nodeDirectory)
  }
  if (await exists(path.join(paths.data, completeMark))) {
    await rm(paths.rewindMark, { force: true })
    await rm(path.join(paths.data, completeMark), { force: true })
    await syncDirectory(paths.data)
  }
}

/** Makes the server come up as `as` the next time. */
export async function placeSignalFiles(
  dataDirectory: string,
  as: 'primary' | 'standby',
  owner: DatabaseUser | null,
): Promise<void> {
  const standbySignal = path.join(dataDirectory, 'standby.signal')
  await rm(path.join(dataDirectory, 'recovery.signal'), { force: true })
  await rm(path.join(dataDirectory, 'promote'), { force: true })
  if (as === 'standby') {
    if (!(await exists(standbySignal))) {
      await writeFileAtomic(standbySignal, '', { mode: 0o600, owner })
    }
    return
  }
  await rm(standbySignal, { force: true })
  await syncDirectory(dataDirectory)
}
