// From argv to an exit code: parses with commander what command-table.ts describes, runs the command,
// and turns whatever goes wrong into one error of three lines.

import { InterruptedError } from './ask.ts'
import { Command as Parser, CommanderError, Option } from 'commander'
import { PgherdError, exitCodes } from '../lib/errors.ts'
import { type Command, type CommandInput, globalOptions, optionName } from './command.ts'
import { commandTable } from './command-table.ts'
import { runComplete } from './complete-values.ts'
import type { CliServices, CommandContext } from './context.ts'
import { explainUsage, usageError } from './explain-usage.ts'
import type { Interrupts } from './interrupts.ts'
import { asPgherdError, errorDocument, renderError } from './render-error.ts'
import { renderCommandHelp, renderGroupHelp, renderProgramHelp } from './render-help.ts'
import type { ColourWish, Environment } from './style.ts'
import { type Terminal, type TerminalStreams, createTerminal } from './terminal.ts'

export type ProgramInput = {
  /** Without the program's own name. */
  readonly argv: readonly string[]
  readonly environment: Environment
  readonly streams: TerminalStreams
  readonly interrupts: Interrupts
  readonly version: string
  /** Called when a command runs, not for `--help`: it may fail on a bad environment. */
  services(): CliServices
}

/** Runs one command line. Never throws. @returns the exit code */
export async function runProgram(input: ProgramInput): Promise<number> {
  // What is wrong with the options cannot be asked of the parser, so these two are looked at first.
  const wish = input.argv[0] === '__complete' ? 'never' : colourWishOf(input.argv)
  const terminal = createTerminal(input.streams, input.environment, wish ?? 'auto')
  try {
    if (wish === null) throw usageError('--color takes auto, always or never', 'pgherd --help')
    return await parseAndRun(input, terminal)
  } catch (error) {
    const isInterrupted = input.interrupts.signal.aborted && !(error instanceof PgherdError)
    if (isInterrupted || error instanceof InterruptedError) {
      terminal.tell('Interrupted.')
      return exitCodes.interrupted
    }
    return report(asPgherdError(error), terminal, input.argv)
  } finally {
    terminal.showCursor()
  }
}

function report(error: PgherdError, terminal: Terminal, argv: readonly string[]): number {
  const isVerbose = hasFlag(argv, '--verbose') || error.reason === 'bug'
  if (hasFlag(argv, '--json')) {
    terminal.print(JSON.stringify(errorDocument(error), null, 2))
  } else {
    terminal.tell(...renderError(error, terminal.messageStyle, isVerbose, terminal.messageWidth))
  }
  return error.exitCode
}

/** Options of ours end at `--`. */
function hasFlag(argv: readonly string[], flag: string): boolean {
  const end = argv.indexOf('--')
  return (end === -1 ? argv : argv.slice(0, end)).includes(flag)
}

/** @returns null when the value is none of the three */
function colourWishOf(argv: readonly string[]): ColourWish | null {
  const at = argv.findIndex((word) => word === '--color' || word.startsWith('--color='))
  if (at === -1) return 'auto'
  const value = argv[at]?.split('=', 2)[1] ?? argv[at + 1]
  return value === 'auto' || value === 'always' || value === 'never' ? value : null
}

async function parseAndRun(input: ProgramInput, terminal: Terminal): Promise<number> {
  const { argv } = input
  if (argv.length === 0) {
    terminal.print(...renderProgramHelp(commandTable, terminal.width, terminal.style))
    return exitCodes.done
  }
  if (argv[0] === '__complete') {
    await complete(input, terminal, argv.slice(1))
    return exitCodes.done
  }
  let exitCode: number = exitCodes.done
  const root = buildParser(terminal, input.version, async (command, parser, values) => {
    const globals = parser.optsWithGlobals()
    const context = contextOf(input, terminal, {
      isJson: globals['json'] === true,
      isVerbose: globals['verbose'] === true,
      selection: { cluster: textOf(globals['cluster']), specFile: textOf(globals['spec']) },
    })
    const end = await command.run(context, commandInput(command, globals, values))
    exitCode = typeof end === 'string' ? exitCodes[end] : end.exitCode
  })
  try {
    await root.parseAsync([...argv], { from: 'user' })
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    if (error.exitCode === 0) return exitCodes.done
    // `pgherd node` alone: the list of its commands has been shown.
    if (error.code === 'commander.help') return exitCodes.usage
    throw explainUsage(error, commandTable, argv)
  }
  return exitCode
}

