// L2xx: whether one instance is whole, safe, and alone with its router id.

import type { Deployment } from '../../deployment.ts'
import { perInstance, perKeepalivedFile } from '../../frames.ts'
import { isDefaultPassword } from '../../passwords.ts'
import type { VrrpInstance } from '../../parse-keepalived.ts'
import { type Fault, type Rule, faultAt } from '../../rule.ts'
import { isOpen } from '../../source-text.ts'
import { type VrrpMember, membersOf } from '../../vrrp-pair.ts'

const routerIdMax = 255

export const keepalivedInstanceRules: readonly Rule[] = [
  {
    id: 'L208',
    severity: 'error',
    title: 'one router id for two different addresses',
    why: 'The instances take each other for a pair, so one of the two addresses is held by nobody.',
    fix: 'give each address a virtual_router_id that nobody else uses in this network',
    check: sharedRouterIds,
  },
  {
    id: 'L211',
    severity: 'warning',
    title: 'the VRRP password is one that everybody tries',
    why: 'Anybody in the network can announce a higher priority and take the address away.',
    fix: 'auth_pass of 8 random characters, or unicast_peer with a firewall in front of VRRP',
    check: perInstance(({ name, authPass }) => {
      if (authPass === null || isOpen(authPass.value) || !isDefaultPassword(authPass.value))
        return []
      const message = `auth_pass of instance ${name} is a default`
      return [faultAt(authPass.place, message, { instance: name })]
    }),
  },
  {
    id: 'L213',
    severity: 'error',
    title: 'an instance without an address',
    why: 'There is nothing that could move to the other balancer.',
    fix: 'virtual_ipaddress { 10.0.0.100/24 }',
    check: perInstance(({ name, place, addresses }) =>
      addresses.length > 0
        ? []
        : [faultAt(place, `instance ${name} has no virtual_ipaddress`, { instance: name })],
    ),
  },
  {
    id: 'L214',
    severity: 'error',
    title: 'an instance without interface or valid router id',
    why: 'Keepalived leaves the instance out, and nobody holds the address.',
    fix: 'interface eth0 and virtual_router_id 51',
    check: perInstance((instance) => {
      const missing = [
        ...(instance.interface === null ? ['interface'] : []),
        ...(instance.routerId === null ? ['virtual_router_id'] : []),
      ]
      const wrong = instance.routerId
      const routerId = wrong?.value ?? 1
      if (wrong !== null && (routerId < 1 || routerId > routerIdMax)) {
        const message = `instance ${instance.name} has virtual_router_id ${routerId}, not 1 to ${routerIdMax}`
        return [faultAt(wrong.place, message, { instance: instance.name, routerId })]
      }
      if (missing.length === 0) return []
      const message = `instance ${instance.name} has no ${missing.join(' and no ')}`
      return [faultAt(instance.place, message, { instance: instance.name, missing })]
    }),
  },
  {
    id: 'L220',
    severity: 'error',
    title: 'vrrp_strict shuts the address for clients',
    why: 'In strict mode a balancer does not accept connections to an address that is not its own.',
    fix: 'remove vrrp_strict',
    check: perKeepalivedFile(({ instances, strict }) => {
      const isOwner = instances.every(({ priority }) => priority.value === 255)
      return strict === null || isOwner
        ? []
        : [faultAt(strict, 'vrrp_strict is on for every instance')]
    }),
  },
  {
    id: 'L221',
    severity: 'info',
    title: 'an included file was not given',
    why: 'What stands there is not checked, and it may be what is missing here.',
    fix: 'give lint the folder that holds the included files, too',
    check: perKeepalivedFile(({ includes }) =>
      includes.map(({ value, place }) =>
        faultAt(place, `${value} is included and was not given`, { included: value }),
      ),
    ),
  },
]

function sharedRouterIds(deployment: Deployment): readonly Fault[] {
  const onWire = new Map<string, VrrpMember[]>()
  return membersOf(deployment).flatMap((right) => {
    const { name, addresses, interface: wire, routerId } = right.instance
    const id = routerId?.value ?? null
    if (routerId === null || id === null || addresses.length === 0) return []
    // A router id of IPv4 has nothing to do with the same one of IPv6.
    const key = `${wire?.value ?? ''} ${id} ${hasIpv6(right.instance)}`
    const others = onWire.get(key) ?? []
    onWire.set(key, others)
    const left = others.find((one) => isStranger(one, right))
    others.push(right)
    // Two files with one instance each are a pair, too.
    if (left === undefined || (left.file !== right.file && areAlone(left, right))) return []
    const message = `instances ${left.instance.name} and ${name} share virtual_router_id ${id} and no address`
    return [faultAt(routerId.place, message, { routerId: id })]
  })
}

/** One name in two files is a pair that contradicts itself, which is another rule. */
function isStranger(left: VrrpMember, right: VrrpMember): boolean {
  const isPair = left.file !== right.file && left.instance.name === right.instance.name
  const held = left.instance.addresses.map(({ value }) => value)
  return !isPair && right.instance.addresses.every(({ value }) => !held.includes(value))
}

function areAlone(left: VrrpMember, right: VrrpMember): boolean {
  return left.file.instances.length === 1 && right.file.instances.length === 1
}

function hasIpv6({ addresses }: VrrpInstance): boolean {
  return addresses.some(({ value }) => value.includes(':'))
}
