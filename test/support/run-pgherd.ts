// Runs the program as a person would, from bin/pgherd, in a home of its own.

import { spawn } from 'node:child_process'
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'

const program = path.resolve(import.meta.dirname, '../../bin/pgherd')

export type RunResult = {
  readonly exitCode: number
  readonly stdout: string
  readonly stderr: string
  readonly tookMs: number
}

export type Home = {
  readonly directory: string
  /** Runs one command line; words as an array, so that nothing needs quoting. */
  run(words: readonly string[], options?: RunOptions): Promise<RunResult>
  /** Removes the folder. Clusters in it must be destroyed before. */
  remove(): Promise<void>
}

export type RunOptions = {
  readonly environment?: Readonly<Record<string, string>>
  /** SIGKILL after this. */
  readonly timeoutMs?: number
  /** Called with what was printed so far; a signal that is returned is sent once. */
  readonly onOutput?: (text: string) => NodeJS.Signals | undefined
}

/** A folder that the database user can reach, too. */
export async function makeHome(): Promise<Home> {
  const directory = await mkdtemp(path.join(tmpdir(), 'pgherd-home-'))
  await chmod(directory, 0o755)
  return {
    directory,
    run: (words, options) => runPgherd(words, directory, options ?? {}),
    remove: () => rm(directory, { recursive: true, force: true }),
  }
}

async function runPgherd(
  words: readonly string[],
  home: string,
  options: RunOptions,
): Promise<RunResult> {
  const startedAtMs = performance.now()
  const child = spawn(program, words, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, PGHERD_HOME: home, LC_ALL: 'C.UTF-8', ...options.environment },
  })
  const timer = setTimeout(() => child.kill('SIGKILL'), options.timeoutMs ?? 60_000)
  const output = { stdout: '', stderr: '' }
  let isSignalled = false
  const listen = (name: 'stdout' | 'stderr') => (text: Buffer) => {
    output[name] += text.toString('utf8')
    const signal = isSignalled ? undefined : options.onOutput?.(output.stdout + output.stderr)
    if (signal === undefined) return
    isSignalled = true
    child.kill(signal)
  }
  child.stdout.on('data', listen('stdout'))
  child.stderr.on('data', listen('stderr'))
  try {
    const exitCode = await new Promise<number>((resolve, reject) => {
      child.once('error', reject)
      child.once('close', (code, signal) => {
        resolve(code ?? (signal === null ? -1 : -2))
      })
    })
    return { exitCode, ...output, tookMs: performance.now() - startedAtMs }
  } finally {
    clearTimeout(timer)
  }
}
