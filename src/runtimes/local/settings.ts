// What the local runtime is given by the composition root.

import type { LoadedSpec } from '../../config/load.ts'
import type { FileOwner } from '../../host/files.ts'
import type { Clock } from '../../ports/clock.ts'
import type { StatusClient } from '../../ports/status-client.ts'

export type LocalSettings = {
  readonly clock: Clock
  /** Folder of all clusters, absolute. */
  readonly home: string
  /** As root: the user that everything of a cluster runs as and belongs to. Null: ourselves. */
  readonly owner: (FileOwner & { readonly name: string }) | null
  readonly program: {
    /** Node itself. */
    readonly execPath: string
    /** Folder with `main` and what it starts. */
    readonly directory: string
    readonly main: string
    readonly files: readonly string[]
  }
  /**
   * Checks that the programs the nodes need are there and new enough.
   * @returns PostgreSQL's major version, which the cluster then keeps
   * @throws PgherdError
   */
  checkPrograms(spec: LoadedSpec): Promise<{ readonly postgresMajor: number }>
  /** A client of agents that know `secret`. */
  connect(secret: string): StatusClient
}
