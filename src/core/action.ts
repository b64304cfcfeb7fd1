// What an agent can be told to do. Every action may be run twice: it looks whether its goal is reached.

import type { NodeLayout } from './cluster-layout.ts'
import type { Lsn } from './lsn.ts'
import type { Epoch, NodeName, SystemId } from './names.ts'
import type { WalPosition } from './position.ts'
import type { PrimaryView } from './rejoin.ts'
import type { SyncList, SyncRecord } from './sync-list.ts'

export type Action =
  | { readonly kind: 'acquire-lease' }
  | { readonly kind: 'reclaim-lease' }
  /** Forget a lease that is lost; nothing is written. */
  | { readonly kind: 'drop-lease' }
  | { readonly kind: 'release-lease'; readonly handOverTo: NodeName | null }
  /** The lease stays, but nobody is to be routed here. */
  | { readonly kind: 'close-lease' }
  | { readonly kind: 'stop-postgres'; readonly mode: 'fast' | 'immediate' }
  | { readonly kind: 'bootstrap'; readonly epoch: Epoch }
  | { readonly kind: 'adopt-staged' }
  | { readonly kind: 'start-standby' }
  | { readonly kind: 'start-primary'; readonly epoch: Epoch; readonly list: SyncList }
  | { readonly kind: 'ask-seals'; readonly epoch: Epoch; readonly systemId: SystemId }
  | { readonly kind: 'record-election'; readonly epoch: Epoch }
  | { readonly kind: 'fetch-wal'; readonly source: NodeLayout; readonly until: WalPosition }
  | { readonly kind: 'promote'; readonly epoch: Epoch; readonly record: SyncRecord }
  | { readonly kind: 'prove-list'; readonly record: SyncRecord }
  | { readonly kind: 'open'; readonly epoch: Epoch; readonly record: SyncRecord }
  | { readonly kind: 'keep-serving' }
  | { readonly kind: 'checkpoint'; readonly requestId: string }
  /** Routes nobody here any more and lets no new client in. */
  | { readonly kind: 'close-gate' }
  | { readonly kind: 'clear-switchover' }
  /** The holder writes again what was lost in the store and is in its memory. */
  | { readonly kind: 'restore-records'; readonly sync: SyncRecord | null }
  | { readonly kind: 'keep-following' }
  | { readonly kind: 'detach' }
  | { readonly kind: 'follow'; readonly primary: PrimaryView }
  | { readonly kind: 'rewind'; readonly primary: PrimaryView; readonly forkLsn: Lsn | null }
  | { readonly kind: 'clone'; readonly primary: PrimaryView }
  | { readonly kind: 'back-off' }
  | { readonly kind: 'fail'; readonly detail: string }
  | { readonly kind: 'exit' }

export type ActionKind = Action['kind']
export type ActionOf<Kind extends ActionKind> = Extract<Action, { kind: Kind }>
