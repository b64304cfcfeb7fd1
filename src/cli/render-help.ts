// `--help` of the program and of each command, made from the command's own description. Pure.

import { type ExitReason, exitCodes, exitMeanings } from '../lib/errors.ts'
import {
  type Command,
  type CommandArgument,
  type CommandOption,
  commandGroups,
  globalOptions,
} from './command.ts'
import { wrap, wrapIndented } from './render-table.ts'
import { type Style, columnsOf } from './style.ts'

const widthBest = 96
/** As wide as the word Usage and the blanks behind it. */
const usageIndent = ' '.repeat(7)

/** Every command by group. */
export function renderProgramHelp(
  commands: readonly Command[],
  widthMax: number,
  style: Style,
): readonly string[] {
  const width = Math.min(widthMax, widthBest)
  const nameWidth = Math.max(...commands.map((command) => signature(command).length))
  return [
    ...wrap(
      `${style.bold('pgherd')} keeps a PostgreSQL database available and its data safe.`,
      width,
    ),
    '',
    `${style.accent('Usage')}  pgherd <command> [options]`,
    ...commandGroups.flatMap((group) => [
      '',
      style.accent(group),
      ...commands
        .filter((command) => command.group === group)
        .flatMap((command) => entry(signature(command), command.summary, nameWidth, width)),
    ]),
    '',
    ...optionLines('Options of every command', globalOptions, width, style),
    '',
    `First steps: ${style.bold('pgherd up')}, then ${style.bold('pgherd status')}.`,
    ...wrap(
      `More about a command: ${style.bold('pgherd help COMMAND')}; about an error: ` +
        `${style.bold('pgherd help CODE')}.`,
      width,
    ),
  ]
}

/** One group of commands that share their first word, as `node`. */
export function renderGroupHelp(
  first: string,
  commands: readonly Command[],
  widthMax: number,
  style: Style,
): readonly string[] {
  const members = commands.filter((command) => command.name.startsWith(`${first} `))
  const nameWidth = Math.max(...members.map((command) => signature(command).length))
  return [
    `${style.accent('Usage')}  pgherd ${first} <command> [options]`,
    '',
    ...members.flatMap((command) =>
      entry(signature(command), command.summary, nameWidth, Math.min(widthMax, widthBest)),
    ),
  ]
}

export function renderCommandHelp(
  command: Command,
  widthMax: number,
  style: Style,
): readonly string[] {
  const width = Math.min(widthMax, widthBest)
  return [
    ...wrap(`${style.bold(`pgherd ${command.name}`)}: ${command.summary}`, width, '  '),
    '',
    ...wrap(`${style.accent('Usage')}  ${usageOf(command)}`, width, usageIndent),
    ...command.description.flatMap((paragraph) => ['', ...wrap(paragraph, width)]),
    ...argumentLines(command, width, style),
    ...(command.options.length === 0
      ? []
      : ['', ...optionLines('Options', command.options, width, style)]),
    '',
    ...optionLines('Options of every command', globalOptions, width, style),
    '',
    style.accent('Examples'),
    ...command.examples.flatMap((example) => [
      ...commandLines(example.line, width).map((line) => `  ${style.bold(line)}`),
      ...wrapIndented(example.note, width, '    '),
    ]),
    '',
    style.accent('Exit codes'),
    ...exitReasonsOf(command).flatMap((reason) =>
      entry(String(exitCodes[reason]).padStart(3), exitMeanings[reason], 3, width),
    ),
  ]
}

/** Every way in which the command may end, by code. */
export function exitReasonsOf(command: Command): readonly ExitReason[] {
  const reasons = new Set<ExitReason>(['done', 'bug', 'usage', 'interrupted', ...command.exits])
  return [...reasons].sort((left, right) => exitCodes[left] - exitCodes[right])
}

/** `pgherd switchover [options] [node]` */
export function usageOf(command: Command): string {
  const parts = ['pgherd', command.name, '[options]', ...command.arguments.map(placeholder)]
  return parts.join(' ')
}

function signature(command: Command): string {
  return [command.name, ...command.arguments.map(placeholder)].join(' ')
}

function placeholder(argument: CommandArgument): string {
  const name = argument.isVariadic === true ? `${argument.name}...` : argument.name
  return argument.isRequired ? `<${name}>` : `[${name}]`
}

function argumentLines(command: Command, width: number, style: Style): readonly string[] {
  if (command.arguments.length === 0) return []
  const names = command.arguments.map(placeholder)
  const nameWidth = Math.max(...names.map((name) => name.length))
  return [
    '',
    style.accent('Arguments'),
    ...command.arguments.flatMap((argument, index) =>
      entry(names[index] ?? '', argument.description, nameWidth, width),
    ),
  ]
}

/** A command line as a shell takes it: words stay whole, a backslash ends every line but the last. */
function commandLines(line: string, width: number): readonly string[] {
  const words = line.match(/(?:'[^']*'|\S)+/g) ?? []
  // The blanks before it and the backslash behind it.
  const room = width - 4
  const lines = ['$']
  for (const word of words) {
    const longer = `${lines.at(-1) ?? ''} ${word}`
    if (longer.length > room && lines.at(-1) !== '$') lines.push(`    ${word}`)
    else lines[lines.length - 1] = longer
  }
  return lines.map((each, index) => (index < lines.length - 1 ? `${each} \\` : each))
}

function optionLines(
  title: string,
  options: readonly CommandOption[],
  width: number,
  style: Style,
): readonly string[] {
  const flagsWidth = Math.max(...options.map((option) => flagsOf(option).length))
  return [
    style.accent(title),
    ...options.flatMap((option) => entry(flagsOf(option), option.description, flagsWidth, width)),
  ]
}

/** Long options stand below each other, with or without a short one before them. */
function flagsOf(option: CommandOption): string {
  return option.flags.startsWith('--') ? `    ${option.flags}` : option.flags
}

function entry(name: string, text: string, nameWidth: number, width: number): readonly string[] {
  const indent = ' '.repeat(nameWidth + 4)
  const lines = wrap(text, Math.max(20, width - columnsOf(indent)))
  return lines.map((line, index) =>
    index === 0 ? `  ${name.padEnd(nameWidth)}  ${line}` : indent + line,
  )
}
