import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { asNodeName } from '../../core/names.ts'
import type { ClusterName } from '../../core/names.ts'
import { claimDirectory } from './directory-claim.ts'
import type { DirectoryOwner } from './directory-claim.ts'

let directory: string
beforeEach(async () => {
  directory = await mkdtemp(path.join(os.tmpdir(), 'pgherd-claim-'))
})
afterEach(() => rm(directory, { recursive: true, force: true }))

const owner = (cluster: string, node: string): DirectoryOwner => ({
  cluster: cluster as ClusterName,
  node: asNodeName(node),
})

describe('the directory of a node', () => {
  it('remembers whose it is', async () => {
    const claim = await claimDirectory(directory, owner('main', 'pg-0'))
    claim.release()
    expect(JSON.parse(await readFile(path.join(directory, 'identity.json'), 'utf8'))).toEqual({
      format: 1,
      cluster: 'main',
      node: 'pg-0',
    })
    ;(await claimDirectory(directory, owner('main', 'pg-0'))).release()
  })

  it.each([
    ['main', 'pg-1'],
    ['other', 'pg-0'],
  ])('is refused to %s %s, and not changed', async (cluster, node) => {
    ;(await claimDirectory(directory, owner('main', 'pg-0'))).release()
    await expect(claimDirectory(directory, owner(cluster, node))).rejects.toMatchObject({
      code: 'PGHERD_DIRECTORY_FOREIGN',
      exitCode: 9,
      because: 'its identity.json says pg-0 in cluster main',
    })
    ;(await claimDirectory(directory, owner('main', 'pg-0'))).release()
  })

  it('with an unreadable identity it is nobody’s', async () => {
    await writeFile(path.join(directory, 'identity.json'), 'garbage')
    await expect(claimDirectory(directory, owner('main', 'pg-0'))).rejects.toMatchObject({
      code: 'PGHERD_DIRECTORY_FOREIGN',
    })
  })

  it('has one agent at a time, also through a link', async () => {
    const claim = await claimDirectory(directory, owner('main', 'pg-0'))
    await expect(claimDirectory(`${directory}/.`, owner('main', 'pg-0'))).rejects.toMatchObject({
      code: 'PGHERD_DIRECTORY_IN_USE',
    })
    claim.release()
    ;(await claimDirectory(directory, owner('main', 'pg-0'))).release()
  })
})
