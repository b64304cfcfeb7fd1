// What pgherd writes for its own balancers, judged by its own lint: the numbers must fit for every spec.

import fc from 'fast-check'
import { expect, it } from 'vitest'
import { renderConfig } from '../src/adapters/haproxy/render.ts'
import type { PostgresOptions } from '../src/adapters/postgres/options.ts'
import { renderStaticSettings } from '../src/adapters/postgres/settings.ts'
import { serverConnections } from '../src/config/connections.ts'
import { parseSpec } from '../src/config/load.ts'
import { asNodeName } from '../src/core/names.ts'
import { lintTexts } from './support/lint-examples.ts'

const drawn = fc.record({
  dataNodeCount: fc.integer({ min: 1, max: 7 }),
  balancerCount: fc.integer({ min: 1, max: 3 }),
  maxConnections: fc.integer({ min: 60, max: 3000 }),
  reserved: fc.integer({ min: 0, max: 20 }),
  // Of fewer at the endpoints L602 tells: then PostgreSQL is larger than what may come in.
  connectionsMax: fc.integer({ min: 3000, max: 9000 }),
  hasAgent: fc.boolean(),
})

type Drawn = typeof drawn extends fc.Arbitrary<infer Value> ? Value : never

/** @param enlarged added to what writes may open at each server */
function findingsOf(cluster: Drawn, enlarged: number): readonly string[] {
  const { dataNodeCount, balancerCount, maxConnections, reserved, connectionsMax } = cluster
  const parameters = { max_connections: maxConnections, reserved_connections: reserved }
  const nodes = Array.from({ length: dataNodeCount + balancerCount }, (_, index) => ({
    name: `node-${String(index)}`,
    role: index < dataNodeCount ? 'data' : 'balancer',
    host: `10.0.0.${String(index + 1)}`,
    ...(index < dataNodeCount ? { vote: index < 1 } : {}),
  }))
  const text = JSON.stringify({ nodes, balancer: { connectionsMax }, postgres: { parameters } })
  const { spec, layout } = parseSpec(text, 'drawn')
  const limits = serverConnections(spec)
  const haproxy = renderConfig(layout, {
    socketPath: '/run/haproxy/admin.sock',
    stateFile: cluster.hasAgent ? '/data/haproxy.state' : null,
    bindHost: null,
    connectionsMax,
    serverConnections: { ...limits, writeMax: limits.writeMax + enlarged },
    readLagMaxMb: null,
    stats: { bindHost: null, password: 'a-generated_0ne' },
    runAs: null,
  })
  const balancers = Array.from(
    { length: balancerCount },
    (_, index) => [`lb${String(index)}/haproxy.cfg`, haproxy] as const,
  )
  const postgres = renderStaticSettings({
    node: asNodeName('node-0'),
    host: '10.0.0.1',
    plan: layout.plan,
    slotCapMb: 4096,
    clusterHosts: ['10.0.0.1'],
    parameters,
  } as unknown as PostgresOptions)
  return lintTexts({ ...Object.fromEntries(balancers), 'postgresql.conf': postgres })
    .filter(({ rule }) => ['L113', 'L602', 'L603'].includes(rule))
    .map(({ rule, message }) => `${rule} ${message}`)
}

it('connection limits of any spec: nothing is found', () => {
  fc.assert(
    fc.property(drawn, (cluster) => {
      expect(findingsOf(cluster, 0)).toEqual([])
    }),
  )
})

it('connection limits of any spec, and 20 more at each server: L603', () => {
  fc.assert(
    fc.property(drawn, (cluster) => {
      const found = findingsOf(cluster, 20)
      expect(found.map((one) => one.slice(0, 4))).toContain('L603')
    }),
  )
})
