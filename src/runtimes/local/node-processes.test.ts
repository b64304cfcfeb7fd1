import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ended, makeScratch } from '../../../test/support/stand-in-programs.ts'
import type { Scratch } from '../../../test/support/stand-in-programs.ts'
import path from 'node:path'
import type { ProcessInfo } from '../../host/process-info.ts'
import { readProcess } from '../../host/process-info.ts'
import { agentAmong, processesOfNode } from './node-processes.ts'
import { freezeAll, killAll, thawAll, untilGone } from './signal-node.ts'

const directory = '/home/c/nodes/pg-1'

function info(pid: number, changes: Partial<ProcessInfo>): ProcessInfo {
  return {
    pid,
    parentPid: 1,
    name: 'node',
    isFrozen: false,
    isSessionLeader: false,
    startTicks: 1,
    arguments: [],
    workingDirectory: '/',
    residentBytes: 0,
    ...changes,
  }
}

const agent = info(10, { arguments: ['node', 'pgherd.mjs', 'agent', '--data-dir', directory] })
const guard = info(11, { arguments: ['node', 'guard.mjs', `${directory}/pgdata`] })
const postmaster = info(12, {
  name: 'postgres',
  workingDirectory: `${directory}/pgdata`,
  parentPid: 11,
})
const etcd = info(13, {
  name: 'etcd',
  arguments: ['etcd', `--data-dir=${directory}/store`],
  parentPid: 10,
})

describe('which processes belong to a node', () => {
  it.each<[string, ProcessInfo]>([
    ['its agent', agent],
    ['its guard', guard],
    ['its server, by where it works', postmaster],
    ['its store, by an argument', etcd],
    [
      'a server in a directory that was removed',
      info(14, { name: 'postgres', workingDirectory: `${directory}/pgdata (deleted)` }),
    ],
    [
      'a tool of PostgreSQL',
      info(15, { name: 'pg_rewind', arguments: ['pg_rewind', '-D', `${directory}/pgdata`] }),
    ],
  ])('%s does', (_what, each) => {
    expect(processesOfNode([each], directory)).toEqual([each])
  })

  it.each<[string, ProcessInfo]>([
    [
      'a shell that somebody has left there',
      info(20, { name: 'bash', workingDirectory: directory }),
    ],
    [
      'somebody reading its log',
      info(21, { name: 'tail', arguments: ['tail', `${directory}/logs/agent.log`] }),
    ],
    [
      'a command of ours that was typed there',
      info(22, { workingDirectory: directory, arguments: ['node', 'pgherd.mjs', 'status'] }),
    ],
    [
      'a node whose name only begins alike',
      info(23, { name: 'postgres', workingDirectory: `${directory}0/pgdata` }),
    ],
    ['another server', info(24, { name: 'postgres', workingDirectory: '/var/lib/postgresql' })],
    ['this process', info(process.pid, { arguments: ['node', 'x', directory] })],
  ])('%s does not', (_what, each) => {
    expect(processesOfNode([each], directory)).toEqual([])
  })

  it('what they have started does too, however deep', () => {
    const archiver = info(30, { name: 'sh', parentPid: 12 })
    const copy = info(31, { name: 'cp', parentPid: 30 })
    const stranger = info(32, { name: 'cp', parentPid: 1 })
    const all = [copy, archiver, stranger, postmaster]
    expect(processesOfNode(all, directory).map((each) => each.pid)).toEqual([31, 30, 12])
  })

  it('the agent is told from the guard', () => {
    expect(agentAmong([guard, postmaster, etcd, agent])?.pid).toBe(10)
    expect(agentAmong([guard, postmaster, etcd])).toBeNull()
  })
})

describe('signals to a whole node', () => {
  let scratch: Scratch
  let place: string
  beforeEach(async () => {
    scratch = await makeScratch()
    place = path.join(scratch.directory, 'nodes', 'pg-1')
  })
  afterEach(() => scratch.remove())

  it('kill ends everything of the node and nothing else', async () => {
    const mine = [
      await scratch.start('postgres', path.join(place, 'pgdata')),
      await scratch.start('etcd', place),
    ]
    const other = await scratch.start('postgres', path.join(scratch.directory, 'nodes', 'pg-2'))
    expect(await killAll(place)).toBe(2)
    expect(await Promise.all(mine.map(ended))).toEqual(['SIGKILL', 'SIGKILL'])
    expect(readProcess(other.pid!)).not.toBeNull()
    expect(await killAll(place)).toBe(0)
  })

  it('freeze and thaw hit everything once; a frozen node can be killed', async () => {
    const child = await scratch.start('postgres', place)
    expect(await freezeAll(place)).toBe(1)
    expect(readProcess(child.pid!)?.isFrozen).toBe(true)
    expect(await freezeAll(place)).toBe(0)
    expect(thawAll(place)).toBe(1)
    expect(thawAll(place)).toBe(0)
    await freezeAll(place)
    expect(await killAll(place)).toBe(1)
  })

  it('waiting for the end has an end', async () => {
    const child = await scratch.start('postgres', place)
    expect(await untilGone(place, 100)).toBe(false)
    child.kill('SIGTERM')
    expect(await untilGone(place, 5000)).toBe(true)
  })
})
