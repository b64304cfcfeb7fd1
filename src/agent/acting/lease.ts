// Actions on the lease: take, take back, give back, close.

import type { ActionOf } from '../../core/action.ts'
import { noControl } from '../../core/control.ts'
import { judgeElection } from '../../core/candidate.ts'
import { contradictedIn } from '../../core/one-incarnation.ts'
import { renderLsn } from '../../core/lsn.ts'
import { revisionOf, systemIdOf } from '../../core/store-view.ts'
import type { Decision } from '../../core/decision.ts'
import type { Node } from '../node.ts'
import { count, factsOf } from '../node.ts'

export async function acquireLease(node: Node, decision: Decision): Promise<void> {
  const { leaseHold, mirror, ports, memory, chronicle } = node
  const found = mirror.view()?.lease?.value ?? null
  const systemId = systemIdOf(mirror.view())
  const silentMs = ports.clock.monotonicMs() - mirror.leaseSeenAtMs()
  const outcome = await leaseHold.acquire(ports.localState.get().promise, systemId)
  if (outcome !== 'done') return
  memory.election = null
  memory.promotionFailsSinceMs = null
  memory.gateLsn = null
  memory.startedBy = null
  count(node, 'leases_acquired')
  const epoch = leaseHold.tenure()?.epoch ?? null
  chronicle.say({
    kind: 'lease-acquired',
    epoch,
    ruleId: decision.rule.id,
    message: acquiredBecause(node.self.name, found?.holder ?? null, found?.state ?? null, silentMs),
    operands: { formerHolder: found?.holder ?? null, formerState: found?.state ?? null, silentMs },
  })
}

function acquiredBecause(
  self: string,
  holder: string | null,
  state: string | null,
  silentMs: number,
): string {
  if (holder === null) return `${self} makes the first primary.`
  if (state === 'released') return `${self} takes the lease that ${holder} gave back.`
  return `${self} takes the lease: ${holder} was silent for ${(silentMs / 1000).toFixed(2)} s.`
}

export async function reclaimLease(node: Node): Promise<void> {
  const { leaseHold, memory } = node
  if ((await leaseHold.reclaim()) !== 'done') return
  if (memory.server.kind === 'primary') {
    memory.isOpen = leaseHold.tenure()?.state === 'serving'
    memory.startedBy ??= 'restart'
    await leaseHold.arm()
  }
}

/** Gives the lease back. PostgreSQL is surely dead here, or a standby. */
export async function releaseLease(
  node: Node,
  action: ActionOf<'release-lease'>,
  decision: Decision,
): Promise<void> {
  const { leaseHold, mirror, chronicle, memory, self } = node
  const epoch = leaseHold.tenure()?.epoch ?? null
  const operands = releaseOperands(node)
  const control = mirror.view()?.control ?? null
  const isSwitchover = decision.kind === 'hand-over'
  const clear = isSwitchover
    ? {
        expected: revisionOf(mirror.view(), 'control'),
        value: { ...(control?.value ?? noControl), switchover: null },
      }
    : undefined
  let outcome = await leaseHold.release(action.handOverTo, clear)
  // An unknown outcome is resolved by writing again; once is enough, the lease time does the rest.
  if (outcome === 'unknown' || outcome === 'conflict') {
    outcome = await leaseHold.release(action.handOverTo, clear)
  }
  memory.election = null
  if (outcome !== 'done') return
  await leaseHold.disarm()
  const to = action.handOverTo === null ? '' : ` ${action.handOverTo} is asked to go first.`
  const isRefused = decision.kind === 'refuse-election'
  chronicle.say({
    kind: isRefused ? 'refused' : 'lease-released',
    epoch,
    ruleId: decision.rule.id,
    message: `${self.name} gives the lease back: ${decision.rule.why}${to}`,
    operands,
  })
}

/** The answers that decided an election, in readable form. */
export function releaseOperands(node: Node): Readonly<Record<string, unknown>> {
  const { memory, mirror } = node
  const { election } = memory
  if (election === null) return {}
  const record = mirror.view()?.sync?.value ?? null
  const { local, layout, protections } = factsOf(node)
  const verdict =
    record === null || local.incarnation === null
      ? null
      : judgeElection({
          self: local.incarnation,
          record,
          answers: election.answers,
          contradicted: contradictedIn(mirror.view()),
          durability: layout.durability,
          wantedCount: layout.syncStandbys,
          protections,
        })
  const answers = [...election.answers].map(([name, answer]) => {
    if (answer.kind === 'sealed') {
      const { timeline, flushLsn } = answer.position
      return [name, `sealed at timeline ${String(timeline)}, ${renderLsn(flushLsn)}`] as const
    }
    return [name, answer.kind === 'pending' ? 'no answer yet' : answer.why] as const
  })
  return {
    answers: Object.fromEntries(answers),
    answeredAfterMs: Object.fromEntries(election.tookMs),
    lists: record?.lists ?? [],
    missing: verdict?.kind === 'short' ? verdict.missing : [],
  }
}

/** The lease stays, nobody is routed here: PostgreSQL died and nobody else may take over. */
export async function closeLease(node: Node, decision: Decision): Promise<void> {
  const { leaseHold, memory, chronicle } = node
  memory.isOpen = false
  chronicle.say({
    kind: 'postgres-died',
    epoch: leaseHold.tenure()?.epoch ?? null,
    ruleId: decision.rule.id,
    message: decision.rule.why,
  })
  await leaseHold.write({ state: 'preparing' })
}

/** Takes the wish for a switchover away. */
export async function clearSwitchover(node: Node, why: string): Promise<void> {
  const { leaseHold, mirror, chronicle } = node
  const control = mirror.view()?.control ?? null
  if (control === null || control.value.switchover === null) return
  const outcome = await leaseHold.write({
    control: { expected: control.revision, value: { ...control.value, switchover: null } },
  })
  if (outcome !== 'done') return
  chronicle.say({
    kind: 'switchover-cancelled',
    epoch: leaseHold.tenure()?.epoch ?? null,
    message: `The switchover was cancelled: ${why}.`,
    operands: { request: control.value.switchover },
  })
}
