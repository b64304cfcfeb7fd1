// What there is of a lab's network, and what is missing of it. An `up` may have been killed between any two
// of its commands, so no piece is taken for finished because it has a name. Pure.

import { hostInterface, switchName } from './hosts.ts'
import type { LabHost, LabNetwork } from './hosts.ts'

/** All that the switch does. */
const bridge = switchName

/** A network card as it is now. */
export type CardState = {
  readonly name: string
  readonly isUp: boolean
  /** The bridge that it is part of. */
  readonly bridge: string | null
  /** Without their prefix lengths, and without those that every card makes for itself. */
  readonly addresses: readonly string[]
}

/** The cards in every namespace that is there, by the name of the namespace. */
export type NetworkState = ReadonlyMap<string, readonly CardState[]>

/** Commands for one run of `ip -batch`. */
export type Batch = {
  /** Where they work; null: where namespaces are made. */
  readonly namespace: string | null
  readonly commands: readonly string[]
}

/**
 * The commands that make the network whole; none when it is. A port that is part of the switch and down
 * stays down: its host has no power.
 */
export function planNetwork(network: LabNetwork, state: NetworkState): readonly Batch[] {
  const { switchNamespace, hosts } = network
  const uncabled = hosts.filter((host) => !isCabled(network, state, host))
  const isUncabled = (host: LabHost) => uncabled.includes(host)
  const batches: readonly Batch[] = [
    { namespace: null, commands: missingNamespaces(network, state) },
    ...uncabled.map(({ namespace }) => ({
      namespace,
      commands: cardIn(state, namespace, hostInterface) ? [`link del ${hostInterface}`] : [],
    })),
    {
      namespace: switchNamespace,
      commands: [
        ...switchCommands(state.get(switchNamespace) ?? []),
        ...uncabled.flatMap((host) => cableCommands(network, state, host)),
      ],
    },
    ...hosts.map((host) => ({
      namespace: host.namespace,
      commands: hostCommands(network, state, host, isUncabled(host)),
    })),
    // Last, because it tells a host that is finished: until then nothing reaches it.
    {
      namespace: switchNamespace,
      commands: hosts
        .filter((host) => isUncabled(host) || portOf(network, state, host)?.bridge !== bridge)
        .map((host) => `link set ${host.port} master ${bridge} up`),
    },
  ]
  return batches.filter(({ commands }) => commands.length > 0)
}

/** Whether the cable of a host is plugged in. */
export function hasPower(network: LabNetwork, state: NetworkState, host: LabHost): boolean {
  return isCabled(network, state, host) && portOf(network, state, host)?.isUp === true
}

/** Whether somebody has pulled the plug of a host; one that is not finished never had any power. */
export function isTurnedOff(network: LabNetwork, state: NetworkState, host: LabHost): boolean {
  const port = portOf(network, state, host)
  return isCabled(network, state, host) && port?.bridge === bridge && !port.isUp
}

/** Addresses that a host has on its card at this moment. */
export function addressesOf(state: NetworkState, host: LabHost): readonly string[] {
  return cardIn(state, host.namespace, hostInterface)?.addresses ?? []
}

function missingNamespaces(network: LabNetwork, state: NetworkState): readonly string[] {
  return [network.switchNamespace, ...network.hosts.map((host) => host.namespace)]
    .filter((namespace) => !state.has(namespace))
    .map((namespace) => `netns add ${namespace}`)
}

function switchCommands(cards: readonly CardState[]): readonly string[] {
  const present = cards.find((card) => card.name === bridge)
  // Without spanning tree and snooping: a cable works at once, and everybody hears multicast.
  const make = `link add ${bridge} type bridge stp_state 0 forward_delay 0 mcast_snooping 0`
  return [
    ...(present === undefined ? [make] : []),
    ...(present?.isUp === true ? [] : [`link set ${bridge} up`]),
    ...loopbackCommands(cards),
  ]
}

/** A cable has two ends that come and go together; of one with another end somewhere nothing is kept. */
function cableCommands(network: LabNetwork, state: NetworkState, host: LabHost): readonly string[] {
  return [
    ...(portOf(network, state, host) === undefined ? [] : [`link del ${host.port}`]),
    `link add ${host.port} type veth peer name ${hostInterface} netns ${host.namespace}`,
  ]
}

function hostCommands(
  network: LabNetwork,
  state: NetworkState,
  host: LabHost,
  isCardNew: boolean,
): readonly string[] {
  const cards = state.get(host.namespace) ?? []
  const card = isCardNew ? undefined : cardIn(state, host.namespace, hostInterface)
  const own = `${host.address}/${String(network.prefixLength)}`
  return [
    ...(card?.addresses.includes(host.address) === true
      ? []
      : [`addr add ${own} dev ${hostInterface}`]),
    ...(card?.isUp === true ? [] : [`link set ${hostInterface} up`]),
    ...loopbackCommands(cards),
  ]
}

function loopbackCommands(cards: readonly CardState[]): readonly string[] {
  return cards.some((card) => card.name === 'lo' && card.isUp) ? [] : ['link set lo up']
}

function isCabled(network: LabNetwork, state: NetworkState, host: LabHost): boolean {
  return (
    portOf(network, state, host) !== undefined &&
    cardIn(state, host.namespace, hostInterface) !== undefined
  )
}

function portOf(network: LabNetwork, state: NetworkState, host: LabHost): CardState | undefined {
  return cardIn(state, network.switchNamespace, host.port)
}

function cardIn(state: NetworkState, namespace: string, name: string): CardState | undefined {
  return state.get(namespace)?.find((card) => card.name === name)
}
