import { expect, test } from 'vitest'
import { renderHba } from './hba.ts'

const clusterHosts = ['10.0.0.1', 'db-2.example', 'fd00::3']

test('closed gate: only pgherd itself and the replication role of the nodes', () => {
  expect(renderHba({ gate: 'closed', clusterHosts, allowFrom: ['all'] })).toMatchInlineSnapshot(`
    "# Written by pgherd: the gate is closed. Change cluster.yaml instead.
    local all         pgherd                                  scram-sha-256
    host  all         pgherd             all                  reject
    host  replication pgherd_replication samehost             scram-sha-256
    host  postgres    pgherd_replication samehost             scram-sha-256
    host  replication pgherd_replication 10.0.0.1/32          scram-sha-256
    host  postgres    pgherd_replication 10.0.0.1/32          scram-sha-256
    host  replication pgherd_replication db-2.example         scram-sha-256
    host  postgres    pgherd_replication db-2.example         scram-sha-256
    host  replication pgherd_replication fd00::3/128          scram-sha-256
    host  postgres    pgherd_replication fd00::3/128          scram-sha-256
    local all         pgherd_replication                      reject
    host  all         pgherd_replication all                  reject
    "
  `)
})

test('open gate: clients after everything internal', () => {
  const text = renderHba({ gate: 'open', clusterHosts, allowFrom: ['10.0.0.0/8', 'samehost'] })
  expect(text).toMatchInlineSnapshot(`
    "# Written by pgherd: the gate is open. Change cluster.yaml instead.
    local all         pgherd                                  scram-sha-256
    host  all         pgherd             all                  reject
    host  replication pgherd_replication samehost             scram-sha-256
    host  postgres    pgherd_replication samehost             scram-sha-256
    host  replication pgherd_replication 10.0.0.1/32          scram-sha-256
    host  postgres    pgherd_replication 10.0.0.1/32          scram-sha-256
    host  replication pgherd_replication db-2.example         scram-sha-256
    host  postgres    pgherd_replication db-2.example         scram-sha-256
    host  replication pgherd_replication fd00::3/128          scram-sha-256
    host  postgres    pgherd_replication fd00::3/128          scram-sha-256
    local all         pgherd_replication                      reject
    host  all         pgherd_replication all                  reject
    local all         all                                     scram-sha-256
    host  all         all                10.0.0.0/8           scram-sha-256
    host  all         all                samehost             scram-sha-256
    "
  `)
})

test('every rule that lets somebody in asks for a SCRAM password', () => {
  for (const gate of ['open', 'closed'] as const) {
    const rules = renderHba({ gate, clusterHosts, allowFrom: ['all'] })
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'))
    for (const rule of rules) expect(rule).toMatch(/ (?:scram-sha-256|reject)$/)
  }
})
