import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ended, makeScratch } from '../../test/support/stand-in-programs.ts'
import type { Scratch } from '../../test/support/stand-in-programs.ts'
import { eventually } from '../../test/support/eventually.ts'
import { isSameProcess, listProcesses, readProcess } from './process-info.ts'

let scratch: Scratch
beforeEach(async () => {
  scratch = await makeScratch()
})
afterEach(() => scratch.remove())

describe('process info', () => {
  it('says what a process is, where it works and who started it', async () => {
    const child = await scratch.start('we) R (ird', scratch.directory)
    expect(readProcess(child.pid!)).toMatchObject({
      pid: child.pid,
      parentPid: process.pid,
      name: 'we) R (ird',
      isFrozen: false,
      workingDirectory: scratch.directory,
    })
    expect(readProcess(child.pid!)?.arguments.at(-1)).toBe('600')
    expect(readProcess(process.pid)?.residentBytes).toBeGreaterThan(10_000_000)
  })

  it('sees freezing and waking', async () => {
    const child = await scratch.start('sleeper', scratch.directory)
    child.kill('SIGSTOP')
    await eventually('frozen', () => readProcess(child.pid!)?.isFrozen === true)
    child.kill('SIGCONT')
    await eventually('awake', () => readProcess(child.pid!)?.isFrozen === false)
  })

  it('lists them by pid, as numbers', () => {
    const pids = listProcesses().map((each) => each.pid)
    expect(pids).toContain(process.pid)
    expect(pids).toEqual(pids.toSorted((one, other) => one - other))
    expect(new Set(pids.map((pid) => String(pid).length)).size).toBeGreaterThan(1)
  })

  it('a process that has ended is gone, and its number alone does not bring it back', async () => {
    const child = await scratch.start('sleeper', scratch.directory)
    const startTicks = readProcess(child.pid!)!.startTicks
    expect(isSameProcess(child.pid!, startTicks)).toBe(true)
    expect(isSameProcess(child.pid!, startTicks + 1)).toBe(false)
    child.kill('SIGKILL')
    await ended(child)
    expect(readProcess(child.pid!)).toBeNull()
    expect(isSameProcess(child.pid!, startTicks)).toBe(false)
  })

  it('lists this very process', () => {
    expect(listProcesses().some((each) => each.pid === process.pid)).toBe(true)
  })
})
