// What is wrong with a command line, in our words: the parser's complaint, what was probably meant, and
// where to read on. Pure.

import type { CommanderError } from 'commander'
import { closest } from '../config/closest.ts'
import { PgherdError } from '../lib/errors.ts'
import { type Command, globalOptions, optionName } from './command.ts'
import { commandOf, positionals } from './complete.ts'
import { usageOf } from './render-help.ts'

export function explainUsage(
  error: CommanderError,
  commands: readonly Command[],
  argv: readonly string[],
): PgherdError {
  const plain = positionals(commands, argv)
  const typed = commandOf(commands, plain)
  const text = error.message.replace(/^error: /, '')
  const word = /'([^']*)'/.exec(text)?.[1] ?? ''
  if (error.code === 'commander.unknownCommand') return unknownCommand(commands, plain, word)
  if (error.code === 'commander.unknownOption') return unknownOption(typed, word)
  const name = typed === null ? 'pgherd' : `pgherd ${typed.name}`
  const help = typed === null ? 'pgherd --help' : `pgherd help ${typed.name}`
  const form = typed === null ? undefined : `it is written: ${usageOf(typed)}`
  switch (error.code) {
    case 'commander.missingArgument':
      return usageError(`${name} needs ${wordFor(typed, word)}`, help, form)
    case 'commander.excessArguments': {
      const extra = typed === null ? [] : plain.slice(wordCountMax(typed))
      return usageError(`${name} does not take "${extra.join(' ')}"`, help, form)
    }
    case 'commander.optionMissingArgument': {
      const long = word.replace(/^-\w, /, '')
      return usageError(`${long.split(' ')[0] ?? ''} needs a value`, help, `it is written: ${long}`)
    }
    default:
      return usageError(text, help)
  }
}

function unknownCommand(
  commands: readonly Command[],
  plain: readonly string[],
  word: string,
): PgherdError {
  const names = commands.map((command) => command.name)
  const [first = ''] = plain
  const group = names.filter((name) => name.startsWith(`${first} `))
  if (group.length > 0) {
    const meant = closest(`${first} ${word}`, group)
    const because = meant === null ? `its commands are ${group.join(', ')}` : didYouMean(meant)
    return usageError(`there is no command "${first} ${word}"`, `pgherd help ${first}`, because)
  }
  const meant =
    names.find((name) => name.endsWith(` ${word}`)) ??
    closest(word, [...names, ...names.map((name) => name.split(' ')[0] ?? '')])
  const because = meant === null ? undefined : didYouMean(meant)
  return usageError(`there is no command "${word}"`, 'pgherd --help', because)
}

function unknownOption(typed: Command | null, word: string): PgherdError {
  const options = [...(typed?.options ?? []), ...globalOptions]
  const meant = closest(
    word.replace(/=.*/, ''),
    options.map((option) => `--${optionName(option)}`),
  )
  const of = typed === null ? 'pgherd' : `pgherd ${typed.name}`
  const help = typed === null ? 'pgherd --help' : `pgherd help ${typed.name}`
  return usageError(
    `${of} has no option ${word}`,
    help,
    meant === null ? undefined : didYouMean(meant),
  )
}

/** `<node>: name of the node` */
function wordFor(command: Command | null, name: string): string {
  const argument = command?.arguments.find((one) => one.name === name)
  return argument === undefined ? `<${name}>` : `<${name}>: ${argument.description}`
}

/** How many words a command line of this command has at most, options aside. */
function wordCountMax(command: Command): number {
  return command.name.split(' ').length + command.arguments.length
}

function didYouMean(word: string): string {
  return `did you mean "${word}"?`
}

/** @param help the command that tells more */
export function usageError(message: string, help: string, because?: string): PgherdError {
  return new PgherdError({
    code: 'PGHERD_USAGE',
    reason: 'usage',
    message,
    ...(because === undefined ? {} : { because }),
    hint: `see ${help}`,
  })
}
