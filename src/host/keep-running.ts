// The loop that keeps one lasting program running: start, watch, and start again after longer and longer
// pauses, with the program's own last words as the reason.

import { describeError } from '../lib/errors.ts'
import { readLogSince, trimLog } from './lasting-process.ts'
import type { LastingProcess } from './lasting-process.ts'

/** Why a kept program does not run at this moment. */
export type NotRunning = {
  readonly kind: 'starting' | 'failed'
  readonly detail: string
}

export type KeptProgram = {
  /** As people know it. */
  readonly name: string
  readonly logFile: string
  /** How often a running one is looked at. */
  readonly lookPeriodMs: number
  /**
   * Takes over the running process, or starts one, and waits until it serves.
   * @throws Error that says why it does not, and then nothing of it is left to watch
   */
  begin(signal: AbortSignal): Promise<LastingProcess>
  /** It runs. @param count looks since it began @returns the process that has taken its place, if one has */
  onLook(count: number): Promise<LastingProcess | null> | LastingProcess | null
  /** It has ended, or did not begin. Called before anything else is done about it. */
  onEnd?(): Promise<void>
  onNotRunning(state: NotRunning): void
  /** The complaint in what the program has logged since it was started; null when there is none. */
  complaintIn(log: string): string | null
}

/** The part of a clock that is needed; the sleep ends early when `signal` aborts. */
type Sleeper = { sleep(durationMs: number, signal?: AbortSignal): Promise<void> }
type Logger = { log(level: 'warn' | 'error', message: string): void }

/** A program that complains all the time must not fill the disk. */
const trimPeriodMs = 60_000
const restartPauseMs = { first: 100, longest: 2000 } as const

/** Runs until `signal` aborts; the program is left as it is. */
export async function keepRunning(
  program: KeptProgram,
  clock: Sleeper,
  journal: Logger,
  signal: AbortSignal,
): Promise<void> {
  const { name } = program
  let pauseMs: number = restartPauseMs.first
  let toldDetail: string | null = null
  while (!signal.aborted) {
    const logOffset = await trimLog(program.logFile)
    try {
      const running = await program.begin(signal)
      pauseMs = restartPauseMs.first
      toldDetail = null
      const how = await follow(program, running, clock, signal)
      if (how !== null) {
        await program.onEnd?.()
        journal.log('warn', `${name} ended (${how}); it is started again`)
        program.onNotRunning({ kind: 'starting', detail: `${name} ended and is started again` })
      }
    } catch (error) {
      await program.onEnd?.()
      const words = await readLogSince(program.logFile, logOffset)
      const detail = program.complaintIn(words) ?? describeError(error)
      if (detail !== toldDetail) journal.log('error', `${name} does not run: ${detail}`)
      toldDetail = detail
      program.onNotRunning({ kind: 'failed', detail })
    }
    await clock.sleep(pauseMs, signal)
    pauseMs = Math.min(pauseMs * 2, restartPauseMs.longest)
  }
}

/** Looks at it until it ends. @returns how; null when `signal` aborted first */
async function follow(
  program: KeptProgram,
  running: LastingProcess,
  clock: Sleeper,
  signal: AbortSignal,
): Promise<string | null> {
  let current = running
  let trimmedAtMs = performance.now()
  for (let count = 0; !signal.aborted && current.isAlive(); count++) {
    current = (await program.onLook(count)) ?? current
    if (performance.now() - trimmedAtMs > trimPeriodMs) {
      trimmedAtMs = performance.now()
      await trimLog(program.logFile)
    }
    await clock.sleep(program.lookPeriodMs, AbortSignal.any([signal, current.ended]))
  }
  if (signal.aborted) return null
  return current.ended.aborted ? String(current.ended.reason) : 'it is gone'
}
