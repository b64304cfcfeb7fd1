import { readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import type { ClusterLayout, NodeLayout, VipLayout } from '../../core/cluster-layout.ts'
import { asNodeName } from '../../core/names.ts'
import type { ClusterName, NodeName } from '../../core/names.ts'
import { timingPlans } from '../../core/timing-plan.ts'
import { parseAddresses } from './addresses.ts'
import { renderCheckScript } from './check-script.ts'
import { firstComplaint, parseVersion } from './program.ts'
import { renderConfig } from './render.ts'
import { renderUnit } from './render-unit.ts'

const balancer = (name: string, host: string): NodeLayout => ({
  name: asNodeName(name),
  role: 'balancer',
  host,
  postgresPort: null,
  apiPort: 8008,
  storeClientPort: null,
  storePeerPort: null,
  isVoter: false,
  noFailover: false,
})

const vip: VipLayout = {
  address: '10.0.0.100',
  prefixLength: 24,
  routerId: 51,
  delivery: 'unicast',
  advertMs: 250,
  interfaces: {},
}

describe('the drop-in of systemd', () => {
  it('takes away the very address, whatever ended Keepalived', () => {
    expect(renderUnit(layoutOf({}, vip), 'eth1')).toMatch(
      /\[Service\]\nRestart=always\n[^]*\nExecStopPost=-.* address del 10\.0\.0\.100\/24 dev eth1\n$/,
    )
    expect(() => renderUnit(layoutOf({}, null), 'eth1')).toThrow(RangeError)
  })

  it('is what the guide shows, without its comments', () => {
    const guide = readFileSync(
      path.resolve(import.meta.dirname, '../../../docs/guides/balancers.md'),
      'utf8',
    )
    const text = renderUnit(layoutOf({}, vip), 'eth0').replace(/^#.*\n/gm, '')
    expect(guide).toContain(`\`\`\`ini\n${text}\`\`\`\n`)
  })
})

function layoutOf(
  hosts: Readonly<Record<string, string>>,
  shared: VipLayout | null,
): ClusterLayout {
  return {
    cluster: 'orders' as ClusterName,
    durability: 'quorum',
    syncStandbys: 1,
    plan: timingPlans.fast,
    nodes: Object.entries(hosts).map(([name, host]) => balancer(name, host)),
    endpoints: { write: null, read: null },
    balancerPorts: { stats: 8404, health: 8405 },
    vip: shared,
  }
}

function settingsFor(node: string, hosts: Readonly<Record<string, string>>) {
  const addresses = Object.entries(hosts).map(([name, host]): [NodeName, string] => [
    asNodeName(name),
    host,
  ])
  return {
    node: asNodeName(node),
    addresses: new Map(addresses),
    networkInterface: 'eth0',
    scriptFile: '/var/lib/pgherd/keepalived/check-haproxy.sh',
    trackFile: '/var/lib/pgherd/keepalived/fitness',
  }
}

describe('keepalived: configuration', () => {
  const two = { 'lb-0': '10.0.0.2', 'lb-1': '10.0.0.3' }

  it('of the second balancer, looked after by its agent', async () => {
    const text = renderConfig(layoutOf(two, vip), settingsFor('lb-1', two))
    await expect(text).toMatchFileSnapshot('testdata/agent.conf')
  })

  it('without an agent, by multicast and IPv6', async () => {
    const hosts = { 'lb-0': 'fd00::2', 'lb-1': 'fd00::3' }
    const shared: VipLayout = {
      ...vip,
      address: 'fd00::100',
      prefixLength: 64,
      delivery: 'multicast',
    }
    const text = renderConfig(layoutOf(hosts, shared), {
      ...settingsFor('lb-0', hosts),
      scriptFile: '/etc/keepalived/check-haproxy.sh',
      trackFile: null,
    })
    await expect(text).toMatchFileSnapshot('testdata/standalone.conf')
  })

  it('one balancer alone has no peers, and does not list none', () => {
    const one = { 'lb-0': '10.0.0.2' }
    expect(renderConfig(layoutOf(one, vip), settingsFor('lb-0', one))).not.toMatch(
      /unicast_src_ip|unicast_peer/,
    )
  })

  it('31 balancers have 31 priorities that Keepalived takes', () => {
    const hosts = Object.fromEntries(
      Array.from({ length: 31 }, (_, index) => [
        `l${String(index)}`,
        `10.0.0.${String(index + 1)}`,
      ]),
    )
    const priorities = Object.keys(hosts).map((name) => {
      const text = renderConfig(layoutOf(hosts, vip), settingsFor(name, hosts))
      return Number(/priority (\d+)/.exec(text)?.[1])
    })
    expect(new Set(priorities).size).toBe(31)
    expect(Math.min(...priorities)).toBeGreaterThanOrEqual(1)
    expect(Math.max(...priorities)).toBeLessThan(255)
  })

  it('needs an address, a balancer and a path that can be quoted', () => {
    expect(() => renderConfig(layoutOf(two, null), settingsFor('lb-0', two))).toThrow(RangeError)
    expect(() => renderConfig(layoutOf(two, vip), settingsFor('pg-0', two))).toThrow(RangeError)
    const odd = { ...settingsFor('lb-0', two), scriptFile: "/it's/check.sh" }
    expect(() => renderConfig(layoutOf(two, vip), odd)).toThrow(RangeError)
  })

  it('the script that asks HAProxy', async () => {
    await expect(renderCheckScript(8405)).toMatchFileSnapshot('testdata/check-haproxy.sh')
  })
})

describe('keepalived: what programs say', () => {
  it.each([
    ['Keepalived v2.2.7 (01/16,2022)\n', [2, 2, 7]],
    ['HAProxy version 2.6.12', null],
  ])('%j', (text, expected) => {
    expect(parseVersion(text)).toEqual(expected)
  })

  it('the complaint that names a line comes first', () => {
    const text = "(main) Unknown interface!\n(k.conf: Line 27) Unknown keyword 'nopreemptt'\n"
    expect(firstComplaint(text)).toBe("(k.conf: Line 27) Unknown keyword 'nopreemptt'")
    expect(firstComplaint('Disabling track script haproxy due to insecure\n')).toBe(
      'Disabling track script haproxy due to insecure',
    )
    expect(firstComplaint('\n')).toBeNull()
  })

  it('addresses: the interface with this very one', () => {
    const text = JSON.stringify([
      { ifname: 'lo', addr_info: [{ local: '127.0.0.1', prefixlen: 8 }] },
      {},
      { ifname: 'eth0', addr_info: [{ local: '10.0.0.10', prefixlen: 24 }] },
      { ifname: 'eth1', addr_info: [{ local: '10.0.0.100', prefixlen: 32 }] },
    ])
    expect(parseAddresses(text, '10.0.0.100')).toEqual([{ name: 'eth1', prefixLength: 32 }])
    expect(parseAddresses('[]', '10.0.0.100')).toEqual([])
  })
})
