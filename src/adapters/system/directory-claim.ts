// A node's directory belongs to one node of one cluster, and to one agent at a time. A directory that was
// copied, mounted at the wrong place or named twice is refused before anything in it is touched.

import { createHash } from 'node:crypto'
import { realpath } from 'node:fs/promises'
import { createServer } from 'node:net'
import type { Server } from 'node:net'
import type { ClusterName, NodeName } from '../../core/names.ts'
import { identityFile, readIdentity, writeIdentity } from '../../host/node-identity.ts'
import { PgherdError } from '../../lib/errors.ts'
import { checkNothingIsThere, checkParts } from './directory-parts.ts'

export type DirectoryOwner = { readonly cluster: ClusterName; readonly node: NodeName }

export type DirectoryClaim = { release(): void }

/**
 * Takes the directory for this process and writes the identity file into one that is empty.
 * @throws PgherdError PGHERD_DIRECTORY_FOREIGN, PGHERD_DIRECTORY_IN_USE, PGHERD_DIRECTORY_INCOMPLETE,
 *   PGHERD_DIRECTORY_COPIED
 */
export async function claimDirectory(
  directory: string,
  owner: DirectoryOwner,
): Promise<DirectoryClaim> {
  const server = await listenFor(await realpath(directory))
  if (server === null) throw inUse(directory)
  try {
    await checkIdentity(directory, owner)
  } catch (error) {
    server.close()
    throw error
  }
  return { release: () => void server.close() }
}

async function checkIdentity(directory: string, owner: DirectoryOwner): Promise<void> {
  const identity = await readIdentity(directory)
  if (identity === null) {
    await checkNothingIsThere(directory, owner)
    await writeIdentity(directory, { ...owner, dataPlaces: null })
    return
  }
  const { cluster, node } = identity
  if (cluster === owner.cluster && node === owner.node) {
    await checkParts(directory, owner, identity)
    return
  }
  throw new PgherdError({
    code: 'PGHERD_DIRECTORY_FOREIGN',
    reason: 'localState',
    message: `${directory} is not the directory of ${owner.node} in cluster ${owner.cluster}`,
    because: `its ${identityFile} says ${node} in cluster ${cluster}`,
    hint: 'give the right --data-dir or --node; to use a copy on purpose, begin with an empty directory',
  })
}

/**
 * A name in the kernel's abstract name space: taken atomically, given back however the process ends.
 * Null when another process has it.
 */
function listenFor(realDirectory: string): Promise<Server | null> {
  const digest = createHash('sha256').update(realDirectory).digest('hex').slice(0, 32)
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy())
    server.once('error', (error) => {
      if ('code' in error && error.code === 'EADDRINUSE') resolve(null)
      else reject(error)
    })
    server.listen(`\0pgherd-agent-${digest}`, () => resolve(server))
    server.unref()
  })
}

function inUse(directory: string): PgherdError {
  return new PgherdError({
    code: 'PGHERD_DIRECTORY_IN_USE',
    reason: 'system',
    message: `another agent works on ${directory}`,
    because: 'two agents of one node would fight over its PostgreSQL',
    hint: 'end the other one first: see ps -ef, look for "agent --spec"',
  })
}
