import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { votersOf } from '../core/cluster-layout.ts'
import { defaultSyncStandbys, layoutOf } from './layout.ts'
import { assignPorts, isLoopback, machineOf, withPorts } from './ports.ts'
import { specSchema } from './schema.ts'
import type { ClusterSpec } from './schema.ts'

type Counts = { data: number; witness: number; balancer: number }

function specOf(counts: Counts, extra: Readonly<Record<string, unknown>> = {}): ClusterSpec {
  const of = (count: number, prefix: string, role: string) =>
    Array.from({ length: count }, (_, index) => ({ name: `${prefix}-${String(index)}`, role }))
  return specSchema.parse({
    nodes: [
      ...of(counts.data, 'pg', 'data'),
      ...of(counts.witness, 'pgw', 'witness'),
      ...of(counts.balancer, 'lb', 'balancer'),
    ],
    ...extra,
  })
}

const voterNames = (counts: Counts) => votersOf(layoutOf(specOf(counts))).map((node) => node.name)

describe('layout: voters', () => {
  it.each([
    [{ data: 3, witness: 1, balancer: 1 }, ['pg-0', 'pg-1', 'pgw-0']],
    [{ data: 2, witness: 1, balancer: 0 }, ['pg-0', 'pg-1', 'pgw-0']],
    [{ data: 3, witness: 0, balancer: 1 }, ['pg-0', 'pg-1', 'pg-2']],
    [{ data: 5, witness: 0, balancer: 0 }, ['pg-0', 'pg-1', 'pg-2', 'pg-3', 'pg-4']],
    [{ data: 1, witness: 0, balancer: 1 }, ['pg-0']],
    [{ data: 2, witness: 0, balancer: 1 }, ['pg-0']],
    [{ data: 6, witness: 1, balancer: 0 }, ['pg-0', 'pg-1', 'pg-2', 'pg-3', 'pgw-0']],
  ])('%j → %j', (counts, expected) => {
    expect(voterNames(counts)).toEqual(expected)
  })

  it('vote: true comes first, vote: false never', () => {
    const spec = specSchema.parse({
      nodes: [
        { name: 'pg-0', role: 'data', vote: false },
        { name: 'pg-1', role: 'data' },
        { name: 'pgw-0', role: 'witness' },
        { name: 'lb-0', role: 'balancer', vote: true },
      ],
    })
    expect(votersOf(layoutOf(spec)).map((node) => node.name)).toEqual(['pg-1', 'pgw-0', 'lb-0'])
  })
})

describe('layout: how many standbys a commit waits for', () => {
  it.each([
    [1, 1],
    [2, 1],
    [3, 1],
    [4, 2],
    [5, 2],
    [7, 3],
  ])('%i data nodes → %i', (dataNodeCount, expected) => {
    expect(defaultSyncStandbys(dataNodeCount)).toBe(expected)
  })
})

const counts = fc.record({
  data: fc.integer({ min: 1, max: 7 }),
  witness: fc.integer({ min: 0, max: 3 }),
  balancer: fc.integer({ min: 0, max: 2 }),
})

function portsWithMachines(spec: ClusterSpec): readonly string[] {
  const layout = layoutOf(spec)
  const ofNodes = layout.nodes.flatMap((node) =>
    [node.postgresPort, node.apiPort, node.storeClientPort, node.storePeerPort]
      .filter((port) => port !== null)
      .map((port) => `${machineOf(node.host)} ${String(port)}`),
  )
  const { write, read } = layout.endpoints
  const ofEndpoints = [write, read]
    .filter((endpoint) => endpoint !== null)
    .map((endpoint) => `${machineOf(endpoint.host)} ${String(endpoint.port)}`)
  const balancers = layout.nodes.filter((node) => node.role === 'balancer')
  const machines = new Set(balancers.map((node) => machineOf(node.host)))
  const ofBalancers = [...machines].flatMap((machine) =>
    Object.values(layout.balancerPorts ?? {}).map((port) => `${machine} ${String(port)}`),
  )
  return [...ofNodes, ...ofEndpoints, ...ofBalancers]
}

