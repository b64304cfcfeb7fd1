// Prometheus metrics, made from the agent's status when somebody asks. Every name says its unit.

import { Counter, Gauge, Registry } from 'prom-client'
import { isEmptyList } from '../../core/sync-list.ts'
import type { AgentApi, AgentStatus } from '../../ports/agent-api.ts'

export interface Metrics {
  /** The text exposition format. */
  render(): Promise<string>
}

type Sample = readonly [value: number | null, labels?: Readonly<Record<string, string>>]

type Family = {
  readonly name: string
  readonly help: string
  readonly labels?: readonly string[]
  /** Samples of this instant; a null value is left out. */
  readonly samples: (status: AgentStatus) => readonly Sample[]
}

const one = (value: number | boolean | null | undefined): readonly Sample[] => [
  [value === undefined || value === null ? null : Number(value)],
]

const families: readonly Family[] = [
  {
    name: 'pgherd_agent_info',
    help: 'Always 1; who this agent is.',
    labels: ['version', 'cluster', 'node', 'role'],
    samples: ({ version, cluster, node, report }) => [
      [1, { version, cluster, node, role: report.role }],
    ],
  },
  {
    name: 'pgherd_node_state',
    help: 'Always 1; the state of the node as status shows it.',
    labels: ['state'],
    samples: ({ report }) => [[1, { state: report.state }]],
  },
  {
    name: 'pgherd_node_is_primary',
    help: '1 while this node is the open primary and holds a valid lease.',
    samples: ({ role }) => one(role.isPrimary),
  },
  {
    name: 'pgherd_node_is_standby',
    help: '1 while this node is a streaming standby.',
    samples: ({ role }) => one(role.isStandby),
  },
  {
    name: 'pgherd_node_is_ready',
    help: '1 while the node does what it is there for.',
    samples: ({ role }) => one(role.isReady),
  },
  {
    name: 'pgherd_node_is_live',
    help: '1 while the loop of the agent runs.',
    samples: ({ role }) => one(role.isLive),
  },
  {
    name: 'pgherd_replication_lag_bytes',
    help: 'How far this standby is behind what it knows of the primary.',
    samples: ({ role }) => one(role.lagBytes),
  },
  {
    name: 'pgherd_wal_flush_position_bytes',
    help: 'End of the flushed WAL.',
    samples: ({ report }) => one(report.position?.flushLsn),
  },
  {
    name: 'pgherd_wal_replay_position_bytes',
    help: 'End of the replayed WAL.',
    samples: ({ report }) => one(report.replayLsn),
  },
  {
    name: 'pgherd_timeline',
    help: 'Timeline of PostgreSQL.',
    samples: ({ report }) => one(report.position?.timeline),
  },
  {
    name: 'pgherd_promise_epoch',
    help: 'This node never again acknowledges a primary of a lower epoch.',
    samples: ({ report }) => one(report.promise),
  },
  {
    name: 'pgherd_lease_epoch',
    help: 'Epoch of the lease as this agent knows it.',
    samples: ({ lease }) => one(lease?.epoch),
  },
  {
    name: 'pgherd_lease_remaining_seconds',
    help: 'Time until others may take the lease, as seen from here.',
    samples: ({ lease }) => one(lease === null ? null : lease.remainingMs / 1000),
  },
  {
    name: 'pgherd_lease_is_held',
    help: '1 while this node holds the lease.',
    samples: ({ lease, node }) => one(lease !== null && lease.holder === node),
  },
  {
    name: 'pgherd_sync_list_standbys',
    help: 'Standbys in the target synchronous list.',
    samples: ({ sync }) => one(sync?.target.members.length),
  },
  {
    name: 'pgherd_sync_list_waited_standbys',
    help: 'Standbys that a commit waits for.',
    samples: ({ sync }) => one(sync?.target.count),
  },
  {
    name: 'pgherd_sync_list_is_empty',
    help: '1 while commits wait for no standby.',
    samples: ({ sync }) => one(sync === null ? null : isEmptyList(sync.target)),
  },
  {
    name: 'pgherd_walsender_flush_lag_bytes',
    help: 'On a primary: how far each standby is behind in flushing.',
    labels: ['application_name', 'sync_state'],
    samples: ({ walsenders, report }) =>
      walsenders.map(({ flushLsn, applicationName, syncState }) => [
        flushLsn === null || report.position === null
          ? null
          : Math.max(0, report.position.flushLsn - flushLsn),
        { application_name: applicationName, sync_state: syncState },
      ]),
  },
  {
    name: 'pgherd_automation_is_paused',
    help: '1 while an operator has paused automation.',
    samples: ({ control }) => one(control.paused !== null),
  },
  {
    name: 'pgherd_store_is_reachable',
    help: '1 while the store answers this agent.',
    samples: ({ isStoreReachable }) => one(isStoreReachable),
  },
  {
    name: 'pgherd_store_member_state',
    help: "Always 1; the state of this node's store member.",
    labels: ['state'],
    samples: ({ storeMember }) => [[1, { state: storeMember.kind }]],
  },
  {
    name: 'pgherd_store_member_is_leader',
    help: '1 while this node leads the store.',
    samples: ({ storeMember }) => one(storeMember.kind === 'running' ? storeMember.isLeader : null),
  },
  {
    name: 'pgherd_store_database_bytes',
    help: "Size of this node's store.",
    samples: ({ storeMember }) =>
      one(storeMember.kind === 'running' ? storeMember.databaseBytes : null),
  },
  {
    name: 'pgherd_operation_done_bytes',
    help: 'Progress of the clone or rewind that runs now.',
    labels: ['operation'],
    samples: ({ operation }) =>
      operation === null ? [] : [[operation.doneBytes, { operation: operation.name }]],
  },
  {
    name: 'pgherd_agent_resident_memory_bytes',
    help: 'Memory of the agent process.',
    samples: () => one(process.memoryUsage.rss()),
  },
]

/** A registry of its own, so that several agents in one process (tests) do not mix. */
export function createMetrics(api: AgentApi): Metrics {
  const registry = new Registry()
  const gauges = families.map((family) => ({
    family,
    gauge: new Gauge({
      name: family.name,
      help: family.help,
      labelNames: [...(family.labels ?? [])],
      registers: [registry],
    }),
  }))
  const counters = new Map<string, Counter>()
  const counterOf = (name: string): Counter => {
    const known = counters.get(name)
    if (known !== undefined) return known
    const counter = new Counter({
      name,
      help: 'Counted since the agent started.',
      registers: [registry],
    })
    counters.set(name, counter)
    return counter
  }
  return {
    render: () => {
      const status = api.status()
      for (const { family, gauge } of gauges) {
        gauge.reset()
        // Without labels prom-client resets to 0, which would be a value that nobody measured.
        if (family.labels === undefined) gauge.remove({})
        for (const [value, labels] of family.samples(status)) {
          if (value !== null) gauge.set(labels ?? {}, value)
        }
      }
      const cpu = process.cpuUsage()
      const totals = { ...status.counters, agent_cpu_seconds: (cpu.user + cpu.system) / 1e6 }
      for (const [name, total] of Object.entries(totals)) {
        const counter = counterOf(counterName(name))
        counter.reset()
        counter.inc(total)
      }
      return registry.metrics()
    },
  }
}

/** `listChanges` or `list-changes` → `pgherd_list_changes_total` */
function counterName(name: string): string {
  const snake = name
    .replaceAll(/([a-z0-9])([A-Z])/g, '$1_$2')
    .replaceAll('-', '_')
    .toLowerCase()
  return `pgherd_${snake}_total`
}
