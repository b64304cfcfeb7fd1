import { describe, expect, it } from 'vitest'
import { classifyTrouble, isWorthless, restartDelayMs } from './member-trouble.ts'

describe('last words of etcd', () => {
  it.each([
    ['server error: the member has been permanently removed from the cluster', 'removed'],
    ['discovery failed: walpb: crc mismatch (exit code 1)', 'damaged'],
    ['discovery failed: wal: max entry size limit exceeded (exit code 1)', 'damaged'],
    ['failed to open database: invalid database (exit code 2)', 'damaged'],
    ['tocommit(12) is out of range [lastIndex(3)]. Was the raft log corrupted?', 'damaged'],
    ['discovery failed: listen tcp 127.0.0.1:2379: bind: address already in use', 'outside'],
    ['listen tcp 10.9.9.9:2379: bind: cannot assign requested address', 'outside'],
    ['wal: write /d/wal/1.tmp: no space left on device', 'outside'],
    ['cannot access data directory: open /d/.touch: permission denied', 'outside'],
    ['setpriv: failed to execute etcd: No such file or directory', 'outside'],
    ['write /d/member/wal: input/output error', 'outside'],
    ['invalid downgrade; server version is lower than determined cluster version', 'outside'],
    ['discovery failed: incompatible with current running cluster (exit code 1)', 'outside'],
    ['ended (SIGKILL)', 'unknown'],
    ['ended (exit code 2)', 'unknown'],
  ])('%s → %s', (reason, kind) => {
    expect(classifyTrouble(reason).kind).toBe(kind)
  })
})

describe('a directory', () => {
  it('of a removed member → worthless unless the store still has the member', () => {
    expect(isWorthless({ kind: 'removed' }, 1, false)).toBe(true)
    expect(isWorthless({ kind: 'removed' }, 9, true)).toBe(false)
  })

  it('damaged → worthless at the second failure, not at the first', () => {
    expect([1, 2, 3].map((count) => isWorthless({ kind: 'damaged' }, count, true))).toEqual([
      false,
      true,
      true,
    ])
  })

  it('for an unknown reason → only now and then', () => {
    const counts = Array.from({ length: 12 }, (_, index) => index + 1)
    const given = counts.filter((count) => isWorthless({ kind: 'unknown' }, count, true))
    expect(given).toEqual([5, 10])
  })

  it('trouble outside → never', () => {
    for (let count = 1; count < 50; count += 1) {
      expect(isWorthless({ kind: 'outside', hint: '' }, count, false)).toBe(false)
    }
  })
})

it('restarts → the first at once, then slower, never slower than five seconds', () => {
  const delays = [1, 2, 3, 4, 5, 6, 7, 8, 60].map(restartDelayMs)
  expect(delays).toEqual([0, 100, 200, 400, 800, 1600, 3200, 5000, 5000])
})
