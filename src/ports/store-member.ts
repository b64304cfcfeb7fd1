// The etcd member that a voter runs. Started, watched and repaired by its agent; users never meet it.

export type StoreMemberState =
  | { readonly kind: 'none' } // this node does not vote
  | { readonly kind: 'starting'; readonly detail: string }
  | { readonly kind: 'running'; readonly isLeader: boolean; readonly databaseBytes: number }
  | { readonly kind: 'failed'; readonly detail: string }

export interface StoreMember {
  /** Starts the member and keeps it alive until `stop`. A wiped one is replaced, a killed one restarted. */
  start(): void
  state(): StoreMemberState
  /** Whether this volume has ever been part of the store. A peer with an empty volume asks for it. */
  hasEverRun(): boolean
  /** Asks etcd to lead from another member: the primary's host should not carry both. */
  moveLeadershipAway(deadlineMs: number): Promise<void>
  stop(): Promise<void>
}
