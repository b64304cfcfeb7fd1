import { expect, test } from 'vitest'
import { healthyView, observationsWith, testLayout } from '../../test/support/cluster-double.ts'
import { type ClusterStatus, mergeStatus } from '../core/cluster-status.ts'
import { asNodeName } from '../core/names.ts'
import { renderTopology } from './render-topology.ts'
import { createStyle } from './style.ts'

const style = createStyle(false, true)

function draw(status: ClusterStatus): string {
  return renderTopology(status, style).join('\n')
}

test('standbys below the primary, a cascading one below its own', () => {
  const cascading = healthyView('pg-2', {}, { upstream: asNodeName('pg-1') })
  const primary = healthyView('pg-0')
  const walsenders = primary.walsenders.slice(0, 1)
  const observations = observationsWith({ 'pg-0': { ...primary, walsenders }, 'pg-2': cascading })
  expect(draw(mergeStatus(testLayout, observations))).toMatchInlineSnapshot(`
    "pg-0  primary, running  timeline 2, 0/3000148
    └─ quorum, 0 B behind → pg-1  streaming  timeline 2, 0/3000148
        └─ quorum, 0 B behind → pg-2  streaming  timeline 2, 0/3000148

    votes without data
      pgw-0  running"
  `)
})

test('nobody is left out: stopped nodes and a lost primary are named', () => {
  const nodes = { 'pg-0': { silence: 'refused', process: 'stopped' } } as const
  const lost = mergeStatus(testLayout, observationsWith(nodes))
  const without = {
    ...lost,
    nodes: lost.nodes.map((node) => ({
      ...node,
      role: node.role === 'primary' ? ('standby' as const) : node.role,
    })),
  }
  const text = draw(without)
  expect(text).toContain('no primary')
  for (const node of lost.nodes) expect(text).toContain(node.name)
})

test('a ring of upstreams ends', () => {
  const ring = observationsWith({
    'pg-1': healthyView('pg-1', {}, { upstream: asNodeName('pg-2') }),
    'pg-2': healthyView('pg-2', {}, { upstream: asNodeName('pg-1') }),
  })
  const text = draw(mergeStatus(testLayout, ring))
  expect(text).toContain('streams from nobody')
  expect(text.match(/pg-1/g)).toHaveLength(1)
})
