// Actions of a node that follows: follow, detach, rewind, clone, and the quiet life afterwards.

import type { ActionOf } from '../../core/action.ts'
import { nodeIn } from '../../core/cluster-layout.ts'
import type { Decision } from '../../core/decision.ts'
import { renderLsn } from '../../core/lsn.ts'
import { comparePositions } from '../../core/position.ts'
import type { PrimaryView } from '../../core/rejoin.ts'
import { messageOf } from '../../lib/errors.ts'
import { DirectoryChangedError } from '../../ports/postgres.ts'
import type { OperationHandle } from '../operation.ts'
import type { Node } from '../node.ts'
import { configure, count, dataOf, ensureIncarnation, upstreamTo } from '../node.ts'
import { inspect } from '../observe.ts'
import { promiseEpoch } from '../sealing.ts'
import { keepSlots } from './serving.ts'
import { fail } from './start.ts'

const identifyMs = 5000
const fastStopMs = 10_000

/** Whether this node may have anything to do with a primary of this epoch (I7). */
function mayFollow(node: Node, primary: PrimaryView): boolean {
  const { promise } = node.ports.localState.get()
  return promise === null || promise <= primary.epoch
}

async function promiseTo(node: Node, primary: PrimaryView): Promise<void> {
  if (node.protections['follow-promises']) await promiseEpoch(node, primary.epoch)
}

export async function follow(
  node: Node,
  action: ActionOf<'follow'>,
  decision: Decision,
): Promise<void> {
  const { primary } = action
  const { memory, ports, chronicle } = node
  await node.lock.run(async () => {
    if (!mayFollow(node, primary)) return
    await promiseTo(node, primary)
    await configure(node, {
      upstream: upstreamTo(node, primary.node),
      sync: { kind: 'nobody' },
      gate: 'open',
    })
    memory.following = {
      node: primary.node.name,
      epoch: primary.epoch,
      silentSinceMs: ports.clock.monotonicMs(),
    }
    memory.stage = null
    chronicle.say({
      kind: 'following',
      epoch: primary.epoch,
      ruleId: decision.rule.id,
      message: `${node.self.name} follows ${primary.node.name} on timeline ${String(primary.timeline)}.`,
      operands: { server: memory.server.kind === 'standby' ? memory.server.position : null },
    })
  })
}

export async function detach(node: Node): Promise<void> {
  const { memory } = node
  await node.lock.run(async () => {
    await configure(node, {
      upstream: null,
      sync: { kind: 'nobody' },
      gate: memory.config?.gate ?? 'closed',
    })
  })
}

export async function keepFollowing(node: Node): Promise<void> {
  const { memory, ports, mirror } = node
  const { server } = memory
  memory.stage = null
  if (server.kind !== 'standby' || !server.isStreaming) return
  const { suspendedUntil } = ports.localState.get()
  if (suspendedUntil?.lsn === null) await boundSuspension(node)
  else if (suspendedUntil !== null) {
    const births = mirror.view()?.sync?.value.timelines ?? []
    const bound = { timeline: suspendedUntil.timeline, flushLsn: suspendedUntil.lsn }
    if ((comparePositions(server.position, bound, births) ?? -1) >= 0) {
      await ports.localState.save({ suspendedUntil: null })
      await dataOf(node).postgres.discardReplaced()
      node.reportWaker.notify()
    }
  }
  await keepSlots(node)
}

/** A former agent died before it knew how far the changed directory has to come: at least to here. */
async function boundSuspension(node: Node): Promise<void> {
  const { memory, layout, ports } = node
  if (memory.following === null) return
  const upstream = upstreamTo(node, nodeIn(layout, memory.following.node))
  const { timeline, lsn } = await dataOf(node).postgres.identify(upstream, identifyMs)
  await ports.localState.save({ suspendedUntil: { timeline, lsn } })
}

/**
 * The node is no evidence from before its directory is touched until it has flushed past the primary's
 * position at the moment it was changed (I11).
 */
async function changeDirectory(
  node: Node,
  primary: PrimaryView,
  change: () => Promise<void>,
): Promise<void> {
  const { ports } = node
  const { timeline } = primary
  const { postgres } = dataOf(node)
  const before = ports.localState.get().suspendedUntil
  await promiseTo(node, primary)
  await ports.localState.save({ suspendedUntil: { timeline, lsn: null }, primaryEpoch: null })
  try {
    await change()
  } catch (error) {
    // When nothing was touched, the node is as much evidence as it was. One that looks whole may also be
    // the copy that has taken the place of the old.
    const mayBeAnother = error instanceof DirectoryChangedError
    const isUntouched = !mayBeAnother && (await postgres.inspect()).kind === 'present'
    if (isUntouched) await ports.localState.save({ suspendedUntil: before })
    throw error
  }
  const source = await postgres.identify(upstreamTo(node, primary.node), identifyMs)
  await ports.localState.save({
    suspendedUntil: { timeline: source.timeline, lsn: source.lsn },
    systemId: source.systemId,
  })
  await inspect(node)
}

