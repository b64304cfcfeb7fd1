// Questions to the person at the terminal. Where nobody can be asked, the command says which option
// answers the question instead.

import * as clack from '@clack/prompts'
import { PgherdError } from '../lib/errors.ts'
import type { CommandContext } from './context.ts'

/** Ctrl-C at a question: no answer, but the end of the command, as anywhere else. */
export class InterruptedError extends Error {
  override readonly name = 'InterruptedError'
}

/**
 * A yes-or-no question; `no` is the default.
 * @throws PgherdError PGHERD_CONFIRMATION_NEEDED where nobody can be asked
 */
export async function askToGoOn(
  context: CommandContext,
  question: string,
  optionInstead: string,
): Promise<boolean> {
  refuseUnlessAsked(context, question, optionInstead)
  const answer = await clack.confirm({
    message: question,
    initialValue: false,
    output: process.stderr,
    signal: context.signal,
  })
  if (clack.isCancel(answer)) throw new InterruptedError()
  return answer
}

/**
 * Wants `word` typed letter by letter.
 * @throws PgherdError PGHERD_CONFIRMATION_NEEDED where nobody can be asked
 */
export async function askForWord(
  context: CommandContext,
  question: string,
  word: string,
  optionInstead: string,
): Promise<boolean> {
  refuseUnlessAsked(context, question, optionInstead)
  const answer = await clack.text({
    message: question,
    output: process.stderr,
    signal: context.signal,
  })
  if (clack.isCancel(answer)) throw new InterruptedError()
  return answer === word
}

function refuseUnlessAsked(context: CommandContext, question: string, optionInstead: string): void {
  if (context.terminal.canAsk && !context.isJson) return
  throw new PgherdError({
    code: 'PGHERD_CONFIRMATION_NEEDED',
    reason: 'usage',
    message: `this needs an answer: ${question}`,
    because: 'there is no terminal to ask at',
    hint: `run it at a terminal, or add ${optionInstead}`,
  })
}
