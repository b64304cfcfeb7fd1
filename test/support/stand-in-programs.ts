// Processes that look like the programs of a node: the same names and places, but they only sleep.

import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { existsSync } from 'node:fs'
import { chmod, copyFile, mkdir, mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'

export type Scratch = {
  readonly directory: string
  /** Starts a sleeping program called `name` with `cwd` as its working directory. */
  start(name: string, cwd: string): Promise<ChildProcess>
  /** Ends what was started and removes the folder. */
  remove(): Promise<void>
}

export async function makeScratch(): Promise<Scratch> {
  const directory = await mkdtemp(path.join(os.tmpdir(), 'pgherd-test-'))
  const children: ChildProcess[] = []
  return {
    directory,
    start: async (name, cwd) => {
      const programs = path.join(directory, 'programs')
      await mkdir(programs, { recursive: true })
      await mkdir(cwd, { recursive: true })
      const program = path.join(programs, name)
      if (!existsSync(program)) {
        await copyFile('/bin/sleep', program)
        await chmod(program, 0o755)
      }
      const child = spawn(program, ['600'], { cwd, stdio: 'ignore', detached: true })
      children.push(child)
      await new Promise((resolve, reject) => {
        child.once('spawn', resolve)
        child.once('error', reject)
      })
      return child
    },
    remove: async () => {
      for (const child of children) {
        child.kill('SIGKILL')
        await ended(child)
      }
      await rm(directory, { recursive: true, force: true })
    },
  }
}

/** Resolves when the child has ended; with how. */
export function ended(child: ChildProcess): Promise<string> {
  const { exitCode, signalCode } = child
  if (signalCode !== null) return Promise.resolve(signalCode)
  if (exitCode !== null) return Promise.resolve(String(exitCode))
  return new Promise((resolve) => {
    child.once('exit', (code, signal) => resolve(signal ?? String(code)))
  })
}
