// Hands seeds to worker processes in small portions and collects what they report. A worker that says
// nothing for a long time hangs in its seed: it is ended, and the seed counts as failed.

import { fork, type ChildProcess } from 'node:child_process'
import path from 'node:path'
import { clearTimeout, setTimeout } from 'node:timers'
import type { ProtectionName } from '../src/core/protections.ts'
import type { SeedReport, WorkerTask } from './worker.ts'

const portionSize = 20
const silenceMsMax = 60_000

export type PoolOptions = {
  readonly workerCount: number
  readonly scenario: string | null
  readonly without: readonly ProtectionName[]
  readonly onReport: (report: SeedReport) => void
  /** No further seeds are begun once this says true. */
  readonly isEnough: () => boolean
}

/** Resolves when all seeds were run, or enough of them. */
export async function runPool(seeds: Iterable<number>, options: PoolOptions): Promise<void> {
  const source = seeds[Symbol.iterator]()
  /** What a worker that was ended had not begun. */
  const returned: number[] = []
  const { scenario, without } = options
  const take = (): WorkerTask | null => {
    const portion: number[] = []
    while (portion.length < portionSize && !options.isEnough()) {
      const again = returned.shift()
      const next = again === undefined ? source.next() : { done: false, value: again }
      if (next.done === true) break
      portion.push(next.value)
    }
    return portion.length === 0 ? null : { seeds: portion, scenario, without }
  }
  const workers = Array.from({ length: options.workerCount }, () =>
    runWorker(take, returned, options),
  )
  await Promise.all(workers)
}

async function runWorker(
  take: () => WorkerTask | null,
  returned: number[],
  options: PoolOptions,
): Promise<void> {
  for (;;) {
    const isDone = await runUntilEnd(take, returned, options)
    if (isDone) return
  }
}

/** One worker process. Resolves with false when it had to be ended or ended by itself. */
function runUntilEnd(
  take: () => WorkerTask | null,
  returned: number[],
  options: PoolOptions,
): Promise<boolean> {
  return new Promise((resolve) => {
    const worker: ChildProcess = fork(path.join(import.meta.dirname, 'worker.ts'))
    let left: number[] = []
    let isDone = false
    let timer: NodeJS.Timeout | undefined
    const listen = (): void => {
      clearTimeout(timer)
      timer = setTimeout(() => worker.kill('SIGKILL'), silenceMsMax)
    }
    worker.on('message', (message: SeedReport | 'next') => {
      listen()
      if (message !== 'next') {
        left = left.filter((seed) => seed !== message.seed)
        options.onReport(message)
        return
      }
      const task = take()
      if (task === null) {
        isDone = true
        worker.disconnect()
        return
      }
      left = [...task.seeds]
      worker.send(task)
    })
    worker.on('exit', () => {
      clearTimeout(timer)
      const [seed, ...rest] = left
      if (!isDone && seed !== undefined) options.onReport(hanging(seed))
      returned.push(...rest)
      resolve(isDone)
    })
    listen()
  })
}

function hanging(seed: number): SeedReport {
  return {
    seed,
    violation: { invariant: 'bug', message: 'the run did not come to an end' },
    digest: 0,
    eventCount: 0,
    virtualMs: 0,
    acknowledgedCount: 0,
    openingCount: 0,
    recoveryMs: null,
  }
}
