// The etcd member that a voter runs. Started, watched and repaired by its agent; users never meet it.

import type { FirstRecords, SeenRecords } from '../core/store-recovery.ts'

export type StoreMemberState =
  | { readonly kind: 'none' } // this node does not vote
  /** `isEmpty`: this volume holds no copy of the store (any more). */
  | { readonly kind: 'starting'; readonly detail: string; readonly isEmpty?: boolean }
  | { readonly kind: 'running'; readonly isLeader: boolean; readonly databaseBytes: number }
  | { readonly kind: 'failed'; readonly detail: string }

export interface StoreMember {
  /** Starts the member and keeps it alive until `stop`. A wiped one is replaced, a killed one restarted. */
  start(): void
  state(): StoreMemberState
  /** Whether this node has ever been part of the store. A peer with an empty store asks for it. */
  hasEverRun(): boolean
  /** The token of the founding that this voter has begun; null when it has begun none. */
  foundingToken(): string | null
  /** Asks etcd to lead from another member: the primary's host should not carry both. */
  moveLeadershipAway(deadlineMs: number): Promise<void>
  stop(): Promise<void>
  /**
   * This volume's own copy of the store, read without a majority, so perhaps old; null when the node does
   * not vote. Never throws: what cannot be read is null.
   */
  ownCopy(): Promise<StoreCopy | null>
  /**
   * The store is lost: puts this volume's copy aside, and from then on waits for a store to join.
   * @throws Error when the disk refuses
   */
  giveUpCopy(): Promise<void>
  /**
   * The store is lost: begins a new one on this volume alone that holds exactly `records`. Nobody can reach
   * it before they are in it; the former copy is put aside. Killed in between, the former copy stays.
   * @throws Error when etcd or the disk refuses
   */
  foundAnew(records: FirstRecords): Promise<void>
}

export type StoreCopy = {
  readonly hasData: boolean
  readonly raftIndex: number | null
  readonly records: SeenRecords | null
}
