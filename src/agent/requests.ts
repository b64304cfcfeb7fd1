// Requests of operators. They are checked here and written to the store; the loop of the primary carries
// them out.

import type { ControlRecord, SwitchoverRequest } from '../core/control.ts'
import { noControl } from '../core/control.ts'
import type { NodeName } from '../core/names.ts'
import { revisionOf } from '../core/store-view.ts'
import { judgeSwitchover } from '../core/switchover.ts'
import type { RequestAnswer } from '../ports/agent-api.ts'
import { StoreUnavailableError } from '../ports/cluster-store.ts'
import type { Node } from './node.ts'
import { factsOf } from './node.ts'
import { isOpenPrimary } from './report.ts'

const storeDown: RequestAnswer = {
  kind: 'refused',
  ruleId: 'store-unreachable',
  message: 'The store did not answer, so the request could not be kept.',
  hint: 'See `pgherd status`: a majority of the voters must run.',
}

/** Replaces the control record by `change` of it, whatever another operator did in between. */
async function changeControl(
  node: Node,
  change: (control: ControlRecord) => ControlRecord,
): Promise<boolean> {
  const { mirror, ports, layout } = node
  for (let attempt = 0; attempt < 3; attempt += 1) {
    const control = mirror.view()?.control ?? null
    const value = change(control?.value ?? noControl)
    const transaction = {
      expect: { control: revisionOf(mirror.view(), 'control') },
      put: { control: value },
    }
    try {
      const result = await ports.store.transact(transaction, layout.plan.storeAttemptMs * 2)
      if (result.kind === 'committed') {
        mirror.acceptCommit(transaction, result.revision)
        return true
      }
      mirror.accept(result.view)
    } catch (error) {
      if (!(error instanceof StoreUnavailableError)) throw error
    }
  }
  return false
}

export async function requestSwitchover(
  node: Node,
  to: NodeName | null,
  isDryRun: boolean,
): Promise<RequestAnswer> {
  if (!isOpenPrimary(node)) {
    return { kind: 'elsewhere', node: node.mirror.view()?.lease?.value.holder ?? null }
  }
  const view = judgeSwitchover(factsOf(node), to)
  if (view.kind === 'impossible') {
    return {
      kind: 'refused',
      ruleId: 'R404',
      message: `No switchover: ${view.why}.`,
      hint: view.hint,
    }
  }
  if (view.kind === 'none') return storeDown
  const pending = node.mirror.view()?.control?.value.switchover ?? null
  if (pending !== null) {
    return {
      kind: 'refused',
      ruleId: 'R402',
      message: `A switchover${pending.to === null ? '' : ` to ${pending.to}`} is under way already.`,
      hint: 'Wait for it, or see `pgherd events`.',
    }
  }
  const id = `switchover-${node.ports.random.hex(6)}`
  const plan = `${node.self.name} makes a checkpoint, stops its writes, and hands over to ${view.to}`
  if (isDryRun) return { kind: 'accepted', id, message: `Would do: ${plan}.` }
  const request: SwitchoverRequest = {
    id,
    to: view.to,
    requestedAtMs: node.ports.clock.wallClockMs(),
  }
  const isWritten = await changeControl(node, (control) => ({ ...control, switchover: request }))
  if (!isWritten) return storeDown
  node.waker.notify()
  return { kind: 'accepted', id, message: `${plan}.` }
}

export async function requestCancelSwitchover(node: Node): Promise<RequestAnswer> {
  const isWritten = await changeControl(node, (control) => ({ ...control, switchover: null }))
  if (!isWritten) return storeDown
  return { kind: 'accepted', id: 'switchover', message: 'No switchover is wanted any more.' }
}

export async function requestPause(node: Node, reason: string): Promise<RequestAnswer> {
  const sinceMs = node.ports.clock.wallClockMs()
  const isWritten = await changeControl(node, (control) => ({
    ...control,
    paused: { reason, sinceMs },
  }))
  if (!isWritten) return storeDown
  node.chronicle.say({
    kind: 'automation-paused',
    epoch: node.leaseHold.tenure()?.epoch ?? null,
    message: `Automation is paused: ${reason}. No standby is promoted until it is resumed.`,
  })
  return { kind: 'accepted', id: 'pause', message: 'Automation is paused.' }
}

export async function requestResume(node: Node): Promise<RequestAnswer> {
  const isWritten = await changeControl(node, (control) => ({ ...control, paused: null }))
  if (!isWritten) return storeDown
  node.chronicle.say({
    kind: 'automation-resumed',
    epoch: node.leaseHold.tenure()?.epoch ?? null,
    message: 'Automation runs again.',
  })
  return { kind: 'accepted', id: 'resume', message: 'Automation runs again.' }
}
