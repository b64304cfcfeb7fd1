// `identity.json` in a node's directory: whose directory it is, and where its data directory lies, so that
// neither can be exchanged for a copy unseen. Reads and writes it; who judges it stands elsewhere.

import path from 'node:path'
import { isCopy, placeOf } from './file-place.ts'
import type { FilePlace } from './file-place.ts'
import { readFileIfPresent, writeFileAtomic } from './files.ts'

export const identityFile = 'identity.json'
const format = 1

export type NodeIdentity = {
  readonly cluster: string
  readonly node: string
  /**
   * Where data directories of this node lie: the present one, and while one takes the place of another,
   * both. Null: written by a version that did not look, or there has been none.
   */
  readonly dataPlaces: readonly FilePlace[] | null
}

/** Stands for every identity that cannot be read: nobody's. */
const nobody: NodeIdentity = { cluster: 'unknown', node: 'unknown', dataPlaces: null }

/** The identity of a node's directory, or null when it has none. */
export async function readIdentity(nodeDirectory: string): Promise<NodeIdentity | null> {
  const text = await readFileIfPresent(path.join(nodeDirectory, identityFile))
  return text === null ? null : parseIdentity(text)
}

/** Writes it; on disk when this returns. */
export async function writeIdentity(nodeDirectory: string, identity: NodeIdentity): Promise<void> {
  const { cluster, node, dataPlaces } = identity
  const value = { format, cluster, node, ...(dataPlaces === null ? {} : { dataPlaces }) }
  await writeFileAtomic(path.join(nodeDirectory, identityFile), `${JSON.stringify(value)}\n`, {
    mode: 0o640,
  })
}

function parseIdentity(text: string): NodeIdentity {
  try {
    const value = JSON.parse(text) as Partial<Record<keyof NodeIdentity, unknown>> | null
    const cluster = value?.cluster
    const node = value?.node
    if (typeof cluster !== 'string' || typeof node !== 'string') return nobody
    const places = value?.dataPlaces
    const isList = Array.isArray(places) && places.every((place) => typeof place === 'string')
    return { cluster, node, dataPlaces: isList ? places : null }
  } catch {
    return nobody
  }
}

/** The file by which a data directory is known: written once, and never replaced by PostgreSQL. */
export function dataMark(dataDirectory: string): string {
  return path.join(dataDirectory, 'PG_VERSION')
}

/**
 * Takes down that `coming` is about to become the data directory in the place of `present`. On disk before
 * the first rename, so that whichever is found after a crash is known. Nothing happens in a directory that
 * is no node's.
 */
export async function recordDataPlaces(
  nodeDirectory: string,
  present: string,
  coming: string,
): Promise<void> {
  const identity = await readIdentity(nodeDirectory)
  if (identity === null) return
  const before = await placeOf(dataMark(present))
  // One that somebody put there does not become an own one by being replaced.
  const kept = before !== null && isOwnData(identity, before) ? before : null
  const found = [kept, await placeOf(dataMark(coming))]
  const dataPlaces = [...new Set(found.filter((place) => place !== null))]
  if (dataPlaces.length > 0) await writeIdentity(nodeDirectory, { ...identity, dataPlaces })
}

/** Whether the data directory at `place` is one of this identity's own. */
export function isOwnData(identity: NodeIdentity, place: FilePlace): boolean {
  return identity.dataPlaces?.some((own) => !isCopy(own, place)) ?? true
}
