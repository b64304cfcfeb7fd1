// Calls between agents. Both sides prove that they know the cluster's secret.

import type { Epoch, Incarnation, NodeName, SystemId } from '../core/names.ts'
import type { NodeReport } from '../core/node-report.ts'
import type { WalPosition } from '../core/position.ts'

export type SealRequest = {
  readonly systemId: SystemId
  readonly epoch: Epoch
  readonly candidate: NodeName
}

export type SealAnswer =
  /** Promise kept on disk, receiver gone, WAL read to its end: evidence. */
  | {
      readonly kind: 'sealed'
      readonly incarnation: Incarnation
      readonly position: WalPosition
      /** May this member be promoted itself? (Not a noFailover node.) */
      readonly canBePrimary: boolean
    }
  /** The promise is kept, but the directory is no evidence now. `why` is for people. */
  | { readonly kind: 'promised'; readonly incarnation: Incarnation | null; readonly why: string }
  /** A higher promise was made before. */
  | { readonly kind: 'refused'; readonly promise: Epoch; readonly why: string }

export type ConfirmRequest = {
  readonly systemId: SystemId
  readonly epoch: Epoch
  readonly holder: NodeName
  /** A peer that confirms will not acquire the lease for this long. */
  readonly ttlMs: number
}

/** Whether the peer knows no newer lease and has not been sealed for a higher epoch (safety.md 2.5). */
export type ConfirmAnswer = { readonly isConfirmed: boolean; readonly promise: Epoch }

/** What tells that a node has been part of a cluster: nobody founds a store beside it. */
export type ClusterTrace =
  /** A store has run on this node, whatever is left of it. */
  | 'store'
  | 'promise'
  | 'system-id'
  /** A data directory, usable or not. */
  | 'data'

/** What a peer tells without the store: used before the very first lease, and by `status`. */
export type HelloAnswer = {
  readonly report: NodeReport
  /** True when this node holds a data directory (of any cluster). */
  readonly hasData: boolean
  /** The part of `traces` that older versions ask for. Null: not known. */
  readonly hasEverRunStore: boolean | null
  /**
   * What this node has of a cluster, empty when nothing: a voter with an empty store asks every node,
   * because it must not found a second store. Null: not known yet, or an answer of an older version.
   */
  readonly traces: readonly ClusterTrace[] | null
  /** The founding of the store that this voter has begun; founders start under one token. */
  readonly foundingToken: string | null
}

/** The peer could not be reached, was too slow, or did not prove that it belongs to the cluster. */
export class PeerUnavailableError extends Error {
  override readonly name = 'PeerUnavailableError'
}

export interface Peers {
  /** @throws PeerUnavailableError after `deadlineMs` */
  seal(node: NodeName, request: SealRequest, deadlineMs: number): Promise<SealAnswer>
  /** @throws PeerUnavailableError after `deadlineMs` */
  confirm(node: NodeName, request: ConfirmRequest, deadlineMs: number): Promise<ConfirmAnswer>
  /** @throws PeerUnavailableError after `deadlineMs` */
  hello(node: NodeName, deadlineMs: number): Promise<HelloAnswer>
}

/** The other side of the same calls; the agent implements it, the HTTP adapter and the simulator call it. */
export interface PeerService {
  onSeal(request: SealRequest): Promise<SealAnswer>
  onConfirm(request: ConfirmRequest): ConfirmAnswer
  onHello(): HelloAnswer
}