describe('layout: for 1 to 7 data nodes with witnesses and balancer', () => {
  it('the number of voters is odd and at most 5', () => {
    fc.assert(
      fc.property(counts, (each) => {
        const voterCount = voterNames(each).length
        expect(voterCount % 2).toBe(1)
        expect(voterCount).toBeLessThanOrEqual(5)
        expect(voterCount).toBeGreaterThanOrEqual(Math.min(5, each.data + each.witness - 1))
      }),
    )
  })

  it('every port is unique on its machine, whatever is named or taken', () => {
    const hosts = fc.constantFrom<(index: number) => string>(
      () => '127.0.0.1',
      (index) => `10.0.0.${String(index + 1)}`,
      (index) => (index % 2 === 0 ? 'left' : 'right'),
    )
    fc.assert(
      fc.property(
        counts,
        hosts,
        fc.uniqueArray(fc.integer({ min: 2370, max: 5620 }), { maxLength: 8 }),
        (each, hostOf, named) => {
          const bare = specOf(each)
          const spec: ClusterSpec = {
            ...bare,
            nodes: bare.nodes.map((node, index) => ({
              ...node,
              host: hostOf(index),
              ...(named[index] === undefined ? {} : { apiPort: named[index] }),
            })),
          }
          const ports = portsWithMachines(spec)
          expect(new Set(ports).size).toBe(ports.length)
        },
      ),
    )
  })

  it('naming the assigned ports gives the same layout', () => {
    fc.assert(
      fc.property(counts, (each) => {
        const spec = specOf(each)
        expect(layoutOf(withPorts(spec, assignPorts(spec)))).toEqual(layoutOf(spec))
      }),
    )
  })
})

describe('layout: the address that balancers share', () => {
  const parse = (balancer: object, changes: object = {}) =>
    layoutOf(
      specSchema.parse({
        nodes: [
          { name: 'a', role: 'data', host: '10.0.0.1' },
          { name: 'x', role: 'balancer', host: '10.0.0.2' },
          { name: 'y', role: 'balancer', host: '10.0.0.3', interface: 'ens4' },
        ],
        balancer,
        ...changes,
      }),
    )

  it('none by default', () => {
    expect(parse({}).vip).toBeNull()
    expect(parse({}).endpoints.write?.host).toBe('10.0.0.2')
  })

  it('is where applications connect, unless the spec says otherwise', () => {
    const named = { endpoints: { read: { host: 'reads.lan' } } }
    const { vip, endpoints } = parse({ vip: '10.0.0.100/24' }, named)
    expect(vip).toEqual({
      address: '10.0.0.100',
      prefixLength: 24,
      routerId: 51,
      delivery: 'unicast',
      advertMs: 400,
      interfaces: { x: null, y: 'ens4' },
    })
    expect([endpoints.write?.host, endpoints.read?.host]).toEqual(['10.0.0.100', 'reads.lan'])
  })

  it('every setting of it is taken over', () => {
    const settings = { vrrpRouterId: 7, vrrp: 'multicast', advertMs: 300, interface: 'eth1' }
    expect(parse({ vip: '10.0.0.100/24', ...settings }, { plan: 'fast' }).vip).toMatchObject({
      routerId: 7,
      delivery: 'multicast',
      advertMs: 300,
      interfaces: { x: 'eth1', y: 'ens4' },
    })
  })
})

describe('layout: ports', () => {
  it('taken ones are stepped over, named ones are not', () => {
    const spec = specOf(
      { data: 2, witness: 0, balancer: 1 },
      { endpoints: { read: { port: 5501 } } },
    )
    const taken = new Set([5500, 5501, 5510, 5511, 5550])
    const ports = assignPorts(spec, (machine, port) => machine === 'loopback' && taken.has(port))
    expect(ports.endpoints).toEqual({ write: 5502, read: 5501 })
    expect(ports.nodes.get('pg-0')).toMatchObject({ postgresPort: 5512, apiPort: 5551 })
    expect(ports.nodes.get('pg-1')).toMatchObject({ postgresPort: 5513, apiPort: 5552 })
  })

  it('a balancer on the host of a data node takes none of its ports', () => {
    const { nodes, endpoints, balancerPorts } = layoutOf(
      specSchema.parse({
        nodes: [
          { name: 'a', role: 'data', host: '10.0.0.1', apiPort: 8404 },
          { name: 'b', role: 'data', host: '10.0.0.2', postgresPort: 5000 },
          { name: 'x', role: 'balancer', host: '10.0.0.1' },
          { name: 'y', role: 'balancer', host: '10.0.0.2' },
        ],
      }),
    )
    expect(nodes.map((node) => node.apiPort)).toEqual([8404, 8008, 8008, 8009])
    expect(endpoints.write?.port).toBe(5001)
    expect(endpoints.read?.port).toBe(5002)
    expect(balancerPorts).toEqual({ stats: 8405, health: 8406 })
  })

  it('hosts of their own get the ports that people expect', () => {
    const bare = specOf({ data: 3, witness: 0, balancer: 0 })
    const nodes = bare.nodes.map((node, index) => ({ ...node, host: `db${String(index)}.lan` }))
    for (const node of layoutOf({ ...bare, nodes }).nodes) {
      expect(node).toMatchObject({ postgresPort: 5432, apiPort: 8008, storeClientPort: 2379 })
    }
  })

  it.each([
    ['127.0.0.1', true],
    ['127.1.2.3', true],
    ['localhost', true],
    ['::1', true],
    ['10.0.0.1', false],
    ['127.example.org', false],
  ])('%s is loopback: %s', (host, expected) => {
    expect(isLoopback(host)).toBe(expected)
  })
})
