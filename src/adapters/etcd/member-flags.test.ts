import { describe, expect, it } from 'vitest'
import type { ClusterLayout, NodeLayout } from '../../core/cluster-layout.ts'
import type { ClusterName } from '../../core/names.ts'
import { asNodeName } from '../../core/names.ts'
import { timingPlans } from '../../core/timing-plan.ts'
import {
  renderFlags,
  renderFounders,
  renderMembers,
  voterAddresses,
  voterAddressOf,
} from './member-flags.ts'

const node = (name: string, host: string, isVoter = true): NodeLayout => ({
  name: asNodeName(name),
  role: 'data',
  host,
  postgresPort: 5432,
  apiPort: 8008,
  storeClientPort: isVoter ? 2379 : null,
  storePeerPort: isVoter ? 2479 : null,
  isVoter,
  noFailover: false,
})

const layout: ClusterLayout = {
  cluster: 'app' as ClusterName,
  durability: 'quorum',
  syncStandbys: 1,
  plan: timingPlans.fast,
  nodes: [node('pg-0', '10.0.0.1'), node('pg-1', 'db1.example'), node('pg-2', '10.0.0.3', false)],
  endpoints: { write: null, read: null },
  balancerPorts: null,
  vip: null,
}
const voters = voterAddresses(layout)

describe('flags of etcd', () => {
  it('founders → every voter and nobody else', () => {
    expect(renderFounders(voters)).toBe('pg-0=http://10.0.0.1:2479,pg-1=http://db1.example:2479')
  })

  it('a voter without ports → the layout is wrong', () => {
    expect(() => voterAddressOf(node('x', 'h', false))).toThrow(RangeError)
  })

  it('joining → the list of the store, with our name at our entry and none left empty', () => {
    const members = [
      { id: '1', name: 'pg-0', peerUrls: ['http://a:1'], clientUrls: ['http://a:2'] },
      { id: '2', name: '', peerUrls: ['http://b:1'], clientUrls: [] },
      { id: '3', name: '', peerUrls: ['http://c:1'], clientUrls: [] },
    ]
    expect(renderMembers(members, '2', asNodeName('pg-1'))).toBe(
      'pg-0=http://a:1,pg-1=http://b:1,unnamed-3=http://c:1',
    )
  })

  it('a voter known by name → listens on its address and is found by its name', () => {
    const initial = { state: 'new', members: renderFounders(voters), token: 'c0ffee' } as const
    const flags = renderFlags(layout, voters[1]!, '/data/etcd', '10.0.0.2', initial)
    expect(flags).toMatchInlineSnapshot(`
      [
        "--name=pg-1",
        "--data-dir=/data/etcd",
        "--listen-client-urls=http://10.0.0.2:2379",
        "--advertise-client-urls=http://db1.example:2379",
        "--listen-peer-urls=http://10.0.0.2:2479",
        "--initial-advertise-peer-urls=http://db1.example:2479",
        "--initial-cluster=pg-0=http://10.0.0.1:2479,pg-1=http://db1.example:2479",
        "--initial-cluster-state=new",
        "--initial-cluster-token=pgherd-app-c0ffee",
        "--heartbeat-interval=50",
        "--election-timeout=250",
        "--pre-vote=true",
        "--auto-compaction-mode=revision",
        "--auto-compaction-retention=10000",
        "--quota-backend-bytes=1073741824",
        "--snapshot-count=10000",
        "--host-whitelist=10.0.0.1,db1.example,10.0.0.2",
        "--cors=http://none.invalid:1",
        "--logger=zap",
        "--log-level=warn",
        "--log-outputs=stderr",
      ]
    `)
  })
})
