// The contract suite of ports/postgres.ts on real servers: what the simulator's model promises is true.

import { afterAll, beforeAll } from 'vitest'
import { describePostgres, type ContractNode, type PostgresHarness } from '../contract/postgres.ts'
import { PostgresLab, labSecrets, type LabNode } from '../support/postgres.ts'
import { pause, waitFor } from '../support/wait.ts'

let lab: PostgresLab
beforeAll(async () => {
  lab = await PostgresLab.open()
})
afterAll(() => lab.close())

const app = { user: 'app', password: labSecrets.app, database: 'app' }

function realServers(): PostgresHarness {
  const nodes = new Map<string, LabNode>()
  const emptyNode = async (name: string): Promise<ContractNode> => {
    const node = await lab.node(name)
    await lab.arm(node)
    nodes.set(name, node)
    const { host, port } = node.options
    return {
      name: node.options.node,
      incarnation: node.incarnation,
      host,
      port,
      postgres: node.postgres,
    }
  }
  return {
    emptyNode,
    filledNode: async (name) => {
      const node = await emptyNode(name)
      const labNode = nodes.get(name)
      if (labNode !== undefined) await lab.fill(labNode)
      return node
    },
    commit: async ({ name }, withinMs) => {
      const node = nodes.get(name)
      if (node === undefined) throw new RangeError(`no node ${name}`)
      const client = await lab.client(node, app).catch(() => null)
      if (client === null) return 'refused'
      const commit = client.query('create table if not exists seen (at timestamptz)').then(
        () => client.query('insert into seen values (now())').then(() => 'acknowledged' as const),
        () => 'refused' as const,
      )
      // A client that goes away leaves its backend waiting, as a pool's time-out does.
      commit.catch(() => undefined)
      return Promise.race([commit, pause(withinMs).then(() => 'waits' as const)])
    },
    until: (what, look, isWanted) => waitFor(what, look, isWanted),
    drive: (work) => work,
    close: () => lab.reset(),
  }
}

describePostgres('real', async () => realServers())
