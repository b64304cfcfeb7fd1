// The configuration of Keepalived as text, a pure function of the cluster's layout. Written for 2.0.20
// and later.

import { assert } from '../../lib/assert.ts'
import { balancersOf } from '../../core/cluster-layout.ts'
import type { ClusterLayout } from '../../core/cluster-layout.ts'
import type { NodeName } from '../../core/names.ts'

export type KeepalivedSettings = {
  /** The balancer that runs with it. */
  readonly node: NodeName
  /** IP address of each balancer, between which adverts travel. */
  readonly addresses: ReadonlyMap<NodeName, string>
  /** Network interface that carries the VIP. */
  readonly networkInterface: string
  /** The script that asks HAProxy. Belongs to root, like every folder above it. */
  readonly scriptFile: string
  /** Other than 0 in it: this host may not have the address. Null: no agent writes one. */
  readonly trackFile: string | null
}

/**
 * No two balancers are alike, so that two that begin at the same moment soon agree. Low numbers let the
 * others wait for more than half an advert after three missing ones (RFC 5798, skew time): in that time a
 * balancer that is cut off gives the address up by itself.
 */
const priority = { first: 100, step: 3 } as const

/**
 * The whole file.
 * @throws RangeError when the layout has no VIP, or `node` is none of its balancers
 */
export function renderConfig(layout: ClusterLayout, settings: KeepalivedSettings): string {
  const { vip } = layout
  const balancers = balancersOf(layout).map((node) => node.name)
  const index = balancers.indexOf(settings.node)
  if (vip === null || index < 0) throw new RangeError(`${settings.node} shares no address`)
  const { trackFile, networkInterface } = settings
  const address = `${vip.address}/${String(vip.prefixLength)}`
  return [
    `! Written by pgherd for cluster ${layout.cluster}. Changes are overwritten.`,
    ...renderGlobal(settings.node),
    ...(trackFile === null ? [] : renderTrackFile(trackFile)),
    ...renderScript(settings.scriptFile),
    '',
    `vrrp_instance ${layout.cluster} {`,
    '  ! Whoever has the address keeps it while it can serve: moving it cuts sessions.',
    '  state BACKUP',
    '  nopreempt',
    `  interface ${networkInterface}`,
    `  virtual_router_id ${String(vip.routerId)}`,
    `  priority ${String(priority.first - priority.step * index)}`,
    `  advert_int ${(vip.advertMs / 1000).toFixed(2)}`,
    ...(vip.delivery === 'unicast' ? renderPeers(balancers, settings) : []),
    ...(trackFile === null ? [] : ['  track_file {', '    fitness', '  }']),
    '  track_script {',
    '    haproxy',
    '  }',
    '  virtual_ipaddress {',
    `    ${address} dev ${networkInterface}`,
    '  }',
    '}',
    '',
  ].join('\n')
}

function renderGlobal(node: NodeName): readonly string[] {
  return [
    'global_defs {',
    `  router_id ${node}`,
    '  ! Adverts more often than once a second need version 3.',
    '  vrrp_version 3',
    '  vrrp_check_unicast_src',
    '  ! Neighbours learn the new place at once, a second later, and whoever missed it soon after.',
    '  vrrp_garp_master_delay 1',
    '  vrrp_garp_master_refresh 10',
    '  ! Adverts must go out on a busy machine too.',
    '  vrrp_priority -10',
    '  script_user root',
    '  enable_script_security',
    '}',
  ]
}

/** Weight 0 means: not fit at all. A lower priority would move nothing, for nobody pre-empts. */
function renderTrackFile(trackFile: string): readonly string[] {
  return [
    '',
    'vrrp_track_file fitness {',
    `  file ${quoted(trackFile)}`,
    '  weight 0',
    '  init_file 1',
    '}',
  ]
}

function renderScript(scriptFile: string): readonly string[] {
  return [
    '',
    'vrrp_script haproxy {',
    `  script "'${unquotable(scriptFile)}'"`,
    '  interval 1',
    '  timeout 2',
    '  fall 2',
    '  rise 1',
    '  weight 0',
    '  init_fail',
    '}',
  ]
}

function renderPeers(
  balancers: readonly NodeName[],
  { node, addresses }: KeepalivedSettings,
): readonly string[] {
  const addressOf = (name: NodeName): string => {
    const address = addresses.get(name)
    assert(address !== undefined, `${name} has no address`)
    return address
  }
  const peers = balancers.filter((name) => name !== node)
  // Keepalived would not take an empty list. What goes to the whole network is heard by nobody then.
  if (peers.length === 0) return []
  return [
    `  unicast_src_ip ${addressOf(node)}`,
    '  unicast_peer {',
    ...peers.map((peer) => `    ${addressOf(peer)}`),
    '  }',
  ]
}

function quoted(file: string): string {
  return `"${unquotable(file)}"`
}

/** Keepalived knows no escapes within quotes. @throws RangeError */
function unquotable(file: string): string {
  if (/["'\n]/.test(file)) throw new RangeError(`Keepalived cannot be given the path ${file}`)
  return file
}
