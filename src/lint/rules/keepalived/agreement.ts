// L2xx: whether two balancers agree about the address that they share.

import { perInstance, perInstancePair } from '../../frames.ts'
import type { Count, VrrpInstance } from '../../parse-keepalived.ts'
import { type Fault, type Rule, faultAt } from '../../rule.ts'
import { isOpen } from '../../source-text.ts'
import { type VrrpPair } from '../../vrrp-pair.ts'
import { authPassLength } from '../../passwords.ts'

export const keepalivedAgreementRules: readonly Rule[] = [
  {
    id: 'L205',
    severity: 'warning',
    title: 'both balancers start as MASTER',
    why: 'Each takes the address when it starts, which cuts the connections of the other.',
    fix: 'state BACKUP on both, and different priorities',
    check: perInstancePair(({ first, second }) => {
      const [left, right] = [first.instance.state, second.instance.state]
      if (left?.value !== 'MASTER' || right?.value !== 'MASTER') return []
      const message = `instance ${second.instance.name} has state MASTER, and so has ${first.file.file}`
      return [faultAt(right.place, message, { other: first.file.file })]
    }),
  },
  {
    id: 'L206',
    severity: 'warning',
    title: 'both balancers have one priority',
    why: 'Who holds the address is left to chance: to the higher IP address, or who came first.',
    fix: 'priority 110 on one balancer, priority 100 on the other',
    check: perCompared(
      ({ priority }) => priority,
      (one, other) => one === other,
      ({ second, one, first }) => ({
        message: `instance ${second.instance.name} has priority ${one}, as in ${first.file.file}`,
        facts: { priority: one, other: first.file.file },
      }),
    ),
  },
  {
    id: 'L207',
    severity: 'error',
    title: 'the two balancers have different router ids',
    why: 'They do not listen to each other, so both hold the address at the same time.',
    fix: 'virtual_router_id 51, the same on both',
    check: perCompared(
      ({ routerId }) => routerId,
      (one, other) => one !== other,
      ({ second, one, first, other }) => ({
        message:
          `instance ${second.instance.name} has virtual_router_id ${one}, ` +
          `${first.file.file} has ${other}`,
        facts: { routerId: one, otherRouterId: other },
      }),
    ),
  },
  {
    id: 'L209',
    severity: 'error',
    title: 'the two balancers hold different addresses',
    why: 'After a failover the address that clients use is not taken over.',
    fix: 'write the same virtual_ipaddress on both',
    check: perInstancePair(({ first, second }) => {
      const [left, right] = [first, second].map(({ instance }) =>
        instance.addresses.map(({ value }) => value).sort(),
      )
      const place = second.instance.addresses[0]?.place
      if (left === undefined || right === undefined || place === undefined || left.length === 0)
        return []
      if (left.join(' ') === right.join(' ')) return []
      const message =
        `instance ${second.instance.name} holds ${right.join(', ')}, ` +
        `${first.file.file} holds ${left.join(', ')}`
      return [faultAt(place, message, { addresses: right, otherAddresses: left })]
    }),
  },
  {
    id: 'L210',
    severity: 'error',
    title: 'the two balancers announce at different intervals',
    why: 'VRRP version 2 drops what comes at another interval, so both hold the address.',
    fix: 'advert_int 1, the same on both',
    check: perCompared(
      // Version 3 takes the interval from the packet.
      ({ advertS, version }) => (version === 3 ? null : advertS),
      (one, other) => one !== other,
      ({ second, one, first, other }) => ({
        message:
          `instance ${second.instance.name} has advert_int ${one}, ` +
          `${first.file.file} has ${other}`,
        facts: { advertS: one, otherAdvertS: other },
      }),
    ),
  },
  {
    id: 'L212',
    severity: 'error',
    title: 'the two balancers have different VRRP passwords',
    why: 'Each drops what the other says, so both hold the address at the same time.',
    fix: 'write the same auth_type and auth_pass on both',
    check: perInstancePair(({ first, second }) => {
      const [left, right] = [first.instance, second.instance]
      if (
        right.version === 3 ||
        isOpen(`${left.authPass?.value ?? ''}${right.authPass?.value ?? ''}`)
      )
        return []
      const isSame =
        left.authType?.value === right.authType?.value &&
        left.authPass?.value.slice(0, authPassLength) ===
          right.authPass?.value.slice(0, authPassLength)
      if (isSame) return []
      const place = right.authPass?.place ?? right.authType?.place ?? right.place
      const message = `authentication of instance ${right.name} is not that of ${first.file.file}`
      return [faultAt(place, message, { instance: right.name, other: first.file.file })]
    }),
  },
  {
    id: 'L215',
    severity: 'error',
    title: 'unicast peers that do not reach each other',
    why: 'What one balancer announces does not arrive at the other, so both hold the address.',
    fix: 'unicast_src_ip with the own address, and unicast_peer with the address of the other balancer',
    check: (deployment) => [
      ...perInstance(ownUnicastFaults)(deployment),
      ...perInstancePair(pairUnicastFaults)(deployment),
    ],
  },
  {
    id: 'L222',
    severity: 'error',
    title: 'the two balancers speak different versions of VRRP',
    why: 'Each drops what the other says, so both hold the address at the same time.',
    fix: 'vrrp_version 3 in global_defs, the same on both',
    check: perInstancePair(({ first, second }) => {
      const [left, right] = [first.instance, second.instance]
      if (left.version === right.version) return []
      const message =
        `instance ${right.name} speaks version ${right.version}, ` +
        `${first.file.file} version ${left.version}`
      return [faultAt(right.place, message, { version: right.version, otherVersion: left.version })]
    }),
  },
]

