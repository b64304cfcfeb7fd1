import fc from 'fast-check'
import { expect, it } from 'vitest'
import { maxConnectionsMin, maxConnectionsOf, serverConnections } from './connections.ts'
import { parseSpec, SpecInvalidError } from './load.ts'
import { type ClusterSpec, specSchema } from './schema.ts'

function specOf(parameters: object, dataNodeCount = 3, balancerCount = 1): ClusterSpec {
  const nodesOf = (role: string, count: number) =>
    Array.from({ length: count }, (_, index) => ({ name: `${role}-${String(index)}`, role }))
  const nodes = [...nodesOf('data', dataNodeCount), ...nodesOf('balancer', balancerCount)]
  return specSchema.parse({ nodes, postgres: { parameters } })
}

it.each([
  [{}, 1, [72, 82, 10]],
  [{}, 2, [36, 41, 5]],
  [{ max_connections: 200 }, 1, [160, 182, 22]],
  [{ max_connections: '200' }, 2, [80, 91, 11]],
  [{ max_connections: 200, reserved_connections: 5 }, 1, [155, 177, 22]],
  [{ max_connections: 20 }, 1, [1, 2, 1]],
  [{ max_connections: 'many' }, 1, [72, 82, 10]],
])('connections: %j, %i balancers → writes, reads, fallback %j', (parameters, count, expected) => {
  const { writeMax, readMax, fallbackMax } = serverConnections(specOf(parameters, 3, count))
  expect([writeMax, readMax, fallbackMax]).toEqual(expected)
})

it('connections: of balancers that share an address only one leads clients, and it may use all', () => {
  const text = (vip: string) =>
    `nodes:\n${['a', 'b']
      .map(
        (name, index) => `  - { name: ${name}, role: data, host: 10.0.0.${String(index + 1)} }\n`,
      )
      .join('')}${['l', 'm']
      .map(
        (name, index) =>
          `  - { name: ${name}, role: balancer, host: 10.0.0.${String(index + 8)} }\n`,
      )
      .join('')}balancer: { ${vip} }\n`
  const shared = serverConnections(parseSpec(text('vip: 10.0.0.100/24'), 'c.yaml').spec)
  const apart = serverConnections(parseSpec(text(''), 'c.yaml').spec)
  expect(shared.readMax).toBe(83)
  expect(apart.readMax).toBe(41)
})

it('connections: any spec that is accepted → all balancers leave the reserve to others', () => {
  const counts = fc.record({
    dataNodeCount: fc.integer({ min: 1, max: 7 }),
    balancerCount: fc.integer({ min: 1, max: 5 }),
    reserved: fc.integer({ min: 0, max: 50 }),
    spare: fc.integer({ min: 0, max: 3000 }),
  })
  fc.assert(
    fc.property(counts, ({ dataNodeCount, balancerCount, reserved, spare }) => {
      const parameters = { reserved_connections: reserved, max_connections: 1 }
      const min = maxConnectionsMin(specOf(parameters, dataNodeCount, balancerCount))
      const spec = specOf(
        { ...parameters, max_connections: min + spare },
        dataNodeCount,
        balancerCount,
      )
      const { writeMax, readMax, fallbackMax } = serverConnections(spec)
      const superusersAndAgents = 6 + 6 + (dataNodeCount - 1)
      const free = maxConnectionsOf(spec) - reserved - superusersAndAgents
      expect(Math.min(writeMax, readMax, fallbackMax)).toBeGreaterThanOrEqual(1)
      expect(balancerCount * (writeMax + fallbackMax)).toBeLessThan(free)
      expect(balancerCount * readMax).toBeLessThan(free)
      // Nothing is given away, either.
      expect(balancerCount * (writeMax + fallbackMax + 1)).toBeGreaterThan(free - 4)
    }),
  )
})

it('connections: too few for the balancers → refused, with the least that is enough', () => {
  const text = (count: number) =>
    `postgres: { parameters: { max_connections: ${String(count)} } }\n`
  expect(() => parseSpec(text(20), 'c.yaml')).not.toThrow()
  expect(() => parseSpec(text(19), 'c.yaml')).toThrow(SpecInvalidError)
})
