// The folders and small files of a cluster, with their modes and their owner, and whether the disk can
// hold it at all. Everything may be there already.

import { createHash } from 'node:crypto'
import { chown, copyFile, lstat, readFile, readdir, rename, statfs } from 'node:fs/promises'
import path from 'node:path'
import {
  ensureAddedSecrets,
  ensurePassFile,
  ensureSecrets,
  readSecrets,
} from '../../config/secrets.ts'
import { ensureDirectory, exists, makeFolders } from '../../host/files.ts'
import { messageOf, PgherdError } from '../../lib/errors.ts'
import type { ClusterLayout } from '../../core/cluster-layout.ts'
import type { ClusterPaths } from './paths.ts'
import type { LocalSettings } from './settings.ts'

const mebibyte = 1024 * 1024
/**
 * Room for a start. Fresh ones were measured at 78 MB (data directory) and 62 MB (etcd); each is about
 * doubled by its next segments of WAL.
 */
const dataNodeMb = 150
const voterMb = 130

/**
 * Makes the folders of a cluster.
 * @throws PgherdError PGHERD_HOME_UNWRITABLE, PGHERD_DISK_FULL
 */
export async function ensureFolders(
  settings: LocalSettings,
  paths: ClusterPaths,
  nodes: readonly string[],
): Promise<void> {
  const { owner, site } = settings
  // In a lab the folders belong to root, and the database user has to get through to what is its own.
  const closed = site.lab === null ? 0o700 : 0o755
  try {
    await makeFolders(settings.home, 0o755)
    await ensureDirectory(paths.directory, 0o755, owner)
    await ensureDirectory(paths.state, 0o755, owner)
    await ensureDirectory(paths.logs, 0o750, owner)
    await ensureDirectory(path.dirname(paths.nodeDirectory('any')), 0o755, owner)
    await ensureRunFolder(settings, paths)
    for (const node of nodes) {
      await ensureDirectory(paths.nodeDirectory(node), closed, owner)
      await ensureDirectory(paths.nodeLogs(node), 0o750, owner)
      await ensureDirectory(paths.socketDirectory(node), closed, owner)
    }
  } catch (error) {
    throw explainDiskError(error, paths.directory)
  }
}

/** In /tmp anybody could have made the folder before us. */
async function ensureRunFolder(settings: LocalSettings, paths: ClusterPaths): Promise<void> {
  const uid = settings.owner?.uid ?? process.getuid?.() ?? 0
  const present = await lstat(paths.run).catch(() => null)
  if (present !== null && (!present.isDirectory() || ![uid, 0].includes(present.uid))) {
    throw new PgherdError({
      code: 'PGHERD_RUN_FOLDER_FOREIGN',
      reason: 'system',
      message: `${paths.run}, where the sockets should be, belongs to somebody else`,
      hint: 'remove it, or set PGHERD_HOME to a shorter path so that it is not needed',
    })
  }
  await ensureDirectory(paths.run, 0o755, settings.owner)
}

/**
 * Refuses to begin what the disk cannot hold.
 * @throws PgherdError PGHERD_DISK_FULL
 */
export async function assertRoom(home: string, layout: ClusterLayout): Promise<void> {
  const dataNodeCount = layout.nodes.filter((node) => node.role === 'data').length
  const voterCount = layout.nodes.filter((node) => node.isVoter).length
  const neededMb = dataNodeCount * dataNodeMb + voterCount * voterMb
  const { bavail, bsize } = await statfs(await nearestFolder(home))
  const freeMb = Math.floor((bavail * bsize) / mebibyte)
  if (freeMb >= neededMb) return
  throw new PgherdError({
    code: 'PGHERD_DISK_FULL',
    reason: 'system',
    message: `the disk of ${home} has ${String(freeMb)} MB left`,
    because: `a cluster of ${String(dataNodeCount)} data nodes and ${String(voterCount)} voters needs ${String(neededMb)} MB to begin with`,
    hint: 'free some space, or set PGHERD_HOME to a folder on a larger disk',
  })
}

/** The folder itself, or the first of its parents that is there. */
async function nearestFolder(folder: string): Promise<string> {
  const isThere = await exists(folder).catch(() => false)
  return isThere || folder === path.dirname(folder) ? folder : nearestFolder(path.dirname(folder))
}

/** Turns what the file system says into an error with a next step; other errors stay as they are. */
export function explainDiskError(error: unknown, folder: string): unknown {
  const code = error instanceof Error && 'code' in error ? error.code : null
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new PgherdError({
      code: 'PGHERD_DISK_FULL',
      reason: 'system',
      message: `the disk of ${folder} is full`,
      because: messageOf(error),
      hint: 'free some space, then run the command again: it goes on where it stopped',
      cause: error,
    })
  }
  if (['EACCES', 'EPERM', 'EROFS', 'ENOTDIR', 'EEXIST', 'ENOENT'].includes(String(code))) {
    return new PgherdError({
      code: 'PGHERD_HOME_UNWRITABLE',
      reason: 'system',
      message: `cannot write to ${folder}`,
      because: messageOf(error),
      hint: 'set PGHERD_HOME to a folder of your own, or change the owner of this one',
      cause: error,
    })
  }
  return error
}

/**
 * Makes the secrets of a new cluster. Those of one that is there must be complete: the databases know the
 * passwords, so a lost one cannot be made again.
 * @returns the secret that signs calls
 * @throws PgherdError PGHERD_SECRETS
 */
export async function ensureSecretFiles(
  settings: LocalSettings,
  paths: ClusterPaths,
  user: string,
  isNew: boolean,
): Promise<string> {
  if (isNew) await ensureSecrets(paths.secrets)
  else await ensureAddedSecrets(paths.secrets)
  await ensurePassFile(paths.secrets, user)
  if (settings.owner !== null) {
    const { uid, gid } = settings.owner
    await chown(paths.secrets, uid, gid)
    for (const name of await readdir(paths.secrets)) {
      await chown(path.join(paths.secrets, name), uid, gid)
    }
  }
  return (await readSecrets(paths.secrets)).api
}

/**
 * Copies the program into the cluster's folder, so that its nodes run what they were started with, and
 * can read it whoever they run as.
 * @returns whether it was there and is now another one
 */
export async function ensureProgram(
  settings: LocalSettings,
  paths: ClusterPaths,
): Promise<'same' | 'new' | 'replaced'> {
  const { program, owner } = settings
  await ensureDirectory(paths.program, 0o755, owner)
  let outcome: 'same' | 'new' | 'replaced' = 'same'
  for (const name of program.files) {
    const source = path.join(program.directory, name)
    const target = path.join(paths.program, name)
    const [wanted, present] = [await digestOf(source), await digestOf(target)]
    if (wanted === null) throw notBuilt(source)
    if (wanted === present) continue
    if (outcome !== 'replaced') outcome = present === null ? 'new' : 'replaced'
    const draft = `${target}.new-${String(process.pid)}`
    await copyFile(source, draft)
    if (owner !== null) await chown(draft, owner.uid, owner.gid)
    await rename(draft, target)
  }
  return outcome
}

async function digestOf(file: string): Promise<string | null> {
  const content = await readFile(file).catch(() => null)
  return content === null ? null : createHash('sha256').update(content).digest('hex')
}

function notBuilt(file: string): PgherdError {
  return new PgherdError({
    code: 'PGHERD_NOT_BUILT',
    reason: 'system',
    message: `the program file ${file} is missing`,
    hint: 'in a clone run: npm run build',
  })
}
