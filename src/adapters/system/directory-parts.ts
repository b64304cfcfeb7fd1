// The parts of a node's directory belong together: identity, state, data. Each is checked against the others
// before anything is started or written. A part that is missing beside data is never made anew: two
// nodes would then run under one incarnation, and a commit that the wrong one acknowledged is lost.

import { open } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { nodeOf } from '../../core/names.ts'
import type { LocalStateRecord } from '../../core/local-state.ts'
import { placeOf } from '../../host/file-place.ts'
import { exists, isMissing, readFileIfPresent } from '../../host/files.ts'
import { dataMark, identityFile, isOwnData, writeIdentity } from '../../host/node-identity.ts'
import type { NodeIdentity } from '../../host/node-identity.ts'
import { PgherdError } from '../../lib/errors.ts'
import type { DirectoryOwner } from './directory-claim.ts'
import { isCopiedState, parseLocalState } from './local-state.ts'

const stateFile = 'state.json'
const dataFolder = 'pgdata'
/** Whatever holds data, a promise or a member of the store. */
const precious = [
  stateFile,
  dataFolder,
  `${dataFolder}.staged`,
  `${dataFolder}.replaced`,
  path.join('store', 'etcd'),
  path.join('store', 'ever-run.json'),
]

/**
 * A directory without identity may be taken only when nothing of a node lies in it.
 * @throws PgherdError PGHERD_DIRECTORY_INCOMPLETE
 */
export async function checkNothingIsThere(directory: string, owner: DirectoryOwner): Promise<void> {
  for (const part of precious) {
    if (await exists(path.join(directory, part))) {
      throw incomplete(directory, owner, identityFile, `${part} is there`)
    }
  }
}

/**
 * Checks state and data of a directory whose identity is the right one.
 * @throws PgherdError PGHERD_DIRECTORY_INCOMPLETE, PGHERD_DIRECTORY_FOREIGN, PGHERD_DIRECTORY_COPIED,
 *   PGHERD_STATE_CORRUPT
 */
export async function checkParts(
  directory: string,
  owner: DirectoryOwner,
  identity: NodeIdentity,
): Promise<void> {
  const file = path.join(directory, stateFile)
  const data = path.join(directory, dataFolder)
  const text = await readFileIfPresent(file)
  const dataPlace = await placeOf(dataMark(data))
  if (text === null) {
    if (dataPlace === null) return
    throw incomplete(directory, owner, stateFile, `${dataFolder} is there`)
  }
  const state = parseLocalState(text, file)
  if (state.incarnation !== null && nodeOf(state.incarnation) !== owner.node) {
    const because = `its ${stateFile} is of ${nodeOf(state.incarnation)} (incarnation ${state.incarnation})`
    throw foreignPart(directory, owner, because)
  }
  if (await isCopiedState(file)) {
    throw copied(directory, owner, `its ${stateFile} is a copy, and its promises may be old ones`)
  }
  if (dataPlace === null) return
  if (state.incarnation === null) {
    const because = `${dataFolder} is there, and ${stateFile} names no incarnation for it`
    throw incomplete(directory, owner, 'the incarnation', because)
  }
  await checkData(directory, owner, { identity, state, dataPlace })
}

type Parts = {
  readonly identity: NodeIdentity
  readonly state: LocalStateRecord
  readonly dataPlace: string
}

async function checkData(directory: string, owner: DirectoryOwner, parts: Parts): Promise<void> {
  const { identity, state, dataPlace } = parts
  const data = path.join(directory, dataFolder)
  // While the directory is being replaced, the state still names what was there before.
  const systemId = state.suspendedUntil === null ? await systemIdIn(data) : null
  if (systemId !== null && state.systemId !== null && systemId !== state.systemId) {
    const because = `${dataFolder} has the system identifier ${systemId}, ${stateFile} says ${state.systemId}`
    throw foreignPart(directory, owner, because)
  }
  if (!isOwnData(identity, dataPlace)) {
    const because = `its ${dataFolder} is a copy: not the one that this node made or cloned`
    throw copied(directory, owner, because)
  }
  // Of a version that did not take it down: from now on it is known.
  if (identity.dataPlaces === null) {
    await writeIdentity(directory, { ...identity, dataPlaces: [dataPlace] })
  }
}

/** The first field of PostgreSQL's control file; null when it cannot be read, which others tell. */
async function systemIdIn(dataDirectory: string): Promise<string | null> {
  let handle
  try {
    handle = await open(path.join(dataDirectory, 'global', 'pg_control'), 'r')
  } catch (error) {
    if (isMissing(error)) return null
    throw error
  }
  try {
    const { bytesRead, buffer } = await handle.read(Buffer.alloc(8), 0, 8, 0)
    if (bytesRead < 8) return null
    const id = os.endianness() === 'LE' ? buffer.readBigUInt64LE() : buffer.readBigUInt64BE()
    return String(id)
  } finally {
    await handle.close()
  }
}

function setAside(directory: string, { node }: DirectoryOwner): string {
  return (
    `rename ${directory} to ${path.basename(directory)}.aside and start ${node} again, it is cloned anew; ` +
    'while this may be the last copy of the data, see docs/errors.md first'
  )
}

function incomplete(
  directory: string,
  owner: DirectoryOwner,
  part: string,
  because: string,
): PgherdError {
  return new PgherdError({
    code: 'PGHERD_DIRECTORY_INCOMPLETE',
    reason: 'localState',
    message: `${part} is missing in ${directory}, and is not made up beside data`,
    because,
    hint: `put back the one of ${owner.node} if it was moved away; otherwise ${setAside(directory, owner)}`,
  })
}

function foreignPart(directory: string, owner: DirectoryOwner, because: string): PgherdError {
  return new PgherdError({
    code: 'PGHERD_DIRECTORY_FOREIGN',
    reason: 'localState',
    message: `${directory} holds parts that are not of ${owner.node} in cluster ${owner.cluster}`,
    because,
    hint: `give the right --data-dir or --node; if it was copied, ${setAside(directory, owner)}`,
  })
}

function copied(directory: string, owner: DirectoryOwner, because: string): PgherdError {
  return new PgherdError({
    code: 'PGHERD_DIRECTORY_COPIED',
    reason: 'localState',
    message: `${directory} was copied or put back from a backup: ${owner.node} does not run from it`,
    because,
    hint: setAside(directory, owner),
  })
}