type Compared = VrrpPair & { readonly one: number; readonly other: number }

/**
 * What two balancers say about one thing, where both say something.
 * @param settingOf what is compared; null where there is nothing to compare
 * @param isFault whether the two values do not go together; `one` is that of the second balancer
 * @param tell the finding, which stands at the second balancer
 */
function perCompared(
  settingOf: (instance: VrrpInstance) => Count | null,
  isFault: (one: number, other: number) => boolean,
  tell: (compared: Compared) => Pick<Fault, 'message' | 'facts'>,
): Rule['check'] {
  return perInstancePair(({ first, second }) => {
    const setting = settingOf(second.instance)
    const [one, other] = [setting?.value ?? null, settingOf(first.instance)?.value ?? null]
    if (setting === null || one === null || other === null || !isFault(one, other)) return []
    const { message, facts } = tell({ first, second, one, other })
    return [faultAt(setting.place, message, facts)]
  })
}

function ownUnicastFaults(instance: VrrpInstance): readonly Fault[] {
  const { name, unicastSource, unicastPeers } = instance
  if (unicastPeers.length === 0) return []
  if (unicastSource === null) {
    const place = unicastPeers[0]?.place ?? instance.place
    const message = `instance ${name} has unicast_peer but no unicast_src_ip`
    return [faultAt(place, message, { instance: name })]
  }
  return unicastPeers
    .filter(({ value }) => value === unicastSource.value)
    .map(({ value, place }) =>
      faultAt(place, `instance ${name} lists its own address ${value} as a peer`, {
        address: value,
      }),
    )
}

function pairUnicastFaults({ first, second }: VrrpPair): readonly Fault[] {
  return [[first, second] as const, [second, first] as const].flatMap(([here, there]) => {
    const peers = here.instance.unicastPeers
    const source = there.instance.unicastSource
    const at = peers[0]
    if (at === undefined) {
      if (there.instance.unicastPeers.length === 0) return []
      const message = `instance ${here.instance.name} speaks multicast, ${there.file.file} unicast`
      return [faultAt(here.instance.place, message, { other: there.file.file })]
    }
    if (source === null || isOpen(source.value)) return []
    if (peers.some(({ value }) => value === source.value || isOpen(value))) return []
    const message = `unicast_peer does not list ${source.value}, the address of ${there.file.file}`
    return [faultAt(at.place, message, { address: source.value, other: there.file.file })]
  })
}
