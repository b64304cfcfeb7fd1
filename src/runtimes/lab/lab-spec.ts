// From the spec that was asked for to one that a lab can run: every host gets an address of one network,
// and its network card has the name that it has in a lab. A spec with real IPv4 addresses keeps them, so
// that it can be rehearsed as it is. Pure.

import { isIPv4 } from 'node:net'
import { parseSpec } from '../../config/load.ts'
import type { LoadedSpec } from '../../config/load.ts'
import { layoutOf } from '../../config/layout.ts'
import { isLoopback } from '../../config/ports.ts'
import { PgherdError } from '../../lib/errors.ts'
import { clientHost, hostInterface, networkPartOf, switchName } from './hosts.ts'

const network = '10.77.0.'
/** Last part of the first address of each role. */
const firstOf = { data: 11, witness: 21, balancer: 31 } as const
const hostsPerRoleMax = 10

/** What a lab runs when no spec is named: the usual cluster with a pair of balancers and one address. */
const defaultText = `
nodes:
  - { name: pg-0, role: data, host: ${network}11 }
  - { name: pg-1, role: data, host: ${network}12 }
  - { name: pg-2, role: data, host: ${network}13 }
  - { name: pgw-0, role: witness, host: ${network}21 }
  - { name: lb-0, role: balancer, host: ${network}31 }
  - { name: lb-1, role: balancer, host: ${network}32 }
balancer:
  vip: ${network}100/24
`

/**
 * The spec with addresses for a lab.
 * @param wanted as it was named, or the built-in one
 * @throws PgherdError PGHERD_LAB_ADDRESSES when its own addresses cannot be the lab's; PGHERD_LAB_NAMES
 */
export function labSpecOf(wanted: LoadedSpec): LoadedSpec {
  const isDefault = wanted.source === 'built-in defaults'
  const { spec } = isDefault
    ? parseSpec(`cluster: ${wanted.spec.cluster}\n${defaultText}`, wanted.source)
    : wanted
  assertNames(wanted)
  const isPlaced = spec.nodes.some((node) => !isLoopback(node.host))
  if (isPlaced) assertAddresses(wanted)
  const nodes = isPlaced ? spec.nodes : withAddresses(spec.nodes, wanted.source)
  const placed = withLabCards({ ...spec, nodes })
  return { ...wanted, spec: placed, layout: layoutOf(placed) }
}

/** Whatever the cards of the real hosts are called. Where no name is given, none is needed. */
function withLabCards(spec: LoadedSpec['spec']): LoadedSpec['spec'] {
  const { balancer, nodes } = spec
  return {
    ...spec,
    balancer: { ...balancer, interface: balancer.interface === null ? null : hostInterface },
    nodes: nodes.map((node) =>
      node.interface === undefined ? node : { ...node, interface: hostInterface },
    ),
  }
}

function withAddresses(
  nodes: LoadedSpec['spec']['nodes'],
  source: string,
): LoadedSpec['spec']['nodes'] {
  const counts = { data: 0, witness: 0, balancer: 0 }
  return nodes.map((node) => {
    const index = counts[node.role]++
    if (index >= hostsPerRoleMax) {
      throw unfit(
        `${source} has more than ${String(hostsPerRoleMax)} nodes of role ${node.role}`,
        'give every node an IPv4 address of its own under `host`',
      )
    }
    return { ...node, host: `${network}${String(firstOf[node.role] + index)}` }
  })
}

/** Names that the lab itself gives. */
const ownNames: ReadonlyMap<string, string> = new Map([
  [clientHost, 'a host of every lab'],
  [switchName, 'the switch of every lab'],
])

function assertNames({ spec, source }: LoadedSpec): void {
  for (const { name } of spec.nodes) {
    const what = ownNames.get(name)
    if (what === undefined) continue
    throw new PgherdError({
      code: 'PGHERD_LAB_NAMES',
      reason: 'configuration',
      message: `${source} has a node ${name}, which is ${what}`,
      hint: `give the node ${name} another name`,
    })
  }
}

function assertAddresses({ spec, source }: LoadedSpec): void {
  const [first] = spec.nodes
  for (const { name, host } of spec.nodes) {
    const isOk = isIPv4(host) && networkPartOf(host) === networkPartOf(first?.host ?? '')
    if (isOk) continue
    throw unfit(
      `${name} of ${source} is at ${host}`,
      'give all nodes IPv4 addresses of one network of 256, as 10.1.2.11, or leave the hosts out',
    )
  }
}

function unfit(message: string, hint: string): PgherdError {
  return new PgherdError({
    code: 'PGHERD_LAB_ADDRESSES',
    reason: 'configuration',
    message,
    because: 'a lab is one network with IPv4 addresses',
    hint,
  })
}
