// L6xx: whether the address that moves is that of nobody else.

import { nodesOf } from '../../database-node.ts'
import type { Deployment } from '../../deployment.ts'
import { foundOnce } from '../../found-once.ts'
import { perInstance, perProxy } from '../../frames.ts'
import { tcpProxies } from '../../postgres-proxy.ts'
import { type Rule, faultAt } from '../../rule.ts'
import { type Place, folderOf } from '../../source-text.ts'
import { membersOf } from '../../vrrp-pair.ts'

type Machine = { readonly address: string; readonly who: string; readonly place: Place }

export const acrossAddressRules: readonly Rule[] = [
  {
    id: 'L606',
    severity: 'error',
    title: 'the moving address is also that of a machine',
    why: 'Two machines answer for one address, and clients reach one or the other by chance.',
    fix: 'virtual_ipaddress with an address that no machine has',
    check: perInstance(({ addresses }, deployment) =>
      addresses.flatMap(({ value, place }) => {
        const machine = machinesByAddress(deployment).get(value)
        if (machine === undefined) return []
        const at = `${machine.place.file}:${machine.place.line}`
        const message = `${value} is also the address of ${machine.who} (${at})`
        return [faultAt(place, message, { address: value })]
      }),
    ),
  },
  {
    id: 'L609',
    severity: 'info',
    title: 'HAProxy is bound to the moving address',
    why: 'On the balancer that does not hold the address HAProxy cannot start.',
    fix: 'bind *:5432, or sysctl net.ipv4.ip_nonlocal_bind=1 on both balancers',
    check: perProxy(({ binds }, deployment) =>
      binds
        .filter(({ host, words }) => !words.includes('transparent') && moves(deployment, host))
        .map(({ host, place }) =>
          faultAt(place, `bind ${host} is the address that Keepalived moves`, { address: host }),
        ),
    ),
  },
]

const movingAddresses = foundOnce(
  (deployment: Deployment): ReadonlySet<string> =>
    new Set(
      membersOf(deployment).flatMap(({ instance }) => instance.addresses.map(({ value }) => value)),
    ),
)

function moves(deployment: Deployment, host: string): boolean {
  return movingAddresses(deployment).has(host)
}

/** The first machine of each address. */
const machinesByAddress = foundOnce((deployment: Deployment): ReadonlyMap<string, Machine> => {
  const machines = machinesIn(deployment).map((machine) => [machine.address, machine] as const)
  // The last entry of a map wins, so the first machine comes last.
  return new Map(machines.reverse())
})

function machinesIn(deployment: Deployment): readonly Machine[] {
  return [
    ...tcpProxies(deployment).flatMap(({ servers }) =>
      servers.map(({ host, name, place }) => ({ address: host, who: `server ${name}`, place })),
    ),
    ...membersOf(deployment).flatMap(({ instance, file }) => {
      const who = `the balancer ${folderOf(file.file) || file.file}`
      const source = instance.unicastSource
      return [
        ...(source === null ? [] : [{ address: source.value, who, place: source.place }]),
        ...instance.unicastPeers.map(({ value, place }) => ({
          address: value,
          who: 'another balancer',
          place,
        })),
      ]
    }),
    ...nodesOf(deployment).flatMap(({ service }) =>
      service.ports.map(({ hostAddress, place }) => ({
        address: hostAddress,
        who: `node ${service.name}`,
        place,
      })),
    ),
  ].filter(({ address }) => address !== '')
}
