// A cluster as the agents of the default spec would describe it, healthy unless a test says otherwise,
// and doubles of runtime and client around it, for tests of the CLI.

import type { AgentProcess, NodeObservation } from '../../src/core/cluster-status.ts'
import type { ClusterLayout, NodeLayout } from '../../src/core/cluster-layout.ts'
import type { JournalEvent } from '../../src/core/journal-event.ts'
import type { Lsn } from '../../src/core/lsn.ts'
import {
  asEpoch,
  asMonotonic,
  asNodeName,
  asTimeline,
  type Incarnation,
  type NodeName,
  type SystemId,
  type WallClockMs,
} from '../../src/core/names.ts'
import type { NodeReport } from '../../src/core/node-report.ts'
import type { StoreEvidence } from '../../src/core/store-recovery.ts'
import { type SyncRecord, makeList } from '../../src/core/sync-list.ts'
import { parseSpec } from '../../src/config/load.ts'
import type { AgentStatus, RequestAnswer } from '../../src/ports/agent-api.ts'
import {
  AgentSilentError,
  type AgentSilence,
  type StatusClient,
} from '../../src/ports/status-client.ts'
import type { Lab, NodeProcesses, Runtime, RuntimeCluster } from '../../src/runtimes/runtime.ts'
import { makeAgentStatus, makeEvidence, makeReport } from './agent-double.ts'

export const testLayout: ClusterLayout = parseSpec('', 'test').layout
const systemId = '7412345678901234567' as SystemId
/** 0/3000148 */
const primaryLsn = 0x3000148 as Lsn
const lease = {
  holder: asNodeName('pg-0'),
  epoch: asEpoch(3),
  state: 'serving',
  remainingMs: 2350,
} as const

export const incarnation = (name: string): Incarnation => `${name}-0a1b2c3d` as Incarnation

export const testSync: SyncRecord = {
  systemId,
  epoch: asEpoch(3),
  owner: incarnation('pg-0'),
  timeline: asTimeline(2),
  lists: [makeList(1, [incarnation('pg-1'), incarnation('pg-2')])],
  target: makeList(1, [incarnation('pg-1'), incarnation('pg-2')]),
  timelines: [{ timeline: asTimeline(2), epoch: asEpoch(3) }],
}

function reportOf(node: NodeLayout): NodeReport {
  const isPrimary = node.name === 'pg-0'
  const isData = node.role === 'data'
  return makeReport({
    name: node.name,
    role: node.role,
    incarnation: isData ? incarnation(node.name) : null,
    systemId,
    state: !isData || isPrimary ? 'running' : 'streaming',
    isPrimary,
    epoch: isPrimary ? asEpoch(3) : null,
    history: isPrimary ? [] : null,
    position: isData ? { timeline: asTimeline(2), flushLsn: primaryLsn } : null,
    upstream: isData && !isPrimary ? asNodeName('pg-0') : null,
  })
}

/** What a healthy agent of `name` answers, with `changes`; those of the report are merged. */
export function healthyView(
  name: string,
  changes: Partial<AgentStatus> = {},
  reportChanges: Partial<NodeReport> = {},
): AgentStatus {
  const node = testLayout.nodes.find((one) => one.name === name)
  if (node === undefined) throw new RangeError(`the test layout has no node ${name}`)
  const isPrimary = name === 'pg-0'
  return makeAgentStatus({
    node: node.name,
    systemId,
    report: { ...reportOf(node), ...reportChanges },
    role: {
      isPrimary,
      isStandby: node.role === 'data' && !isPrimary,
      lagBytes: null,
      isLive: true,
      isReady: true,
    },
    lease,
    sync: testSync,
    storeMember: node.isVoter
      ? { kind: 'running', isLeader: name === 'pgw-0', databaseBytes: 20_000 }
      : { kind: 'none' },
    walsenders: isPrimary ? ['pg-1', 'pg-2'].map(walsenderOf) : [],
    reports: testLayout.nodes.map(reportOf),
    ...changes,
  })
}

function walsenderOf(name: string): AgentStatus['walsenders'][number] {
  return {
    pid: 100,
    applicationName: incarnation(name),
    state: 'streaming',
    flushLsn: primaryLsn,
    replayLsn: primaryLsn,
    syncPriority: 1,
    syncState: 'quorum',
  }
}

