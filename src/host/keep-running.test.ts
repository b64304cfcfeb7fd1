import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { eventually } from '../../test/support/eventually.ts'
import { PgherdError } from '../lib/errors.ts'
import { keepRunning } from './keep-running.ts'
import type { KeptProgram, NotRunning } from './keep-running.ts'
import { adoptLasting } from './lasting-process.ts'
import type { LastingProcess } from './lasting-process.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'pgherd-keep-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

/** A program whose beginnings are given one by one; the last one is repeated. */
function keep(
  beginnings: readonly (() => Promise<LastingProcess>)[],
  successors: LastingProcess[] = [],
) {
  const calls: string[] = []
  const states: NotRunning[] = []
  const pausesMs: number[] = []
  const logFile = path.join(folder, 'log')
  let begun = 0
  const program: KeptProgram = {
    name: 'Thing',
    logFile,
    lookPeriodMs: 250,
    begin: () => {
      calls.push('begin')
      return beginnings[Math.min(begun++, beginnings.length - 1)]!()
    },
    onLook: (count) => {
      calls.push(`look ${String(count)}`)
      return successors.shift() ?? null
    },
    onEnd: async () => void calls.push('end'),
    onNotRunning: (state) => void states.push(state),
    complaintIn: (log) => /ALERT (.*)/.exec(log)?.[1] ?? null,
  }
  const controller = new AbortController()
  const clock = {
    sleep: async (durationMs: number) => {
      pausesMs.push(durationMs)
      await new Promise((resolve) => setImmediate(resolve))
    },
  }
  const journal = { log: (level: string, words: string) => void calls.push(`${level}: ${words}`) }
  const finished = keepRunning(program, clock, journal, controller.signal)
  const stop = async () => {
    controller.abort()
    await finished
  }
  return { calls, states, pausesMs, logFile, stop }
}

function child(): { running: LastingProcess; end: (how: string) => void } {
  const ended = new AbortController()
  const running = { pid: 1, ended: ended.signal, isAlive: () => !ended.signal.aborted }
  return { running, end: (how) => ended.abort(how) }
}

describe('keeping a program running', () => {
  it('starts one that ended again, with how it ended', async () => {
    const first = child()
    const second = child()
    const { calls, states, stop } = keep([async () => first.running, async () => second.running])
    await eventually('it is looked at', () => calls.includes('look 1'))
    first.end('SIGSEGV')
    await eventually('the second one is looked at', () => {
      return calls.filter((call) => call === 'look 0').length === 2
    })
    await stop()
    expect(calls.filter((call) => !call.startsWith('look'))).toEqual([
      'begin',
      'end',
      'warn: Thing ended (SIGSEGV); it is started again',
      'begin',
    ])
    expect(states).toEqual([{ kind: 'starting', detail: 'Thing ended and is started again' }])
  })

  it('follows the process that has taken the place of another', async () => {
    const [first, second] = [child(), child()]
    const { calls, stop } = keep(
      [async () => first.running, async () => child().running],
      [second.running],
    )
    await eventually('it is looked at', () => calls.includes('look 1'))
    first.end('it has given its place to another')
    await eventually('looks go on', () => calls.includes('look 9'))
    second.end('SIGSEGV')
    await eventually('its end is told', () => calls.some((call) => call.includes('(SIGSEGV)')))
    await stop()
  })

  it('sees the end of one that a former agent started', async () => {
    const { calls, stop } = keep([async () => adoptLasting(2 ** 22 + 1)])
    await eventually('its end is told', () => {
      return calls.includes('warn: Thing ended (it is gone); it is started again')
    })
    await stop()
  })

  it('waits longer and longer for one that does not begin, and says why once', async () => {
    const { calls, states, pausesMs, stop } = keep([
      async () => {
        throw new PgherdError({
          code: 'PGHERD_X',
          reason: 'configuration',
          message: 'Thing does not accept its file',
          because: 'line 7 is wrong',
          hint: 'mend it',
        })
      },
    ])
    await eventually('it was tried often', () => pausesMs.length >= 7)
    await stop()
    expect(pausesMs.slice(0, 7)).toEqual([100, 200, 400, 800, 1600, 2000, 2000])
    const words = 'Thing does not accept its file: line 7 is wrong'
    expect(calls.filter((call) => call.startsWith('error'))).toEqual([
      `error: Thing does not run: ${words}`,
    ])
    expect(states.at(-1)).toEqual({ kind: 'failed', detail: words })
  })

  it('prefers what the program said itself, of this start only', async () => {
    await writeFile(path.join(folder, 'log'), 'ALERT of yesterday\n')
    const { states, logFile, stop } = keep([
      async () => {
        throw new Error('it ended at once (exit code 1)')
      },
      async () => {
        await writeFile(logFile, 'ALERT port 5500 is taken\n', { flag: 'a' })
        throw new Error('it ended at once (exit code 1)')
      },
    ])
    await eventually('it was tried twice', () => states.length >= 2)
    await stop()
    expect(states.slice(0, 2).map((state) => state.detail)).toEqual([
      'it ended at once (exit code 1)',
      'port 5500 is taken',
    ])
  })

  it('leaves a running one alone when it is stopped', async () => {
    const { calls, stop } = keep([async () => child().running])
    await eventually('it is looked at', () => calls.includes('look 0'))
    await stop()
    expect(calls).not.toContain('end')
  })
})
