// L2xx: whether Keepalived moves the address when it must, and only then.

import type { Deployment } from '../deployment.ts'
import { isDefaultPassword } from '../passwords.ts'
import type { Tracker, VrrpInstance, VrrpScript } from '../parse-keepalived.ts'
import { type Fault, type Rule, faultAt } from '../rule.ts'
import { isOpen } from '../source-text.ts'
import { type VrrpPair, membersOf, pairsOf } from '../vrrp-pair.ts'

/** A HAProxy that is dead for longer than this should have lost the address. */
const detectionMaxS = 10

/** Keepalived drops what an auth_pass has beyond this. */
const authPassLength = 8

const routerIdMax = 255

function perInstance(check: (instance: VrrpInstance) => readonly Fault[]): Rule['check'] {
  return (deployment) => membersOf(deployment).flatMap(({ instance }) => check(instance))
}

function perPair(check: (pair: VrrpPair) => readonly Fault[]): Rule['check'] {
  return (deployment) => pairsOf(deployment).flatMap(check)
}

function scriptsOf(deployment: Deployment): readonly VrrpScript[] {
  return deployment.keepalived.flatMap(({ scripts }) => scripts)
}

/** The highest priority is kept for the owner of the address. */
const priorityMax = 254

/** The priority while every tracked thing is well, or with `failed` failed. */
function priorityOf(instance: VrrpInstance, priority: number, failed: Tracker | null): number {
  const sum = instance.trackers
    // What a tracked file adds is the number in it.
    .filter(({ kind }) => kind !== 'file')
    .reduce((total, tracker) => {
      const isWell = tracker !== failed
      if (tracker.weight > 0) return total + (isWell ? tracker.weight : 0)
      return total + (isWell ? 0 : tracker.weight)
    }, priority)
  return Math.max(1, Math.min(priorityMax, sum))
}

