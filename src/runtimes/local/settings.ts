// What the local runtime is given by the composition root.

import type { LoadedSpec } from '../../config/load.ts'
import type { Dialer } from '../../host/dial.ts'
import type { FileOwner } from '../../host/files.ts'
import type { Clock } from '../../ports/clock.ts'
import type { StatusClient } from '../../ports/status-client.ts'
import type { Site } from './site.ts'

/** As root everything of a cluster runs as and belongs to this user. */
export type ClusterOwner = FileOwner & { readonly name: string }

export type LocalSettings = {
  readonly clock: Clock
  /** Folder of all clusters, absolute. */
  readonly home: string
  /** The home is the default one, which we made: it goes with its last cluster. */
  readonly isHomeOurs: boolean
  /** Null: everything runs as ourselves, which in a lab is root, as on hosts. */
  readonly owner: ClusterOwner | null
  readonly site: Site
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

/** The settings as the composition root has them, before it is known which cluster they are for. */
export type LocalOptions = Omit<LocalSettings, 'owner' | 'site' | 'connect'> & {
  /**
   * A client of agents that know `secret`.
   * @param dialer how to reach them; null: over this machine's own network
   */
  connect(secret: string, dialer: Dialer | null): StatusClient
  /** @throws PgherdError when we are root and there is nobody else to run as */
  resolveOwner(): Promise<ClusterOwner | null>
}
