// Shell completion: what could stand at the cursor, from the command table. The scripts for the shells
// only ask `pgherd __complete WORDS…`, so that there is one place that knows. Pure.

import {
  type Command,
  type CommandOption,
  type Completion,
  globalOptions,
  optionName,
  takesValue,
} from './command.ts'

export type Candidate = { readonly value: string; readonly description: string }

export type Candidates =
  | { readonly kind: 'words'; readonly candidates: readonly Candidate[] }
  /** Names that only the cluster knows, or files that the shell knows. */
  | { readonly kind: 'values'; readonly completes: Completion }

/** @param words after `pgherd`, the last one unfinished (perhaps empty) */
export function completeWords(commands: readonly Command[], words: readonly string[]): Candidates {
  const current = words.at(-1) ?? ''
  const before = words.slice(0, -1)
  const plain = positionals(commands, before)
  const command = commandOf(commands, plain)
  const options = [...(command?.options ?? []), ...globalOptions]
  const awaiting = options.find((option) => takesValue(option) && isNamed(option, before.at(-1)))
  if (awaiting !== undefined) return valuesOf(awaiting.completes)
  if (current.startsWith('-')) return offer(optionCandidates(options, before), current)
  if (command === null) return offer(commandCandidates(commands, plain), current)
  const at = plain.length - command.name.split(' ').length
  const argument =
    command.arguments[at] ?? command.arguments.findLast((one) => one.isVariadic === true)
  return argument === undefined ? offer([], current) : valuesOf(argument.completes)
}

function offer(candidates: readonly Candidate[], current: string): Candidates {
  return { kind: 'words', candidates: candidates.filter(({ value }) => value.startsWith(current)) }
}

function valuesOf(completes: Completion | undefined): Candidates {
  if (completes === undefined) return { kind: 'words', candidates: [] }
  return { kind: 'values', completes }
}

/** The words that are neither options nor their values. */
export function positionals(
  commands: readonly Command[],
  words: readonly string[],
): readonly string[] {
  const options = [...globalOptions, ...commands.flatMap((command) => command.options)]
  return words.filter((word, index) => {
    if (word.startsWith('-')) return false
    const previous = words[index - 1]
    return !options.some((option) => takesValue(option) && isNamed(option, previous))
  })
}

/** The command that the first of these words name. */
export function commandOf(commands: readonly Command[], plain: readonly string[]): Command | null {
  const two = plain.slice(0, 2).join(' ')
  return (
    commands.find((command) => command.name === two) ??
    commands.find((command) => command.name === plain[0]) ??
    null
  )
}

function isNamed(option: CommandOption, word: string | undefined): boolean {
  return word !== undefined && option.flags.split(/[ ,]+/).includes(word)
}

function optionCandidates(
  options: readonly CommandOption[],
  before: readonly string[],
): readonly Candidate[] {
  return options
    .filter((option) => !before.some((word) => isNamed(option, word)))
    .map((option) => ({ value: `--${optionName(option)}`, description: option.description }))
}

/** First words, or the second ones of a group. */
function commandCandidates(
  commands: readonly Command[],
  plain: readonly string[],
): readonly Candidate[] {
  const [first] = plain
  if (first !== undefined) {
    return commands
      .filter((command) => command.name.startsWith(`${first} `))
      .map((command) => ({
        value: command.name.slice(first.length + 1),
        description: command.summary,
      }))
  }
  const byWord = new Map<string, string>()
  for (const command of commands) {
    const [word = '', second] = command.name.split(' ')
    if (!byWord.has(word))
      byWord.set(word, second === undefined ? command.summary : secondWords(commands, word))
  }
  return [...byWord].map(([value, description]) => ({ value, description }))
}

/** `stop, start, kill`: what may follow the first word of a group. */
function secondWords(commands: readonly Command[], first: string): string {
  const words = commands.map((command) => command.name.split(' '))
  return words.flatMap(([word, second]) => (word === first ? (second ?? []) : [])).join(', ')
}

/** One candidate a line, with a tab before its description; the form that the scripts read. */
export function renderCandidates(candidates: readonly Candidate[]): readonly string[] {
  return candidates.map(({ value, description }) => `${value}\t${description}`)
}

/** What `__complete` prints for the shell to complete file names by itself. */
export const fileDirective = ':files'