export const keepalivedRules: readonly Rule[] = [
  {
    id: 'L201',
    severity: 'error',
    title: 'a failed check does not move the address',
    why: 'The weight is smaller than the distance of the priorities: the address stays on the dead balancer.',
    fix: 'weight 0 in the vrrp_script: a failure then takes the instance out, whatever the priorities are',
    check: perPair(({ first, second }) => {
      const [high, low] = [first.instance.priority.value, second.instance.priority.value]
      if (high === null || low === null) return []
      return first.instance.trackers
        .filter(({ kind, weight }) => kind !== 'file' && weight !== 0)
        .flatMap((tracker) => {
          const failed = priorityOf(first.instance, high, tracker)
          const other = priorityOf(second.instance, low, null)
          if (failed < other) return []
          return [
            faultAt(
              tracker.weightPlace,
              `${tracker.kind} ${tracker.name} has weight ${tracker.weight}, the priorities are ` +
                `${high} and ${low}: when it fails, ` +
                `${failed} here still beats ${other} of ${second.file.file}`,
              { tracker: tracker.name, weight: tracker.weight, failed, other },
            ),
          ]
        })
    }),
  },
  {
    id: 'L202',
    severity: 'error',
    title: 'nothing watches HAProxy',
    why: 'When HAProxy dies or hangs, the address stays where nobody answers.',
    fix: 'track_script { check_haproxy }, with a vrrp_script that asks HAProxy, weight 0',
    check: (deployment) =>
      membersOf(deployment)
        // Without HAProxy Keepalived checks the real servers itself.
        .filter(({ file, instance }) => !file.hasVirtualServers && !instance.isWatched)
        .map(({ instance: { name, place } }) =>
          faultAt(place, `instance ${name} tracks nothing`, { instance: name }),
        ),
  },
  {
    id: 'L203',
    severity: 'error',
    title: 'nopreempt makes weights useless',
    why: 'With nopreempt a balancer does not take the address from one whose priority has fallen.',
    fix: 'weight 0 in what is tracked, so that a failure gives the address up',
    check: perInstance(({ name, nopreempt, trackers }) => {
      const isWeightOnly = trackers.length > 0 && trackers.every(({ weight }) => weight !== 0)
      if (nopreempt === null || !isWeightOnly) return []
      const tracked = trackers.map((tracker) => tracker.name)
      const message = `instance ${name} has nopreempt, and ${tracked.join(', ')} only changes the priority`
      return [faultAt(nopreempt, message, { instance: name, tracked })]
    }),
  },
  {
    id: 'L204',
    severity: 'warning',
    title: 'nopreempt needs state BACKUP',
    why: 'With state MASTER nopreempt does not work, and the address moves twice for each outage.',
    fix: 'state BACKUP on both balancers',
    check: perInstance(({ name, nopreempt, state }) =>
      nopreempt === null || state?.value !== 'MASTER'
        ? []
        : [
            faultAt(state.place, `instance ${name} has nopreempt and state MASTER`, {
              instance: name,
            }),
          ],
    ),
  },
  {
    id: 'L205',
    severity: 'warning',
    title: 'both balancers start as MASTER',
    why: 'Each takes the address when it starts, which cuts the connections of the other.',
    fix: 'state BACKUP on both, and different priorities',
    check: perPair(({ first, second }) => {
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
    check: perPair(({ first, second }) => {
      const [left, right] = [first.instance.priority, second.instance.priority]
      if (right.value === null || left.value !== right.value) return []
      const message = `instance ${second.instance.name} has priority ${right.value}, as in ${first.file.file}`
      return [faultAt(right.place, message, { priority: right.value, other: first.file.file })]
    }),
  },
  {
    id: 'L207',
    severity: 'error',
    title: 'the two balancers have different router ids',
    why: 'They do not listen to each other, so both hold the address at the same time.',
    fix: 'virtual_router_id 51, the same on both',
    check: perPair(({ first, second }) => {
      const [left, right] = [first.instance.routerId, second.instance.routerId]
      const [routerId, otherRouterId] = [right?.value ?? null, left?.value ?? null]
      if (right === null || routerId === null || otherRouterId === null) return []
      if (routerId === otherRouterId) return []
      const message =
        `instance ${second.instance.name} has virtual_router_id ${routerId}, ` +
        `${first.file.file} has ${otherRouterId}`
      return [faultAt(right.place, message, { routerId, otherRouterId })]
    }),
  },
  {
    id: 'L208',
    severity: 'error',
    title: 'one router id for two different addresses',
    why: 'The instances take each other for a pair, so one of the two addresses is held by nobody.',
    fix: 'give each address a virtual_router_id that nobody else uses in this network',
    check: sharedRouterIds,
  },
  {
    id: 'L209',
    severity: 'error',
    title: 'the two balancers hold different addresses',
    why: 'After a failover the address that clients use is not taken over.',
    fix: 'write the same virtual_ipaddress on both',
    check: perPair(({ first, second }) => {
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
    check: perPair(({ first, second }) => {
      const [left, right] = [first.instance.advertS, second.instance.advertS]
      const [advertS, otherAdvertS] = [right.value, left.value]
      if (advertS === null || otherAdvertS === null || advertS === otherAdvertS) return []
      if (second.instance.version === 3) return []
      const message =
        `instance ${second.instance.name} has advert_int ${advertS}, ` +
        `${first.file.file} has ${otherAdvertS}`
      return [faultAt(right.place, message, { advertS, otherAdvertS })]
    }),
  },
  {
    id: 'L211',
    severity: 'warning',
    title: 'the VRRP password is one that everybody tries',
    why: 'Anybody in the network can announce a higher priority and take the address away.',
    fix: 'auth_pass of 8 random characters, or unicast_peer with a firewall in front of VRRP',
    check: perInstance(({ name, authPass }) =>
      authPass === null || isOpen(authPass.value) || !isDefaultPassword(authPass.value)
        ? []
        : [
            faultAt(authPass.place, `auth_pass of instance ${name} is a default`, {
              instance: name,
            }),
          ],
    ),
  },
  {
    id: 'L212',
    severity: 'error',
    title: 'the two balancers have different VRRP passwords',
    why: 'Each drops what the other says, so both hold the address at the same time.',
    fix: 'write the same auth_type and auth_pass on both',
    check: perPair(({ first, second }) => {
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
    id: 'L215',
    severity: 'error',
    title: 'unicast peers that do not reach each other',
    why: 'What one balancer announces does not arrive at the other, so both hold the address.',
    fix: 'unicast_src_ip with the own address, and unicast_peer with the address of the other balancer',
    check: (deployment) => [
      ...membersOf(deployment).flatMap(({ instance }) => ownUnicastFaults(instance)),
      ...pairsOf(deployment).flatMap(pairUnicastFaults),
    ],
  },
  {
    id: 'L216',
    severity: 'error',
    title: 'what is tracked is defined nowhere',
    why: 'Keepalived leaves it out with a line in its log, and then nothing watches HAProxy.',
    fix: 'vrrp_script NAME { … } in the same file, with exactly that name',
    check: (deployment) =>
      deployment.keepalived
        // What is included may define it.
        .filter(({ includes }) => includes.length === 0)
        .flatMap(({ instances }) =>
          instances.flatMap(({ name, trackers }) =>
            trackers
              .filter(({ isDefined }) => !isDefined)
              .map((tracker) =>
                faultAt(
                  tracker.place,
                  `instance ${name} tracks ${tracker.kind} ${tracker.name}, not defined`,
                  {
                    instance: name,
                    tracker: tracker.name,
                  },
                ),
              ),
          ),
        ),
  },
  {
    id: 'L217',
    severity: 'error',
    title: 'a check that cannot fail',
    why: 'It is as well when HAProxy is dead, so the address never moves.',
    fix: 'script "/usr/bin/curl -fsS -m 1 -o /dev/null http://127.0.0.1:8404/health", a page of HAProxy',
    check: (deployment) =>
      scriptsOf(deployment)
        .filter(({ command }) => cannotFail(command))
        .map(({ name, place }) =>
          faultAt(place, `script ${name} is well even when HAProxy is not`, { script: name }),
        ),
  },
  {
    id: 'L218',
    severity: 'info',
    title: 'the check only looks whether a process exists',
    why: 'A HAProxy that hangs, or that lost its port or all servers, keeps the address.',
    fix: 'script "/usr/bin/curl -fsS -m 1 -o /dev/null http://127.0.0.1:8404/health", a page of HAProxy',
    check: (deployment) =>
      scriptsOf(deployment)
        .filter(
          ({ command }) =>
            /\b(killall|pidof|pgrep|pkill|systemctl)\b/.test(command) && /haproxy/.test(command),
        )
        .map(({ name, place }) =>
          faultAt(place, `script ${name} only looks for a process haproxy`, { script: name }),
        ),
  },
  {
    id: 'L219',
    severity: 'warning',
    title: 'a dead HAProxy is found late',
    why: 'Until the check has failed often enough, the address stays where nobody answers.',
    fix: 'interval 1 and fall 2 in the vrrp_script',
    check: (deployment) =>
      scriptsOf(deployment)
        .filter(({ intervalS, fall }) => intervalS * fall > detectionMaxS)
        .map(({ name, place, intervalS, fall }) =>
          faultAt(
            place,
            `script ${name} needs ${intervalS * fall} s to find a failure (interval ${intervalS}, fall ${fall})`,
            { script: name, intervalS, fall },
          ),
        ),
  },
  {
    id: 'L220',
    severity: 'error',
    title: 'vrrp_strict shuts the address for clients',
    why: 'In strict mode a balancer does not accept connections to an address that is not its own.',
    fix: 'remove vrrp_strict',
    check: (deployment) =>
      deployment.keepalived
        .filter(({ instances }) => instances.some(({ priority }) => priority.value !== 255))
        .flatMap(({ strict }) =>
          strict === null ? [] : [faultAt(strict, 'vrrp_strict is on for every instance')],
        ),
  },
  {
    id: 'L221',
    severity: 'info',
    title: 'an included file was not given',
    why: 'What stands there is not checked, and it may be what is missing here.',
    fix: 'give lint the folder that holds the included files, too',
    check: (deployment) =>
      deployment.keepalived.flatMap(({ includes }) =>
        includes.map(({ value, place }) =>
          faultAt(place, `${value} is included and was not given`, { included: value }),
        ),
      ),
  },
  {
    id: 'L222',
    severity: 'error',
    title: 'the two balancers speak different versions of VRRP',
    why: 'Each drops what the other says, so both hold the address at the same time.',
    fix: 'vrrp_version 3 in global_defs, the same on both',
    check: perPair(({ first, second }) => {
      const [left, right] = [first.instance, second.instance]
      if (left.version === right.version) return []
      const message =
        `instance ${right.name} speaks version ${right.version}, ` +
        `${first.file.file} version ${left.version}`
      return [faultAt(right.place, message, { version: right.version, otherVersion: left.version })]
    }),
  },
]

function sharedRouterIds(deployment: Deployment): readonly Fault[] {
  const members = membersOf(deployment)
  return members.flatMap((right, index) => {
    const left = members.slice(0, index).find((one) => {
      const [mine, others] = [right.instance, one.instance]
      // A router id of IPv4 has nothing to do with the same one of IPv6.
      const isSameFamily = hasIpv6(mine) === hasIpv6(others)
      const isSameWire =
        isSameFamily &&
        (mine.routerId?.value ?? null) !== null &&
        mine.routerId?.value === others.routerId?.value &&
        mine.interface?.value === others.interface?.value
      const isElsewhere = mine.addresses.every(({ value }) =>
        others.addresses.every((address) => address.value !== value),
      )
      // One name in two files is a pair that contradicts itself, which is another rule.
      const isPair = one.file !== right.file && mine.name === others.name
      const bothHold = mine.addresses.length > 0 && others.addresses.length > 0
      return isSameWire && isElsewhere && bothHold && !isPair
    })
    const routerId = right.instance.routerId
    if (left === undefined || routerId === null || routerId.value === null) return []
    // Two files with one instance each are a pair, too.
    const areAlone = left.file.instances.length === 1 && right.file.instances.length === 1
    if (left.file !== right.file && areAlone) return []
    const message =
      `instances ${left.instance.name} and ${right.instance.name} share virtual_router_id ` +
      `${routerId.value} and no address`
    return [faultAt(routerId.place, message, { routerId: routerId.value })]
  })
}

function hasIpv6({ addresses }: VrrpInstance): boolean {
  return addresses.some(({ value }) => value.includes(':'))
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

function cannotFail(command: string): boolean {
  const bare = command.trim()
  if (
    /^(\/usr)?(\/bin\/)?true$|^exit 0$|^:$/.test(bare) ||
    /\|\|\s*(\/bin\/)?true\b|;\s*exit 0\s*$/.test(bare)
  )
    return true
  return (
    /\b(killall|pidof|pgrep|pkill|systemctl)\b.*\bkeepalived\b/.test(bare) && !/haproxy/.test(bare)
  )
}
