// What a simulated server needs of the world around it.

import type { Epoch, NodeName, TimelineId } from '../../src/core/names.ts'
import type { Network, Place } from '../network.ts'
import type { Physics } from '../physics.ts'
import type { Simulator } from '../simulator.ts'
import type { WorldEvent } from '../world-event.ts'
import type { SimDataDirectory } from './data-directory.ts'
import type { SimServer } from './server.ts'

export type ServerWorld = {
  readonly simulator: Simulator
  readonly network: Network
  readonly physics: Physics
  readonly walRetrieveRetryMs: number
  /** The server that runs on a node now, in whatever state. */
  serverOf(node: NodeName): SimServer | null
  directoryOf(node: NodeName): SimDataDirectory
  placeOf(node: NodeName): Place
  /** The last epoch in which this node acquired the lease; 0 before. */
  epochOf(node: NodeName): Epoch
  /** The epoch that reserved a timeline id in the store; null when nobody did. */
  birthEpochOf(timeline: TimelineId): Epoch | null
  /** What the node's promise file says. */
  promiseOf(node: NodeName): Epoch | null
  emit(event: WorldEvent): void
  /** The data directory of a node was rewound or replaced. */
  replaced(node: NodeName): void
  /** Whether a start ends what a former server left behind; otherwise it is refused. */
  readonly endsOrphans: boolean
  nextPid(): number
  nextCommitId(): number
}