export type NodeChange =
  | AgentStatus
  | {
      readonly silence: AgentSilence
      readonly process?: AgentProcess['state']
      readonly hostWithoutPower?: string
    }

/** Observations of the default cluster; nodes that are not named are healthy. */
export function observationsWith(
  changes: Readonly<Record<string, NodeChange>> = {},
): ReadonlyMap<NodeName, NodeObservation> {
  return new Map(
    testLayout.nodes.map(({ name }): [NodeName, NodeObservation] => {
      const change = changes[name] ?? healthyView(name)
      if (!('silence' in change)) return [name, { kind: 'answered', view: change, process: null }]
      const { silence, process: state, hostWithoutPower = null } = change
      const isAnythingLeft = state !== 'stopped'
      const process =
        state === undefined ? null : { isAnythingLeft, state, detail: null, hostWithoutPower }
      return [name, { kind: 'silent', silence, process }]
    }),
  )
}

let eventCount = 0

/** An event of pg-1 at a fixed instant, with `changes`. */
export function makeEvent(changes: Partial<JournalEvent> = {}): JournalEvent {
  eventCount += 1
  const node = changes.node ?? asNodeName('pg-1')
  return {
    id: `${node}-3f9a-${eventCount}`,
    kind: 'following',
    node,
    epoch: asEpoch(3),
    ruleId: null,
    message: 'pg-1 follows pg-0.',
    operands: {},
    atMs: 1_760_000_000_000 as WallClockMs,
    atMonotonicMs: asMonotonic(5_000),
    ...changes,
  }
}

export type ClientScript = {
  readonly nodes?: Readonly<Record<string, NodeChange>>
  readonly events?: readonly JournalEvent[]
  /** What every request is answered. */
  readonly answer?: RequestAnswer
  /** Names of the requests that were made, in order. */
  readonly requests?: string[]
}

/** A client of agents that answer by script. */
export function makeClient(script: ClientScript = {}): StatusClient {
  const nameAt = (apiPort: number) =>
    testLayout.nodes.find((node) => node.apiPort === apiPort)?.name ?? asNodeName('nobody')
  const changeAt = (apiPort: number) => {
    const name = nameAt(apiPort)
    const change = script.nodes?.[name] ?? healthyView(name)
    if ('silence' in change) throw new AgentSilentError(change.silence, `${name} is silent`)
    return change
  }
  const request = async (apiPort: number, name: string): Promise<RequestAnswer> => {
    changeAt(apiPort)
    script.requests?.push(`${nameAt(apiPort)} ${name}`)
    return script.answer ?? { kind: 'accepted', id: 'request-1', message: 'It will be done.' }
  }
  const evidenceOf = (apiPort: number): StoreEvidence => {
    const { report } = changeAt(apiPort)
    const isData = report.role === 'data'
    return makeEvidence({
      node: report.name,
      incarnation: report.incarnation,
      primaryEpoch: report.isPrimary ? report.epoch : null,
      ...(isData ? {} : { directory: null, position: null, timelines: [], systemId: null }),
    })
  }
  return {
    status: async (agent) => changeAt(agent.apiPort),
    events: async (agent) => {
      changeAt(agent.apiPort)
      return script.events ?? []
    },
    requestSwitchover: (agent, to, isDryRun) =>
      request(agent.apiPort, `switchover ${to ?? 'best'}${isDryRun ? ' dry-run' : ''}`),
    requestCancelSwitchover: (agent) => request(agent.apiPort, 'cancel'),
    requestPause: (agent, reason) => request(agent.apiPort, `pause ${reason}`),
    requestResume: (agent) => request(agent.apiPort, 'resume'),
    storeEvidence: async (agent) => evidenceOf(agent.apiPort),
    yieldToRecovery: async (agent) => evidenceOf(agent.apiPort),
    foundStore: (agent, records) =>
      request(agent.apiPort, `found epoch ${String(records.lease.epoch)}`),
  }
}

