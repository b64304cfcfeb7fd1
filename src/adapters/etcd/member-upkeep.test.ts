import { describe, expect, it } from 'vitest'
import type { MemberCalls } from './member-calls.ts'
import { quotaBytes } from './member-flags.ts'
import { isWorthDefragmenting, keepSmall } from './member-upkeep.ts'
import type { MemberStatus } from './messages.ts'

const endpoint = { host: '127.0.0.1', port: 1 }
const mebibyte = 1024 * 1024

const statusOf = (changes: Partial<MemberStatus> = {}): MemberStatus => ({
  memberId: '1',
  clusterId: '3',
  leaderId: '2',
  databaseBytes: mebibyte,
  databaseBytesInUse: mebibyte,
  revision: 500,
  raftIndex: 600,
  isOutOfSpace: false,
  ...changes,
})

/** Calls that note their names; `compact` fails as where another member was quicker. */
function recorder(after: MemberStatus) {
  const done: string[] = []
  const calls = {
    compact: async (_: unknown, revision: number) => {
      done.push(`compact ${revision}`)
      throw new Error('required revision has been compacted')
    },
    defragment: async () => void done.push('defragment'),
    disarmNoSpace: async (_: unknown, id: string) => void done.push(`disarm ${id}`),
    status: async () => after,
  } as unknown as MemberCalls
  return { calls, done }
}

const bloated = { databaseBytes: 100 * mebibyte, databaseBytesInUse: 10 * mebibyte }

describe('upkeep', () => {
  it('small, or large and used → nothing is done', async () => {
    for (const changes of [{}, { ...bloated, databaseBytesInUse: 90 * mebibyte }]) {
      const { calls, done } = recorder(statusOf())
      expect(await keepSmall(calls, endpoint, statusOf(changes))).toBeNull()
      expect(done).toEqual([])
    }
  })

  it('large and mostly free → defragmented, but not by the leader', async () => {
    expect(isWorthDefragmenting(statusOf(bloated))).toBe(true)
    const follower = recorder(statusOf())
    await keepSmall(follower.calls, endpoint, statusOf(bloated))
    expect(follower.done).toEqual(['defragment'])
    const leader = recorder(statusOf())
    await keepSmall(leader.calls, endpoint, statusOf({ ...bloated, leaderId: '1' }))
    expect(leader.done).toEqual([])
  })

  it('out of space → compacts, defragments, and only then disarms its own alarm', async () => {
    const { calls, done } = recorder(statusOf())
    expect(await keepSmall(calls, endpoint, statusOf({ isOutOfSpace: true }))).toBeNull()
    expect(done).toEqual(['compact 500', 'defragment', 'disarm 1'])
  })

  it('out of space and still full afterwards → the alarm stays, and it says so', async () => {
    const { calls, done } = recorder(statusOf({ databaseBytes: quotaBytes }))
    const trouble = await keepSmall(calls, endpoint, statusOf({ isOutOfSpace: true }))
    expect(trouble).toContain('1024 MB')
    expect(done).not.toContain('disarm 1')
  })
})
