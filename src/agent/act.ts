// Action kind → handler, total by type.

import type { Action, ActionKind, ActionOf } from '../core/action.ts'
import type { Decision } from '../core/decision.ts'
import * as election from './acting/election.ts'
import * as lease from './acting/lease.ts'
import * as serving from './acting/serving.ts'
import * as standby from './acting/standby.ts'
import * as start from './acting/start.ts'
import { switchoverOf } from '../core/switchover.ts'
import type { ListChange } from './list-change.ts'
import type { Node } from './node.ts'
import { factsOf } from './node.ts'

export type ActContext = {
  readonly node: Node
  readonly listChange: ListChange
  readonly decision: Decision
}

type Handler<Kind extends ActionKind> = (context: ActContext, action: ActionOf<Kind>) => unknown

const handlers: { readonly [Kind in ActionKind]: Handler<Kind> } = {
  'acquire-lease': ({ node, decision }) => lease.acquireLease(node, decision),
  'reclaim-lease': ({ node }) => lease.reclaimLease(node),
  'drop-lease': async ({ node }) => {
    node.memory.election = null
    node.leaseHold.forget()
    await node.leaseHold.disarm()
  },
  'release-lease': ({ node, decision }, action) => lease.releaseLease(node, action, decision),
  'close-lease': ({ node, decision }) => lease.closeLease(node, decision),
  'stop-postgres': ({ node, decision }, action) => start.stopPostgres(node, action, decision),
  bootstrap: ({ node }, action) => {
    start.bootstrap(node, action)
  },
  'adopt-staged': ({ node }) => start.adoptStaged(node),
  'start-standby': ({ node }) => {
    start.startStandby(node)
  },
  'start-primary': ({ node, decision }, action) => {
    start.startPrimary(node, action, decision)
  },
  'ask-seals': ({ node }, action) => {
    election.askSeals(node, action)
  },
  'record-election': ({ node, decision }, action) =>
    election.recordElection(node, action, decision),
  'fetch-wal': ({ node, decision }, action) => election.fetchWal(node, action, decision),
  promote: ({ node, decision }, action) => election.promote(node, action, decision),
  'prove-list': ({ node, listChange }, action) => election.proveList(node, action, listChange),
  open: ({ node, decision, listChange }, action) => {
    listChange.reset()
    return election.open(node, action, decision)
  },
  'keep-serving': ({ node, listChange }) => serving.keepServing(node, listChange),
  checkpoint: ({ node }, action) => {
    serving.checkpoint(node, action)
  },
  'close-gate': ({ node }) => serving.closeGate(node),
  'clear-switchover': ({ node }) => {
    const view = switchoverOf(factsOf(node))
    return lease.clearSwitchover(node, view.kind === 'impossible' ? view.why : 'it was withdrawn')
  },
  'restore-records': ({ node, decision }, action) => serving.restoreRecords(node, action, decision),
  'keep-following': ({ node }) => standby.keepFollowing(node),
  detach: ({ node }) => standby.detach(node),
  follow: ({ node, decision }, action) => standby.follow(node, action, decision),
  rewind: ({ node, decision }, action) => {
    standby.rewind(node, action, decision)
  },
  clone: ({ node, decision }, action) => {
    standby.clone(node, action, decision)
  },
  'back-off': ({ node }) => {
    start.backOff(node)
  },
  fail: ({ node }, action) => {
    start.fail(node, action.detail)
  },
  exit: ({ node }) => {
    node.memory.hasExited = true
  },
}

/** Carries out one action. @returns true when the loop should look again soon */
export async function act(context: ActContext, action: Action): Promise<boolean> {
  const handler = handlers[action.kind] as Handler<ActionKind>
  return (await handler(context, action)) === true
}