/** The default cluster with a shared address, as it has one in a lab. */
export const labLayout: ClusterLayout = {
  ...testLayout,
  vip: {
    address: '10.77.0.100',
    prefixLength: 24,
    routerId: 51,
    delivery: 'unicast',
    advertMs: 100,
    interfaces: {},
  },
}

/** A lab that remembers what was asked of it. The address is on lb-0, and pg-2 has no power. */
export function makeLab(layout: ClusterLayout, deeds: string[]): Lab {
  const change = async (deed: string) => {
    deeds.push(deed)
    return { isChanged: true, hasPower: true }
  }
  const listed = (from: readonly string[] | null) => from?.join(',') ?? 'all'
  const hostNames = [...layout.nodes.map((node) => node.name), 'client']
  return {
    hostNames,
    isDown: async () => false,
    hosts: async () =>
      hostNames.map((name, index) => ({
        name,
        nodes: layout.nodes.filter((node) => node.name === name).map((node) => node.name),
        address: `10.77.0.${String(index + 1)}`,
        extraAddresses: name === 'lb-0' && layout.vip !== null ? [layout.vip.address] : [],
        hasPower: name !== 'pg-2',
        processCount: 1,
        isFaulty: false,
        unheardBy: [],
        lossPercent: 0,
        delayMs: 0,
      })),
    enter: () => [],
    cut: (host, from, isOneWay) =>
      change(`cut ${host} ${listed(from)}${isOneWay ? ' one-way' : ''}`),
    heal: (host, from) => change(`heal ${host} ${listed(from)}`),
    healAll: async () => ({ ...(await change('heal-all')), withoutPower: ['pg-2'] }),
    setLoss: (host, percent) => change(`loss ${host} ${String(percent)}`),
    setDelay: (host, delayMs) => change(`delay ${host} ${String(delayMs)}`),
    powerOff: async (host) => ((await change(`power-off ${host}`)).isChanged ? 5 : 0),
    powerOn: async (host) => (await change(`power-on ${host}`)).isChanged,
  }
}

/** The default cluster in a runtime that only remembers what was asked of it. */
export function makeCluster(
  client: StatusClient,
  deeds: string[] = [],
  specFile = '/nowhere/clusters/main/cluster.yaml',
): RuntimeCluster {
  const deed = (name: string) => async () => {
    deeds.push(name)
    return true
  }
  return {
    layout: testLayout,
    directory: '/nowhere/clusters/main',
    specFile,
    connect: () => client,
    application: {
      database: 'app',
      user: 'app',
      passFile: '/nowhere/clusters/main/secrets/app.pgpass',
      readPassword: async () => 's3cr@t/',
    },
    clientWords: () => [],
    lab: null,
    processes: async (): Promise<readonly NodeProcesses[]> => [],
    isSupervised: async () => true,
    logFiles: async () => [],
    startNode: async (node) => deed(`start ${node}`)(),
    stopNode: async (node) => deed(`stop ${node}`)(),
    killNode: async (node) => ((await deed(`kill ${node}`)()) ? 5 : 0),
    freezeNode: async (node, scope) => ((await deed(`freeze ${node} ${scope}`)()) ? 3 : 0),
    thawNode: async (node) => ((await deed(`thaw ${node}`)()) ? 3 : 0),
    down: async () => deed('down')(),
    destroy: async () => {
      await deed('destroy')()
    },
  }
}

/** A runtime with these clusters. */
export function makeRuntime(clusters: readonly RuntimeCluster[], deeds: string[] = []): Runtime {
  return {
    clusters: async () =>
      clusters.map(({ layout, directory }) => ({
        name: layout.cluster,
        directory,
        layout,
        isSupervised: true,
      })),
    open: async (name) => {
      const found = clusters.find((one) => name === null || one.layout.cluster === name)
      if (found === undefined) throw new RangeError(`the test has no cluster ${name ?? ''}`)
      return found
    },
    openSpec: async () => {
      const [cluster] = clusters
      if (cluster === undefined) throw new RangeError('the test has no cluster')
      return cluster
    },
    up: async (spec) => {
      deeds.push(`up ${spec.layout.cluster}`)
      const [cluster] = clusters
      if (cluster === undefined) throw new RangeError('the test has no cluster')
      return { cluster, isChanged: false, notes: [], withoutPower: [] }
    },
  }
}
