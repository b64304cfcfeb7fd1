// What a command is: data from which the parser, `--help`, the completion scripts and the pages in
// docs/cli are all made. The list is command-table.ts.

import type { ExitReason } from '../lib/errors.ts'
import type { CommandContext } from './context.ts'

/** What a shell may offer for a value: only what the command accepts. `lab-hosts` is a list with commas. */
export type Completion =
  | 'node'
  | 'node-or-primary'
  | 'data-node-or-primary'
  | 'candidate'
  | 'balancer'
  | 'lab-host'
  | 'lab-hosts'
  | 'event'
  | 'cluster'
  | 'code'
  | 'file'
  | 'setting'
  | readonly string[]

export type CommandArgument = {
  readonly name: string
  readonly description: string
  readonly isRequired: boolean
  /** Takes all that follows. */
  readonly isVariadic?: boolean
  readonly completes?: Completion
}

export type CommandOption = {
  /** `--to <node>` or `-f, --follow`. */
  readonly flags: string
  readonly description: string
  readonly completes?: Completion
}

export type CommandExample = { readonly line: string; readonly note: string }

export type CommandGroup = 'Cluster' | 'Look' | 'Connect' | 'Change' | 'Node' | 'Lab' | 'More'

export const commandGroups: readonly CommandGroup[] = [
  'Cluster',
  'Look',
  'Connect',
  'Change',
  'Node',
  'Lab',
  'More',
]

export type Command = {
  /** One or two words: `status`, `node stop`. */
  readonly name: string
  readonly group: CommandGroup
  /** One line, no full stop. */
  readonly summary: string
  /** What it does, promises and refuses; paragraphs. */
  readonly description: readonly string[]
  readonly arguments: readonly CommandArgument[]
  readonly options: readonly CommandOption[]
  readonly examples: readonly CommandExample[]
  /** How it may end besides `done`, `bug`, `usage` and `interrupted`, which every command may. */
  readonly exits: readonly ExitReason[]
  /** Hands what it does not know to another program instead of refusing it. */
  readonly takesForeignOptions?: boolean
  /** @returns how it ended; an error is thrown */
  readonly run: (context: CommandContext, input: CommandInput) => Promise<CommandEnd>
}

/** How a command ended: a reason of ours, or the exit code of the program that it ran. */
export type CommandEnd = ExitReason | { readonly exitCode: number }

/** What was typed after the command's name. */
export type CommandInput = {
  /** Null when it was left out. */
  argument(name: string): string | null
  /** The values of a variadic argument. */
  rest(name: string): readonly string[]
  /** The value of `--name VALUE`; null when it was left out. */
  text(option: string): string | null
  isSet(option: string): boolean
}

/** Options that every command takes. */
export const globalOptions: readonly CommandOption[] = [
  {
    flags: '--cluster <name>',
    description: 'the cluster, when there are several',
    completes: 'cluster',
  },
  { flags: '--spec <file>', description: 'a spec file that names the cluster', completes: 'file' },
  { flags: '--json', description: 'print a JSON document instead of text' },
  {
    flags: '--color <when>',
    description: 'auto, always or never',
    completes: ['auto', 'always', 'never'],
  },
  { flags: '--verbose', description: 'with an error, print the raw error as well' },
  { flags: '-h, --help', description: 'print help' },
]

/** The long name of an option: `--to <node>` is `to`. */
export function optionName(option: CommandOption): string {
  return /--([a-z][a-z-]*)/.exec(option.flags)?.[1] ?? option.flags
}

/** Whether the option is followed by a value. */
export function takesValue(option: CommandOption): boolean {
  return option.flags.includes('<')
}
