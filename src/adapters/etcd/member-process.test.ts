import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { findComplaint, rotateLog, startEtcdProcess } from './member-process.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'pgherd-process-'))
})
afterEach(() => {
  rmSync(folder, { recursive: true, force: true })
})

const entry = (level: string, msg: string, error?: string): string =>
  JSON.stringify({ level, msg, ...(error === undefined ? {} : { error }), stacktrace: 'x\ny' })

describe('why etcd ended', () => {
  it('its last serious line, whatever came after it', () => {
    const log = [
      entry('fatal', 'older', 'x'),
      entry('fatal', 'discovery failed', 'walpb: crc mismatch'),
      entry('warn', 'stopped TCP streaming connection'),
      'goroutine 1 [running]:',
    ].join('\n')
    expect(findComplaint(log)).toBe('discovery failed: walpb: crc mismatch')
  })

  it('a panic of Go → what etcd said before it, else the panic itself', () => {
    const panic = 'panic: failed to open database'
    expect(findComplaint(`${entry('panic', 'failed to open', 'invalid database')}\n${panic}`)).toBe(
      'failed to open: invalid database',
    )
    expect(findComplaint(`${panic}\n\ngoroutine 7`)).toBe(panic)
  })

  it('being removed is only a warning in 3.4', () => {
    const words = 'the member has been permanently removed from the cluster'
    expect(findComplaint(entry('warn', 'server error', words))).toContain(words)
  })

  it('nothing serious → null', () => {
    expect(findComplaint(`${entry('warn', 'slow disk')}\nplain text\n`)).toBeNull()
    expect(findComplaint('')).toBeNull()
  })
})

describe('a run', () => {
  const run = (script: string) =>
    startEtcdProcess({
      program: '/bin/sh',
      flags: ['-c', script],
      runAs: null,
      logFile: path.join(folder, 'logs', 'etcd.log'),
    })

  it('output goes to the log; the reason is from this run, not from an earlier one', async () => {
    const first = await run(`printf '%s\\n' '${entry('fatal', 'first')}'; exit 3`)
    expect(await first.exited).toEqual({ reason: 'first (exit code 3)' })
    const second = await run('echo nothing; exit 4')
    expect(await second.exited).toEqual({ reason: 'ended (exit code 4)' })
    expect(readFileSync(path.join(folder, 'logs', 'etcd.log'), 'utf8')).toContain('nothing')
  })

  it('killed → says by which signal', async () => {
    const running = await run('sleep 60')
    running.signal('SIGKILL')
    expect(await running.exited).toEqual({ reason: 'ended (SIGKILL)' })
  })

  it('a program that is not there → the reason says so', async () => {
    const logFile = path.join(folder, 'etcd.log')
    const program = path.join(folder, 'no-etcd')
    const running = await startEtcdProcess({ program, flags: [], runAs: null, logFile })
    expect((await running.exited).reason).toContain('No such file or directory')
  })

  it('settings of etcd in our environment → do not reach it', async () => {
    process.env['ETCD_NAME'] = 'intruder'
    try {
      const running = await run('env')
      await running.exited
      const log = readFileSync(path.join(folder, 'logs', 'etcd.log'), 'utf8')
      expect(log).toContain('PATH=')
      expect(log).not.toContain('ETCD_NAME')
    } finally {
      delete process.env['ETCD_NAME']
    }
  })
})

describe('log rotation', () => {
  it('small → left; too large → moved aside, the writer goes on in the same file', async () => {
    const logFile = path.join(folder, 'etcd.log')
    writeFileSync(logFile, 'small')
    await rotateLog(logFile)
    expect(readFileSync(logFile, 'utf8')).toBe('small')
    writeFileSync(logFile, 'x'.repeat(9 * 1024 * 1024))
    await rotateLog(logFile)
    expect(readFileSync(logFile, 'utf8')).toBe('')
    expect(readFileSync(`${logFile}.1`, 'utf8')).toHaveLength(9 * 1024 * 1024)
  })

  it('no log yet → nothing happens', async () => {
    await expect(rotateLog(path.join(folder, 'none'))).resolves.toBeUndefined()
  })
})
