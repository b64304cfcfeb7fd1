// The command line of etcd, from the layout. Pure. Only flags that 3.4 and 3.5 both know, and none that
// trades durability for speed.

import { isIP } from 'node:net'
import type { ClusterLayout, NodeLayout } from '../../core/cluster-layout.ts'
import { votersOf } from '../../core/cluster-layout.ts'
import type { NodeName } from '../../core/names.ts'
import type { Endpoint } from './endpoint.ts'
import { renderEndpoint } from './endpoint.ts'
import type { ListedMember } from './messages.ts'

/** A database of ours holds some MiB. This leaves room for a long while without compaction. */
export const quotaBytes = 1024 * 1024 * 1024

/** How many revisions stay readable: some 25 minutes at seven writes a second. */
const revisionsKept = 10_000

/** A voter's places on the network. */
export type VoterAddress = {
  readonly node: NodeName
  readonly client: Endpoint
  readonly peer: Endpoint
}

/** @throws RangeError when a voter has no ports (the layout promises them) */
export function voterAddressOf(node: NodeLayout): VoterAddress {
  if (node.storeClientPort === null || node.storePeerPort === null) {
    throw new RangeError(`voter ${node.name} has no store ports`)
  }
  return {
    node: node.name,
    client: { host: node.host, port: node.storeClientPort },
    peer: { host: node.host, port: node.storePeerPort },
  }
}

export function voterAddresses(layout: ClusterLayout): readonly VoterAddress[] {
  return votersOf(layout).map((node) => voterAddressOf(node))
}

export function urlOf(endpoint: Endpoint): string {
  return `http://${renderEndpoint(endpoint)}`
}

/** `name=url,…` for the founders. */
export function renderFounders(voters: readonly VoterAddress[]): string {
  return voters.map((voter) => `${voter.node}=${urlOf(voter.peer)}`).join(',')
}

/**
 * `name=url,…` for one that joins: what the store's list says. etcd compares the URLs only, but wants
 * names; a member that has not served yet has none in the list.
 * @param addedId the id that the store gave to us
 */
export function renderMembers(
  members: readonly ListedMember[],
  addedId: string,
  self: NodeName,
): string {
  return members
    .flatMap((member) => {
      const name = member.id === addedId ? self : member.name || `unnamed-${member.id}`
      return member.peerUrls.map((url) => `${name}=${url}`)
    })
    .join(',')
}

/** What the first start needs to know; a later one ignores it. */
export type InitialCluster =
  /** etcd makes the ids of cluster and members of the token: no two foundings can ever be mixed. */
  | { readonly state: 'new'; readonly members: string; readonly token: string }
  | { readonly state: 'existing'; readonly members: string }

/**
 * @param bindHost the IP address to listen on: etcd refuses names there
 */
export function renderFlags(
  layout: ClusterLayout,
  voter: VoterAddress,
  dataDirectory: string,
  bindHost: string,
  initial: InitialCluster,
): readonly string[] {
  const { plan } = layout
  const bound = (endpoint: Endpoint): string => urlOf({ ...endpoint, host: bindHost })
  return [
    `--name=${voter.node}`,
    `--data-dir=${dataDirectory}`,
    `--listen-client-urls=${bound(voter.client)}`,
    `--advertise-client-urls=${urlOf(voter.client)}`,
    `--listen-peer-urls=${bound(voter.peer)}`,
    `--initial-advertise-peer-urls=${urlOf(voter.peer)}`,
    `--initial-cluster=${initial.members}`,
    `--initial-cluster-state=${initial.state}`,
    ...(initial.state === 'new'
      ? [`--initial-cluster-token=pgherd-${layout.cluster}-${initial.token}`]
      : []),
    `--heartbeat-interval=${plan.etcdHeartbeatMs}`,
    `--election-timeout=${plan.etcdElectionMs}`,
    // A member that was frozen must not unseat a healthy leader when it wakes up (default from 3.5).
    '--pre-vote=true',
    '--auto-compaction-mode=revision',
    `--auto-compaction-retention=${revisionsKept}`,
    `--quota-backend-bytes=${quotaBytes}`,
    // Entries that are kept in memory; the default of 100,000 are four hours of renewals.
    '--snapshot-count=10000',
    // A page in somebody's browser must not reach the store by a name of its own choosing.
    `--host-whitelist=${[...new Set([...votersOf(layout).map((node) => node.host), bindHost])].join(',')}`,
    '--cors=http://none.invalid:1',
    '--logger=zap',
    '--log-level=warn',
    '--log-outputs=stderr',
  ]
}

/** True when `host` can be listened on as it is. */
export function isAddress(host: string): boolean {
  return isIP(host) !== 0
}
