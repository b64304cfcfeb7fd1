import { describe, expect, test } from 'vitest'
import { type NodeInventory, compareInventories, processesIn } from './inventory.ts'

const before: NodeInventory = {
  node: 'pg-0',
  processes: 'etcd 1, node 2',
  agentFiles: 40,
  guardFiles: 20,
  slots: 'pgherd_pg_1, pgherd_pg_2',
}

describe('inventory', () => {
  test('the same, or a few connections more → nothing to say', () => {
    expect(compareInventories([before], [before])).toEqual([])
    expect(compareInventories([before], [{ ...before, agentFiles: 44 }])).toEqual([])
  })

  test('another process, a forgotten slot, many files → each is named', () => {
    const after = { ...before, processes: 'etcd 2, node 2', agentFiles: 90, slots: 'pgherd_pg_1' }
    expect(compareInventories([before], [after])).toEqual([
      'pg-0: processes etcd 2, node 2, before etcd 1, node 2',
      'pg-0: slots pgherd_pg_1, before pgherd_pg_1, pgherd_pg_2',
      'pg-0: the agent has 90 open files, before 40',
    ])
  })

  test('node without processes of its own → gone', () => {
    expect(compareInventories([before], [])).toEqual(['pg-0 is gone'])
  })

  test('folder in which nobody works → no process', async () => {
    expect(await processesIn('/nonexistent/pgherd')).toEqual([])
  })
})
