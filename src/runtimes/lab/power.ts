// Hosts of a lab that somebody has turned off: only `lab power-on` starts anything there.

import type { ClusterLayout } from '../../core/cluster-layout.ts'
import { dataNodesOf, votersOf } from '../../core/cluster-layout.ts'
import type { NodeName } from '../../core/names.ts'
import { PgherdError } from '../../lib/errors.ts'
import { labHostOf } from './hosts.ts'
import type { LabHost, LabNetwork } from './hosts.ts'
import { isTurnedOff } from './network-state.ts'
import { assertNetwork, observeNetwork } from './network.ts'

/** Hosts that are turned off; none while there is no network, for one that is made has power. */
export async function hostsWithoutPower(network: LabNetwork): Promise<readonly LabHost[]> {
  const state = await observeNetwork(network.prefix)
  return network.hosts.filter((host) => isTurnedOff(network, state, host))
}

/** Nodes on such hosts. */
export async function nodesWithoutPower(network: LabNetwork): Promise<readonly NodeName[]> {
  return (await hostsWithoutPower(network)).flatMap((host) => host.nodes)
}

/** For those who only look: none where nobody may, or while the network changes. */
export async function hostsSeenWithoutPower(network: LabNetwork): Promise<readonly LabHost[]> {
  try {
    return await hostsWithoutPower(network)
  } catch (error) {
    // Without it `status` says less, but what it says is true.
    if (error instanceof PgherdError) return []
    throw error
  }
}

/** @throws PgherdError PGHERD_LAB_POWER, PGHERD_LAB_DOWN when nothing can be started on the node's host */
export async function assertPower(network: LabNetwork, node: NodeName): Promise<void> {
  await assertNetwork(network)
  if (!(await nodesWithoutPower(network)).includes(node)) return
  throw new PgherdError({
    code: 'PGHERD_LAB_POWER',
    reason: 'system',
    message: `the host of ${node} has no power`,
    because: 'it was turned off with `pgherd lab power-off`',
    hint: `give it back, which starts the node too: ${powerOnCommand(network, node)}`,
  })
}

/**
 * A cluster that cannot have a primary is not worth waiting for.
 * @param without nodes whose hosts have no power
 * @throws PgherdError PGHERD_LAB_POWER
 */
export function assertEnoughPower(
  network: LabNetwork,
  layout: ClusterLayout,
  without: readonly NodeName[],
): void {
  const dark = (nodes: ClusterLayout['nodes']) =>
    nodes.map((node) => node.name).filter((name) => without.includes(name))
  const [voters, dataNodes] = [votersOf(layout), dataNodesOf(layout)]
  const hasMajority = dark(voters).length * 2 < voters.length
  if (hasMajority && dark(dataNodes).length < dataNodes.length) return
  const missing = hasMajority ? dark(dataNodes) : dark(voters)
  throw new PgherdError({
    code: 'PGHERD_LAB_POWER',
    reason: 'system',
    message: `the hosts of ${missing.join(', ')} have no power, and without them there is no primary`,
    because: hasMajority ? 'no other node has data' : 'only a majority of the voters gives a lease',
    hint: `give it back: ${missing.map((node) => powerOnCommand(network, node)).join('; ')}`,
  })
}

export function powerOnCommand(network: LabNetwork, node: NodeName): string {
  return `pgherd lab power-on ${labHostOf(network, node)?.name ?? node}`
}