/** Offers nothing rather than complain into somebody's half-typed line. */
async function complete(
  input: ProgramInput,
  terminal: Terminal,
  words: readonly string[],
): Promise<void> {
  // The last word is the one that is being typed.
  const given = (option: string) => {
    const at = words.indexOf(option)
    return at === -1 || at >= words.length - 2 ? null : (words[at + 1] ?? null)
  }
  try {
    const selection = { cluster: given('--cluster'), specFile: given('--spec') }
    await runComplete(contextOf(input, terminal, { selection }), words)
  } catch {
    // No candidates.
  }
}

function contextOf(
  input: ProgramInput,
  terminal: Terminal,
  parsed: Pick<CommandContext, 'selection'> & Partial<CommandContext>,
): CommandContext {
  return {
    commands: commandTable,
    terminal,
    isJson: false,
    isVerbose: false,
    environment: input.environment,
    services: input.services(),
    signal: input.interrupts.signal,
    suspendInterrupts: () => input.interrupts.suspend(),
    ...parsed,
  }
}

function textOf(value: unknown): string | null {
  return typeof value === 'string' ? value : null
}

function commandInput(
  command: Command,
  options: Readonly<Record<string, unknown>>,
  values: readonly unknown[],
): CommandInput {
  const valueOf = (name: string) =>
    values[command.arguments.findIndex((argument) => argument.name === name)]
  return {
    argument: (name) => textOf(valueOf(name)),
    rest: (name) => {
      const value = valueOf(name)
      return Array.isArray(value) ? value.filter((one) => typeof one === 'string') : []
    },
    text: (option) => textOf(options[camelCase(option)]),
    isSet: (option) => options[camelCase(option)] === true,
  }
}

function camelCase(name: string): string {
  return name.replaceAll(/-([a-z])/g, (_, letter: string) => letter.toUpperCase())
}

type Action = (command: Command, parser: Parser, values: readonly unknown[]) => Promise<void>

/** The parser of the whole table; `action` is called for the command that was typed. */
function buildParser(terminal: Terminal, version: string, action: Action): Parser {
  const root = new Parser('pgherd')
  quiet(root, () => renderProgramHelp(commandTable, terminal.width, terminal.style), terminal)
  root.version(version, '-V, --version', 'print the version')
  root.helpCommand(false)
  for (const option of globalOptions) {
    if (optionName(option) !== 'help') root.addOption(new Option(option.flags, option.description))
  }
  const groups = new Map<string, Parser>()
  for (const command of commandTable) {
    const [first = '', second] = command.name.split(' ')
    const parent = second === undefined ? root : groupParser(root, groups, first, terminal)
    addCommand(parent, command, second ?? first, terminal, action)
  }
  return root
}

function groupParser(
  root: Parser,
  groups: Map<string, Parser>,
  first: string,
  terminal: Terminal,
): Parser {
  const known = groups.get(first)
  if (known !== undefined) return known
  const group = root.command(first)
  quiet(group, () => renderGroupHelp(first, commandTable, terminal.width, terminal.style), terminal)
  group.helpCommand(false)
  groups.set(first, group)
  return group
}

function addCommand(
  parent: Parser,
  command: Command,
  word: string,
  terminal: Terminal,
  action: Action,
): void {
  const parser = parent.command(word)
  quiet(parser, () => renderCommandHelp(command, terminal.width, terminal.style), terminal)
  for (const argument of command.arguments) {
    const name = argument.isVariadic === true ? `${argument.name}...` : argument.name
    parser.argument(argument.isRequired ? `<${name}>` : `[${name}]`, argument.description)
  }
  for (const option of command.options) {
    parser.addOption(new Option(option.flags, option.description))
  }
  if (command.takesForeignOptions === true) parser.allowUnknownOption()
  parser.action(async () => {
    await action(command, parser, parser.processedArgs)
  })
}

/** Help is ours, errors are thrown, and the parser prints nothing by itself. */
function quiet(parser: Parser, help: () => readonly string[], terminal: Terminal): void {
  parser.exitOverride()
  parser.showSuggestionAfterError(false)
  parser.helpInformation = () => `${help().join('\n')}\n`
  parser.configureOutput({
    writeOut: (text) => {
      terminal.print(text.replace(/\n$/, ''))
    },
    writeErr: (text) => {
      terminal.tell(text.replace(/\n$/, ''))
    },
    outputError: () => undefined,
  })
}
