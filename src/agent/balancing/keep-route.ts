// Where the proxy leads writes. When the lease changes hands it is switched at once instead of with its
// next checks; the checks stay the truth: when this agent is dead, or does not hear from the store, they
// alone decide. Nothing is opened that has not said itself that clients get in, and nothing is cut that
// says so in a later epoch than we have seen: a check may have heard it sooner than we did.

import type { NodeName } from '../../core/names.ts'
import type { WriteRoute } from '../../core/routing.ts'
import { isClosing, isSameRoute, openEpochOf, targetOf, writeRouteOf } from '../../core/routing.ts'
import { messageOf } from '../../lib/errors.ts'
import { PeerUnavailableError } from '../../ports/peers.ts'
import type { BalancerParts } from './parts.ts'

/** Pause between two looks at the proxy after a switch, when a check may still undo it, and later. */
const watchfulPauseMs = 250
const quietPauseMs = 1000
/** A check that began before a switch has ended after this long. */
const watchfulForMs = 5000
/** Pause between two questions whether the new primary lets clients in, who are waiting. */
const openingPauseMs = 10
const commandDeadlineMs = 500

/** How long nothing has to be looked at, unless something wakes the loop. */
export function pauseMsOf({ memory, clock, proxy }: BalancerParts): number {
  const isSettled = memory.applied !== null && proxy.state().kind === 'running'
  const isQuiet = clock.monotonicMs() - memory.switchedAtMs > watchfulForMs
  if (memory.applied?.kind === 'opening' && !isQuiet) return openingPauseMs
  return isSettled && isQuiet ? quietPauseMs : watchfulPauseMs
}

/** Tells the proxy a new route, or holds it to the present one. */
export async function keepRoute(parts: BalancerParts): Promise<void> {
  const { proxy, journal, memory } = parts
  if (proxy.state().kind !== 'running') {
    memory.writesTo = []
    return
  }
  const before = memory.writesTo[0]
  try {
    let route = routeOf(parts)
    await follow(parts, route)
    if (route.kind === 'opening' && (await openEpochAt(parts, route.node)) === route.epoch) {
      memory.openIn = route.epoch
      route = routeOf(parts)
      await follow(parts, route)
    }
  } catch (error) {
    // One that does not answer leads nobody anywhere, as far as we know.
    memory.writesTo = []
    count(parts, 'balancer_failures')
    journal.log('warn', `The proxy could not be switched: ${messageOf(error)}`)
  }
  // A primary that is about to stop waits for it.
  if (memory.writesTo[0] !== before) parts.reportWaker.notify()
}

async function follow(parts: BalancerParts, route: WriteRoute): Promise<void> {
  const { proxy, memory, clock, journal } = parts
  const startedAtMs = clock.monotonicMs()
  const isNew = memory.applied === null || !isSameRoute(memory.applied, route)
  memory.writesTo = await proxy.openForWrites(commandDeadlineMs)
  if (route.kind === 'unknown') return
  const target = targetOf(route)
  const former = memory.applied === null ? null : targetOf(memory.applied)
  const others = memory.writesTo.filter((node) => node !== target)
  const { epoch } = route
  const close = async (nodes: readonly NodeName[]): Promise<void> => {
    if (nodes.length > 0) await proxy.closeWrites(nodes, commandDeadlineMs)
  }
  // Whom we have sent writes to ourselves is closed at once, and anybody whom we cannot believe.
  const suspects = isNew ? others.filter((node) => node !== former) : others
  const later = await whoIsOpenSince(parts, suspects, epoch)
  const strays = others.filter((node) => !later.includes(node))
  if (later.length > 0) {
    // We have yet to hear of it: until then its checks decide.
    await close(strays)
    memory.writesTo = later
    return
  }
  if (!isNew) {
    // A check that was under way during the switch may have opened a node again.
    if (strays.length === 0) return
    await close(strays)
    memory.writesTo = memory.writesTo.filter((node) => node === target)
    count(parts, 'balancer_corrections')
    journal.log('warn', `Closed ${strays.join(', ')} for writes: not the holder of the lease.`)
    return
  }
  if (route.kind === 'opening') {
    await close(strays)
    memory.writesTo = memory.writesTo.filter((node) => node === target)
  } else {
    await proxy.routeWrites(target, commandDeadlineMs)
    memory.writesTo = target === null ? [] : [target]
  }
  memory.applied = route
  memory.switchedAtMs = clock.monotonicMs()
  if (route.kind === 'opening') return
  count(parts, 'balancer_switches')
  const tookMs = Math.round((clock.monotonicMs() - startedAtMs) * 10) / 10
  const words = target === null ? 'Nobody takes writes now.' : `Writes go to ${target}.`
  journal.log('info', words, { epoch, tookMs })
}

/** Those of the nodes that say to be open in `epoch` or a later one. */
async function whoIsOpenSince(
  parts: BalancerParts,
  nodes: readonly NodeName[],
  epoch: number,
): Promise<readonly NodeName[]> {
  const epochs = await Promise.all(nodes.map((node) => openEpochAt(parts, node)))
  return nodes.filter((_, index) => (epochs[index] ?? -1) >= epoch)
}

/** Asks a node in which epoch it lets clients in; null: in none, or it does not answer. */
async function openEpochAt(parts: BalancerParts, node: NodeName): Promise<number | null> {
  try {
    const { report } = await parts.peers.hello(node, parts.layout.plan.storeAttemptMs)
    return openEpochOf(report)
  } catch (error) {
    if (!(error instanceof PeerUnavailableError)) throw error
    return null
  }
}

function routeOf(parts: BalancerParts): WriteRoute {
  const { mirror, memory, clock } = parts
  const view = mirror.view()
  const lease = view?.lease ?? null
  const isOfUnknownAge = lease?.revision === memory.firstLeaseRevision
  const report = lease === null ? null : (view?.reports.get(lease.value.holder)?.value ?? null)
  // After it has been closed it opens anew, perhaps in the same epoch.
  const isClosed = lease?.value.state !== 'serving' || isClosing(report, lease.value.epoch)
  if (isClosed) memory.openIn = null
  return writeRouteOf({
    lease: lease?.value ?? null,
    seenAtMs: isOfUnknownAge ? null : mirror.leaseSeenAtMs(),
    nowMs: clock.monotonicMs(),
    report,
    openIn: memory.openIn,
  })
}

function count(parts: BalancerParts, name: string): void {
  parts.counters[name] = (parts.counters[name] ?? 0) + 1
}