async function stopForChange(node: Node, primary: PrimaryView): Promise<boolean> {
  return node.lock.run(async () => {
    if (!mayFollow(node, primary)) return false
    await promiseTo(node, primary)
    await dataOf(node).postgres.stop('fast', fastStopMs)
    node.memory.following = null
    return true
  })
}

/**
 * Whether the primary answers. One that died during a rewind says nothing about the directory: what was
 * not written to yet is rewound again when there is a primary, not copied.
 */
async function isThere(node: Node, primary: PrimaryView): Promise<boolean> {
  try {
    const { timeline } = await dataOf(node).postgres.identify(
      upstreamTo(node, primary.node),
      identifyMs,
    )
    return timeline === primary.timeline
  } catch {
    return false
  }
}

/** Keeps the diverged WAL aside, then cuts it off (safety.md 2.5, I8). */
export function rewind(node: Node, action: ActionOf<'rewind'>, decision: Decision): void {
  const { primary, forkLsn } = action
  const { memory, operation, chronicle, self } = node
  memory.stage = { state: 'rewinding', detail: null }
  const work = async ({ signal, onProgress }: OperationHandle): Promise<void> => {
    const { postgres } = dataOf(node)
    if (!(await stopForChange(node, primary))) return
    const kept = await postgres.keepDivergedWal(forkLsn, primary.epoch)
    chronicle.say({
      kind: 'diverged-wal-kept',
      epoch: primary.epoch,
      ruleId: decision.rule.id,
      message: `WAL of ${self.name} that ${primary.node.name} does not have was kept aside.`,
      operands: {
        path: kept.path,
        commits: kept.commitCount,
        fork: forkLsn === null ? null : renderLsn(forkLsn),
      },
    })
    await changeDirectory(node, primary, () =>
      postgres.rewind(upstreamTo(node, primary.node), onProgress, signal),
    ).catch(async (error: unknown) => {
      // Ended for a seal, it says nothing about the directory either.
      const isToBlame = !signal.aborted && (await isThere(node, primary))
      if (isToBlame) memory.rewindFailedEpoch = primary.epoch
      throw error
    })
    count(node, 'rewinds')
    chronicle.say({
      kind: 'rewound',
      epoch: primary.epoch,
      ruleId: decision.rule.id,
      message: `${self.name} was rewound to the history of ${primary.node.name}.`,
    })
  }
  operation.begin('rewind', work, (error, wasAborted) => {
    failChange(node, `pg_rewind failed: ${messageOf(error)}`, wasAborted)
  })
}

/** Copies the primary; what is here is kept until the copy streams (I8). */
export function clone(node: Node, action: ActionOf<'clone'>, decision: Decision): void {
  const { primary } = action
  const { memory, operation, chronicle, self, ports } = node
  memory.stage = { state: 'cloning', detail: null }
  const startedAtMs = ports.clock.monotonicMs()
  const work = async ({ signal, onProgress }: OperationHandle): Promise<void> => {
    const { postgres } = dataOf(node)
    await ensureIncarnation(node)
    if (memory.server.kind === 'absent') {
      if (!mayFollow(node, primary)) return
    } else if (!(await stopForChange(node, primary))) return
    await changeDirectory(node, primary, () =>
      postgres.clone(upstreamTo(node, primary.node), onProgress, signal),
    )
    memory.rewindFailedEpoch = null
    count(node, 'clones')
    chronicle.say({
      kind: 'cloned',
      epoch: primary.epoch,
      ruleId: decision.rule.id,
      message: `${self.name} was copied from ${primary.node.name}.`,
      operands: { tookMs: ports.clock.monotonicMs() - startedAtMs },
    })
  }
  operation.begin('clone', work, (error, wasAborted) => {
    failChange(node, `copying ${primary.node.name} failed: ${messageOf(error)}`, wasAborted)
  })
}

/** What was ended for a seal is begun again, and needs nobody. */
function failChange(node: Node, detail: string, wasAborted: boolean): void {
  node.memory.directory = null
  if (wasAborted) node.memory.stage = null
  else fail(node, detail)
}
