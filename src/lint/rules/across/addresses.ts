// L6xx: whether the address that moves is that of nobody else.

import { nodesOf } from '../../database-node.ts'
import type { Deployment } from '../../deployment.ts'
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
    check: (deployment) => {
      const machines = machineAddresses(deployment)
      return membersOf(deployment).flatMap(({ instance }) =>
        instance.addresses.flatMap(({ value, place }) => {
          const machine = machines.find(({ address }) => address === value)
          if (machine === undefined) return []
          const at = `${machine.place.file}:${machine.place.line}`
          return [
            faultAt(place, `${value} is also the address of ${machine.who} (${at})`, {
              address: value,
            }),
          ]
        }),
      )
    },
  },
  {
    id: 'L609',
    severity: 'info',
    title: 'HAProxy is bound to the moving address',
    why: 'On the balancer that does not hold the address HAProxy cannot start.',
    fix: 'bind *:5432, or sysctl net.ipv4.ip_nonlocal_bind=1 on both balancers',
    check: (deployment) => {
      const moving = new Set(
        membersOf(deployment).flatMap(({ instance }) =>
          instance.addresses.map(({ value }) => value),
        ),
      )
      return deployment.haproxy.flatMap(({ proxies }) =>
        proxies.flatMap(({ binds }) =>
          binds
            .filter(({ host, words }) => moving.has(host) && !words.includes('transparent'))
            .map(({ host, place }) =>
              faultAt(place, `bind ${host} is the address that Keepalived moves`, {
                address: host,
              }),
            ),
        ),
      )
    },
  },
]

function machineAddresses(deployment: Deployment): readonly Machine[] {
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
