import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { signalProcess } from '../../host/process-table.ts'
import type { MemberDirectory } from './member-directory.ts'
import { createMemberDirectory } from './member-directory.ts'

let folder: string
let directory: MemberDirectory
const markerFile = (): string => path.join(folder, 'store.json')
const inside = (...names: string[]): string => path.join(folder, 'store', ...names)

beforeEach(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'pgherd-member-'))
  directory = reopen()
  await directory.ensure()
})
afterEach(() => {
  rmSync(folder, { recursive: true, force: true })
})

/** As the next agent finds it. */
function reopen(): MemberDirectory {
  return createMemberDirectory(inside(), markerFile(), null)
}

function writeLog(): void {
  mkdirSync(inside('etcd', 'member', 'wal'), { recursive: true })
  writeFileSync(inside('etcd', 'member', 'wal', '0-0.wal'), 'x')
}

describe('directory of a member', () => {
  it('is fresh until there is a write-ahead log', () => {
    expect(directory.isFresh()).toBe(true)
    mkdirSync(inside('etcd', 'member', 'wal'), { recursive: true })
    writeFileSync(inside('etcd', 'member', 'wal', '0-0.wal.tmp'), 'x')
    expect(directory.isFresh()).toBe(true)
    writeLog()
    expect(directory.isFresh()).toBe(false)
  })

  it('remembers under which id it served, also when the store is gone', async () => {
    expect(directory.hasEverRun()).toBe(false)
    expect(directory.servedAs()).toBeNull()
    await directory.markServed('18446744073709551615')
    rmSync(inside(), { recursive: true })
    for (const each of [directory, reopen()]) {
      expect(each.hasEverRun()).toBe(true)
      expect(each.servedAs()).toBe('18446744073709551615')
    }
  })

  it('a founding that was begun is no run; its token stays when it has served', async () => {
    await directory.markFounding('abc')
    writeLog()
    expect(reopen().hasEverRun()).toBe(false)
    expect(reopen().foundingToken()).toBe('abc')
    await directory.markServed('7')
    expect(reopen().hasEverRun()).toBe(true)
    expect(reopen().foundingToken()).toBe('abc')
  })

  it('the marker of an older version, inside → is read, and noted outside at the next start', async () => {
    writeFileSync(inside('ever-run.json'), '{"memberId":"9"}')
    const next = reopen()
    expect(next.hasEverRun()).toBe(true)
    await next.ensure()
    rmSync(inside(), { recursive: true })
    expect(reopen().servedAs()).toBe('9')
  })

  it('a write-ahead log without a marker → it has run', () => {
    writeLog()
    expect(directory.hasEverRun()).toBe(true)
    expect(directory.foundingToken()).toBeNull()
  })

  it.each([() => markerFile(), () => inside('ever-run.json')])(
    'a marker that cannot be read → it has run, the id is unknown',
    (file) => {
      writeFileSync(file(), '{"member')
      expect(reopen().hasEverRun()).toBe(true)
      expect(reopen().servedAs()).toBeNull()
    },
  )

  it('set aside → fresh, the old one is kept, an older one makes room; the marker stays', async () => {
    await directory.markServed('1')
    writeLog()
    await directory.setAside()
    expect(directory.isFresh()).toBe(true)
    expect(directory.hasEverRun()).toBe(true)
    writeLog()
    const aside = await directory.setAside()
    expect(existsSync(path.join(aside, 'member', 'wal', '0-0.wal'))).toBe(true)
  })

  it('fragments of a start → thrown away; a write-ahead log → never', async () => {
    mkdirSync(inside('etcd', 'member', 'snap'), { recursive: true })
    await directory.discardFragments()
    expect(existsSync(inside('etcd', 'member'))).toBe(false)
    writeLog()
    await directory.discardFragments()
    expect(directory.isFresh()).toBe(false)
  })

  it('an etcd left on it → ended; one on another directory → left alone', async () => {
    const stand = (where: string) =>
      spawn('/bin/sh', ['-c', 'sleep 60 & wait', `--data-dir=${where}`], { detached: true })
    const [ours, theirs] = [stand(directory.dataDirectory), stand(`${directory.dataDirectory}2`)]
    try {
      await Promise.all([once(ours, 'spawn'), once(theirs, 'spawn')])
      const gone = once(ours, 'exit')
      await directory.endLeftovers()
      expect((await gone)[1]).toBe('SIGKILL')
      expect(theirs.exitCode ?? theirs.signalCode).toBeNull()
    } finally {
      // A shell that died before it had begun its sleep leaves no group behind.
      for (const child of [ours, theirs]) signalProcess(-child.pid!, 'SIGKILL')
    }
  })
})
