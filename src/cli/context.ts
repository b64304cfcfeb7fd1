// What a command works with: the terminal, the selected cluster, the clock, and the services that
// wiring.ts puts in. Nothing here knows an adapter.

import type { NodeName } from '../core/names.ts'
import { type LoadedSpec, defaultSpec, loadSpec } from '../config/load.ts'
import { isLoopback } from '../config/ports.ts'
import { PgherdError } from '../lib/errors.ts'
import type { Clock } from '../ports/clock.ts'
import type { FileCheck, RenderedFile } from '../ports/rendered-file.ts'
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
  /**
   * The files of HAProxy and Keepalived for a balancer without an agent, and whether the programs of this
   * machine accept them.
   * @throws PgherdError PGHERD_INTERFACE_UNKNOWN, PGHERD_ADDRESS_UNKNOWN, or as the programs' checks do
   */
  renderBalancer(options: RenderOptions): Promise<RenderedBalancer>
}

export type RenderOptions = {
  readonly loaded: LoadedSpec
  readonly node: NodeName
  /** Null: without statistics. */
  readonly statsPassword: string | null
}

export type RenderedBalancer = {
  readonly files: readonly RenderedFile[]
  readonly checks: readonly FileCheck[]
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
  try {
    return await runtime.openSpec(specFile)
  } catch (error) {
    if (!(error instanceof PgherdError) || error.code !== 'PGHERD_CLUSTER_UNKNOWN') throw error
    throw notMadeError(specFile, await loadSpec(specFile))
  }
}

/** Neither here, nor are there secrets with which agents elsewhere could be asked. */
function notMadeError(specFile: string, { layout }: LoadedSpec): PgherdError {
  const isElsewhere = layout.nodes.some((node) => !isLoopback(node.host))
  return new PgherdError({
    code: 'PGHERD_CLUSTER_UNKNOWN',
    reason: 'configuration',
    message: `there is no cluster ${layout.cluster} on this machine`,
    because: isElsewhere
      ? 'its nodes have hosts of their own, and no folder secrets/ lies beside the spec file'
      : `nobody has made the cluster of ${specFile} yet`,
    hint: isElsewhere
      ? `copy secrets/ from a host (of a new cluster: pgherd secrets --spec ${specFile}); on each host run: ` +
        `pgherd agent --spec ${specFile} --node NAME`
      : `make it with: pgherd up --spec ${specFile}`,
  })
}

/** Prints a document as JSON, indented, with a line break at its end. */
export function printJson(context: CommandContext, document: unknown): void {
  context.terminal.print(JSON.stringify(document, null, 2))
}
