// What a command works with: the terminal, the selected cluster, the clock, and the services that
// wiring.ts puts in. Nothing here knows an adapter.

import type { NodeName } from '../core/names.ts'
import { type LoadedSpec, defaultSpec, loadSpec } from '../config/load.ts'
import type { Clock } from '../ports/clock.ts'
import type { Runtime, RuntimeCluster } from '../runtimes/runtime.ts'
import type { Command } from './command.ts'
import type { Environment } from './style.ts'
import type { Terminal } from './terminal.ts'

export type AgentOptions = {
  readonly specFile: string
  readonly node: NodeName
  /** Null: below the state folder of the cluster. */
  readonly dataDirectory: string | null
  readonly socketDirectory: string | null
}

/** What only the composition root can make. */
export type CliServices = {
  readonly clock: Clock
  readonly runtime: Runtime
  /** Runs an agent in the foreground until `signal` aborts. @returns when it has stopped cleanly */
  runAgent(options: AgentOptions, signal: AbortSignal): Promise<void>
}

export type Selection = {
  readonly cluster: string | null
  readonly specFile: string | null
}

export type CommandContext = {
  /** The whole table, for help and completion. */
  readonly commands: readonly Command[]
  readonly terminal: Terminal
  readonly isJson: boolean
  readonly isVerbose: boolean
  readonly environment: Environment
  readonly selection: Selection
  readonly services: CliServices
  /** Aborts on the first Ctrl-C; a second one ends the program at once. */
  readonly signal: AbortSignal
  /** Leaves Ctrl-C to a program in the foreground until the returned function is called. */
  suspendInterrupts(): () => void
}

/** The spec that was named, or the default one. @throws PgherdError as loadSpec does */
export async function selectedSpec(context: CommandContext): Promise<LoadedSpec> {
  const { specFile } = context.selection
  return specFile === null ? defaultSpec() : loadSpec(specFile)
}

/**
 * The cluster that `--cluster` or `--spec` names, here or on its hosts, or the only one there is.
 * @throws PgherdError PGHERD_CLUSTER_UNKNOWN, PGHERD_CLUSTER_AMBIGUOUS, or as loadSpec does
 */
export async function openCluster(context: CommandContext): Promise<RuntimeCluster> {
  const { cluster, specFile } = context.selection
  const { runtime } = context.services
  if (specFile === null || cluster !== null) return runtime.open(cluster)
  return runtime.openSpec(specFile)
}

/** Prints a document as JSON, indented, with a line break at its end. */
export function printJson(context: CommandContext, document: unknown): void {
  context.terminal.print(JSON.stringify(document, null, 2))
}
