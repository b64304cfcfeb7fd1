// Folders as people leave them: copied, copied in part, put back from a backup. Each is refused with a
// sentence and is not changed; what an agent wrote itself is taken, also by an older version.

import { cp, mkdir, mkdtemp, readFile, readdir, rename, rm, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { asEpoch, asNodeName } from '../../core/names.ts'
import type { ClusterName, Incarnation, SystemId } from '../../core/names.ts'
import { recordDataPlaces } from '../../host/node-identity.ts'
import { claimDirectory } from './directory-claim.ts'
import { openLocalState } from './local-state.ts'

let home: string
beforeEach(async () => {
  home = await mkdtemp(path.join(os.tmpdir(), 'pgherd-parts-'))
  await makeNode('pg-1', 7711014696884680626n)
  await makeNode('pg-2', 7711014696884680626n)
})
afterEach(() => rm(home, { recursive: true, force: true }))

const folder = (node: string): string => path.join(home, node)
const inNode = (node: string, ...parts: string[]): string => path.join(folder(node), ...parts)

async function makeData(directory: string, systemId: bigint): Promise<void> {
  await mkdir(path.join(directory, 'global'), { recursive: true })
  await writeFile(path.join(directory, 'PG_VERSION'), '17\n')
  const control = Buffer.alloc(64)
  control.writeBigUInt64LE(systemId)
  await writeFile(path.join(directory, 'global', 'pg_control'), control)
}

/** As an agent makes it: identity first, then state, then the data directory in its place. */
async function makeNode(node: string, systemId: bigint): Promise<void> {
  await mkdir(folder(node))
  await start(node)
  const state = await openLocalState(inNode(node, 'state.json'))
  await state.save({ promise: asEpoch(3), incarnation: `${node}-3f9ac2d1` as Incarnation })
  await state.save({ systemId: String(systemId) as SystemId })
  await makeData(inNode(node, 'pgdata.clone'), systemId)
  await recordDataPlaces(folder(node), inNode(node, 'pgdata'), inNode(node, 'pgdata.clone'))
  await rename(inNode(node, 'pgdata.clone'), inNode(node, 'pgdata'))
}

async function start(node: string): Promise<void> {
  const owner = { cluster: 'main' as ClusterName, node: asNodeName(node) }
  ;(await claimDirectory(folder(node), owner)).release()
}

/** What `cp -a` makes. */
const copy = (from: string, to: string): Promise<void> =>
  cp(from, to, { recursive: true, preserveTimestamps: true })

async function replaceByCopy(from: string, to: string): Promise<void> {
  await rm(to, { recursive: true })
  await copy(from, to)
}

async function edit(file: string, change: (fields: Record<string, unknown>) => void) {
  const fields = JSON.parse(await readFile(file, 'utf8')) as Record<string, unknown>
  change(fields)
  await writeFile(file, JSON.stringify(fields))
}

test('what an agent made is taken, also after it was renamed', async () => {
  await start('pg-1')
  await rename(folder('pg-1'), inNode('moved'))
  await rename(inNode('moved'), folder('pg-1'))
  await start('pg-1')
})

test('of a version that wrote no places → taken, and known from then on', async () => {
  await edit(inNode('pg-1', 'identity.json'), (fields) => delete fields['dataPlaces'])
  await edit(inNode('pg-1', 'state.json'), (fields) => delete fields['place'])
  await start('pg-1')
  await replaceByCopy(inNode('pg-2', 'pgdata'), inNode('pg-1', 'pgdata'))
  await expect(start('pg-1')).rejects.toMatchObject({ code: 'PGHERD_DIRECTORY_COPIED' })
})

test('killed while a clone takes the place of the data directory → either is known', async () => {
  await makeData(inNode('pg-1', 'pgdata.clone'), 7711014696884680626n)
  await recordDataPlaces(folder('pg-1'), inNode('pg-1', 'pgdata'), inNode('pg-1', 'pgdata.clone'))
  await start('pg-1')
  await rename(inNode('pg-1', 'pgdata'), inNode('pg-1', 'pgdata.replaced'))
  await start('pg-1')
  await rename(inNode('pg-1', 'pgdata.clone'), inNode('pg-1', 'pgdata'))
  await start('pg-1')
})

describe('refused, and nothing is written', () => {
  test.each<[string, string, string, () => Promise<void>]>([
    [
      'the folder of pg-1 as that of pg-2',
      'PGHERD_DIRECTORY_FOREIGN',
      'its identity.json says pg-1 in cluster main',
      () => replaceByCopy(folder('pg-1'), folder('pg-2')),
    ],
    [
      'the same without identity.json',
      'PGHERD_DIRECTORY_INCOMPLETE',
      'state.json is there',
      async () => {
        await replaceByCopy(folder('pg-1'), folder('pg-2'))
        await rm(inNode('pg-2', 'identity.json'))
      },
    ],
    [
      'the same with the identity.json of pg-2',
      'PGHERD_DIRECTORY_FOREIGN',
      'its state.json is of pg-1 (incarnation pg-1-3f9ac2d1)',
      async () => {
        const own = await readFile(inNode('pg-2', 'identity.json'))
        await replaceByCopy(folder('pg-1'), folder('pg-2'))
        await writeFile(inNode('pg-2', 'identity.json'), own)
      },
    ],
    [
      'the data directory of pg-1 with neither identity.json nor state.json',
      'PGHERD_DIRECTORY_INCOMPLETE',
      'pgdata is there',
      async () => {
        await replaceByCopy(folder('pg-1'), folder('pg-2'))
        await rm(inNode('pg-2', 'identity.json'))
        await rm(inNode('pg-2', 'state.json'))
      },
    ],
    [
      'the data directory of pg-1 in the place of that of pg-2',
      'PGHERD_DIRECTORY_COPIED',
      'its pgdata is a copy: not the one that this node made or cloned',
      () => replaceByCopy(inNode('pg-1', 'pgdata'), inNode('pg-2', 'pgdata')),
    ],
    [
      'the data directory of another database system',
      'PGHERD_DIRECTORY_FOREIGN',
      'pgdata has the system identifier 42, state.json says 7711014696884680626',
      async () => {
        await rm(inNode('pg-2', 'pgdata'), { recursive: true })
        await makeData(inNode('pg-2', 'pgdata'), 42n)
      },
    ],
    [
      'a state.json of pg-1',
      'PGHERD_DIRECTORY_FOREIGN',
      'its state.json is of pg-1 (incarnation pg-1-3f9ac2d1)',
      () => replaceByCopy(inNode('pg-1', 'state.json'), inNode('pg-2', 'state.json')),
    ],
    [
      'state.json deleted',
      'PGHERD_DIRECTORY_INCOMPLETE',
      'pgdata is there',
      () => rm(inNode('pg-2', 'state.json')),
    ],
    [
      'a state.json without incarnation',
      'PGHERD_DIRECTORY_INCOMPLETE',
      'pgdata is there, and state.json names no incarnation for it',
      () => edit(inNode('pg-2', 'state.json'), (fields) => (fields['incarnation'] = null)),
    ],
    [
      'the own folder put back from a copy',
      'PGHERD_DIRECTORY_COPIED',
      'its state.json is a copy, and its promises may be old ones',
      async () => {
        await copy(folder('pg-2'), inNode('backup'))
        await replaceByCopy(inNode('backup'), folder('pg-2'))
      },
    ],
    [
      'the own state.json written over by an older one',
      'PGHERD_DIRECTORY_COPIED',
      'its state.json is a copy, and its promises may be old ones',
      async () => {
        const old = await readFile(inNode('pg-2', 'state.json'))
        const state = await openLocalState(inNode('pg-2', 'state.json'))
        await state.save({ promise: asEpoch(9) })
        await writeFile(inNode('pg-2', 'state.json'), old)
      },
    ],
    [
      'the own data directory put back from a backup',
      'PGHERD_DIRECTORY_COPIED',
      'its pgdata is a copy: not the one that this node made or cloned',
      async () => {
        await copy(inNode('pg-2', 'pgdata'), inNode('backup'))
        await replaceByCopy(inNode('backup'), inNode('pg-2', 'pgdata'))
      },
    ],
    [
      'a member of the store without identity.json',
      'PGHERD_DIRECTORY_INCOMPLETE',
      'store/etcd is there',
      async () => {
        await rm(folder('pg-2'), { recursive: true })
        await mkdir(inNode('pg-2', 'store', 'etcd', 'member'), { recursive: true })
      },
    ],
  ])('%s', async (_what, code, because, act) => {
    await act()
    const before = await texts('pg-2')
    await expect(start('pg-2')).rejects.toMatchObject({ code, because, exitCode: 9 })
    expect(await texts('pg-2')).toEqual(before)
    await start('pg-1')
  })
})

async function texts(node: string): Promise<readonly (readonly [string, string])[]> {
  const entries = await readdir(folder(node), { withFileTypes: true })
  const files = entries.filter((entry) => entry.isFile()).map(({ name }) => name)
  return Promise.all(
    files.map(async (name) => [name, await readFile(inNode(node, name), 'utf8')] as const),
  )
}
