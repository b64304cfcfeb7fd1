// A program of a person in the foreground: psql, a shell, a command on a host of the lab.

import { spawn } from 'node:child_process'
import { constants } from 'node:os'
import type { CommandContext } from './context.ts'
import type { Environment } from './style.ts'

/**
 * Runs a program that has the terminal until it ends; Ctrl-C is its affair.
 * @param words the program and what follows it
 * @returns its exit code, as a shell tells it: 128 and the number of the signal that ended it
 * @throws the error of the system when it cannot be started
 */
export async function runInForeground(
  context: CommandContext,
  [program = '', ...words]: readonly string[],
  environment: Environment,
): Promise<number> {
  const resume = context.suspendInterrupts()
  const child = spawn(program, words, { stdio: 'inherit', env: environment })
  const exitCode = await new Promise<number>((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (code, signal) => {
      resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal]))
    })
  })
  resume()
  return exitCode
}
