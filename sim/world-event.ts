// Everything that a checker may judge: what really happened, seen from outside the nodes, in the order
// in which it happened. Agents never see these.

import type { Epoch, Incarnation, NodeName, TimelineId } from '../src/core/names.ts'
import type { StoreView } from '../src/core/store-view.ts'
import type { SyncList } from '../src/core/sync-list.ts'
import type { SealAnswer } from '../src/ports/peers.ts'
import type { Commit, WalEntry } from './postgres/wal.ts'

export type WorldEvent =
  /** A server became primary, or its node took a new epoch as the owner of the record. */
  | {
      readonly kind: 'opened'
      readonly node: NodeName
      readonly epoch: Epoch
      readonly wal: readonly WalEntry[]
    }
  /** The first client got in since the server became primary: it sees these commits. */
  | {
      readonly kind: 'clients-let-in'
      readonly node: NodeName
      readonly epoch: Epoch
      readonly wal: readonly WalEntry[]
    }
  /** A client's write reached a server that executed it; not yet acknowledged. */
  | { readonly kind: 'written'; readonly node: NodeName; readonly epoch: Epoch }
  | {
      readonly kind: 'acknowledged'
      readonly node: NodeName
      readonly epoch: Epoch
      readonly commit: Commit
      readonly entry: WalEntry
    }
  | {
      readonly kind: 'promoted'
      readonly node: NodeName
      readonly epoch: Epoch
      readonly timeline: TimelineId
      readonly entry: WalEntry
    }
  /** Some process of a primary uses another list than before, or a walsender began or ended. */
  | {
      readonly kind: 'lists-used'
      readonly node: NodeName
      readonly epoch: Epoch
      readonly lists: readonly SyncList[]
    }
  | {
      readonly kind: 'store-written'
      readonly by: NodeName
      readonly before: StoreView
      readonly after: StoreView
    }
  | {
      readonly kind: 'promise-saved'
      readonly node: NodeName
      readonly before: Epoch | null
      readonly after: Epoch | null
    }
  /** A node begins to stream from, to be rewound to, or to be cloned from a server. */
  | {
      readonly kind: 'attached'
      readonly how: 'stream' | 'rewind' | 'clone'
      readonly node: NodeName
      readonly promise: Epoch | null
      readonly upstream: NodeName
      /** Null when the upstream is a standby. */
      readonly upstreamEpoch: Epoch | null
      /** Epoch in which the upstream's timeline was born. */
      readonly birthEpoch: Epoch | null
    }
  /** A standby tells a primary how far it has flushed. */
  | {
      readonly kind: 'flush-reported'
      readonly node: NodeName
      readonly upstream: NodeName
      readonly upstreamEpoch: Epoch
      /** The primary waits for this standby: its walsender has a priority. */
      readonly isListed: boolean
      readonly promise: Epoch | null
      /** Epoch in which the primary's timeline was born. */
      readonly birthEpoch: Epoch | null
    }
  | {
      readonly kind: 'seal-answered'
      readonly node: NodeName
      readonly epoch: Epoch
      readonly answer: SealAnswer
      readonly promiseOnDisk: Epoch | null
      readonly wal: readonly WalEntry[]
      readonly flushedCount: number
      readonly mustPass: WalEntry | null
      readonly isReceiving: boolean
    }
  /** Two branches with one timeline id met: PostgreSQL would stream one on top of the other. */
  | {
      readonly kind: 'branches-mixed'
      readonly node: NodeName
      readonly upstream: NodeName
      readonly timeline: TimelineId
    }
  /** WAL that no other copy was made of was cut off. */
  | { readonly kind: 'data-destroyed'; readonly node: NodeName; readonly how: string }
  /** What an agent tells a balancer. */
  | {
      readonly kind: 'role-answered'
      readonly node: NodeName
      readonly isPrimary: boolean
      readonly store: StoreView
    }
  /** A node's processes stood still from `sinceMs` until now. */
  | { readonly kind: 'thawed'; readonly node: NodeName; readonly sinceMs: number }
  | {
      readonly kind: 'incarnation'
      readonly node: NodeName
      readonly incarnation: Incarnation
    }
