import { expect, it } from 'vitest'
import { serverConnectionsMax } from './connections.ts'
import { specSchema } from './schema.ts'

it.each([
  [{}, 90],
  [{ max_connections: 200 }, 190],
  [{ max_connections: '200' }, 190],
  [{ max_connections: 200, reserved_connections: 5 }, 185],
  [{ max_connections: 12 }, 2],
  [{ max_connections: 5 }, 1],
  [{ max_connections: 'many' }, 90],
])('connections: %j → %i for a balancer', (parameters, expected) => {
  expect(serverConnectionsMax(specSchema.parse({ postgres: { parameters } }))).toBe(expected)
})
