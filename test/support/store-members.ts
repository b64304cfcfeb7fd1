// Voters as their agents run them: the real store member of each, in a temporary folder, with the other
// voters asked in the same process. For tests of the store without PostgreSQL.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { createEtcdClusterStore } from '../../src/adapters/etcd/cluster-store.ts'
import type { EtcdClusterStore } from '../../src/adapters/etcd/cluster-store.ts'
import type { Endpoint } from '../../src/adapters/etcd/endpoint.ts'
import type { NodeAnswer } from '../../src/adapters/etcd/first-start.ts'
import type { EtcdMemberOptions } from '../../src/adapters/etcd/member.ts'
import { createEtcdMember } from '../../src/adapters/etcd/member.ts'
import { resolveDatabaseUser } from '../../src/adapters/postgres/database-user.ts'
import type { ClusterLayout, NodeLayout } from '../../src/core/cluster-layout.ts'
import type { ClusterName } from '../../src/core/names.ts'
import { asNodeName } from '../../src/core/names.ts'
import { timingPlans } from '../../src/core/timing-plan.ts'
import { readCommandLine, signalProcess } from '../../src/host/process-table.ts'
import type { ClusterTrace } from '../../src/ports/peers.ts'
import type { StoreMember, StoreMemberState } from '../../src/ports/store-member.ts'
import { freePorts } from './free-ports.ts'

export type TestVoter = {
  readonly name: string
  readonly endpoint: Endpoint
  readonly peerUrl: string
  /** The member's own directory; etcd's is `etcd` below it. */
  readonly directory: string
  /** What its agent knows of a cluster, the store aside; null: it does not answer, it is too slow. */
  known: readonly ClusterTrace[] | null
  readonly logFile: string
  /** The agent comes up: its member starts, and it answers the others. */
  readonly start: () => void
  /**
   * The agent comes up as a process of its own (it knows no other voters). Resolves when its member
   * serves; gives a function that kills it with SIGKILL.
   */
  readonly startApart: () => Promise<() => Promise<void>>
  /** The agent goes down in good order, its member with it. */
  readonly stop: () => Promise<void>
  readonly hasAgent: () => boolean
  readonly state: () => StoreMemberState
  readonly member: () => StoreMember
  /** Process ids of its etcd, as the system has them. */
  readonly etcdPids: () => readonly number[]
  /** What the member logged. */
  readonly logged: string[]
}

export type TestVoters = {
  readonly layout: ClusterLayout
  readonly voters: readonly TestVoter[]
  readonly connect: () => EtcdClusterStore
  /** Ends everything, also etcd that no agent looks after, and removes the folder. */
  readonly stop: () => Promise<void>
}

/** Prepares `count` voters; none is started. */
export async function makeVoters(count: number): Promise<TestVoters> {
  const folder = mkdtempSync(path.join(tmpdir(), 'pgherd-voters-'))
  // etcd runs as the database user, who must be able to enter.
  chmodSync(folder, 0o755)
  const ports = await freePorts(count * 2)
  const nodes = Array.from({ length: count }, (_, index) =>
    voterLayout(`n${index}`, ports[index]!, ports[count + index]!),
  )
  const layout: ClusterLayout = {
    cluster: path.basename(folder) as ClusterName,
    durability: 'quorum',
    syncStandbys: 1,
    plan: timingPlans.fast,
    nodes,
    endpoints: { write: null, read: null },
    balancerPorts: null,
    vip: null,
  }
  const runAs = await resolveDatabaseUser()
  const agents = new Map<string, StoreMember>()
  const ask = (name: string): NodeAnswer => {
    const agent = agents.get(name)
    const known = voters.find((voter) => voter.name === name)?.known ?? null
    const node = asNodeName(name)
    if (agent === undefined || known === null) return { node, traces: null, foundingToken: null }
    const traces = agent.hasEverRun() ? (['store', ...known] as const) : known
    return { node, traces, foundingToken: agent.foundingToken() }
  }
  const voters: readonly TestVoter[] = nodes.map((node) =>
    makeVoter(layout, node, folder, runAs, { agents, ask }),
  )
  const open: EtcdClusterStore[] = []
  return {
    layout,
    voters,
    connect: () => {
      const endpoints = voters.map((voter) => voter.endpoint)
      const store = createEtcdClusterStore({
        cluster: layout.cluster,
        plan: layout.plan,
        endpoints,
      })
      open.push(store)
      return store
    },
    stop: async () => {
      for (const store of open) store.close()
      await Promise.all(voters.map((voter) => voter.stop()))
      for (const voter of voters) {
        for (const pid of voter.etcdPids()) signalProcess(pid, 'SIGKILL')
      }
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

function makeVoter(
  layout: ClusterLayout,
  node: NodeLayout,
  folder: string,
  runAs: { readonly uid: number; readonly gid: number } | null,
  world: {
    readonly agents: Map<string, StoreMember>
    readonly ask: (name: string) => NodeAnswer
  },
): TestVoter {
  const { agents } = world
  const directory = path.join(folder, node.name, 'store')
  const logFile = path.join(folder, node.name, 'logs', 'etcd.log')
  const logged: string[] = []
  const markerFile = path.join(folder, node.name, 'store.json')
  const agent = (): StoreMember => {
    const found = agents.get(node.name)
    if (found === undefined) throw new Error(`the agent of ${node.name} is down`)
    return found
  }
  return {
    name: node.name,
    endpoint: { host: node.host, port: node.storeClientPort! },
    peerUrl: `http://${node.host}:${node.storePeerPort!}`,
    directory,
    known: [],
    logFile,
    logged,
    start: () => {
      const member = createEtcdMember({
        layout,
        node: node.name,
        directory,
        markerFile,
        logFile,
        program: 'etcd',
        runAs,
        askNodes: async () => layout.nodes.map(({ name }) => world.ask(name)),
        log: (level, message) => void logged.push(`${level} ${message}`),
      })
      agents.set(node.name, member)
      member.start()
    },
    startApart: () =>
      startAgentProcess({ layout, node: node.name, directory, markerFile, logFile, runAs }),
    stop: async () => {
      const running = agents.get(node.name)
      agents.delete(node.name)
      await running?.stop()
    },
    hasAgent: () => agents.has(node.name),
    state: () => agent().state(),
    member: agent,
    etcdPids: () => pidsOn(path.join(directory, 'etcd')),
  }
}

async function startAgentProcess(
  options: Omit<EtcdMemberOptions, 'program' | 'askNodes' | 'log'>,
): Promise<() => Promise<void>> {
  const program = path.join(import.meta.dirname, 'member-agent.ts')
  const settings = JSON.stringify({ ...options, program: 'etcd' })
  const child = spawn(process.execPath, ['--import', 'tsx', program, settings], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const kill = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return
    const gone = once(child, 'exit')
    child.kill('SIGKILL')
    await gone
  }
  const said: string[] = []
  await new Promise<void>((resolve, reject) => {
    createInterface(child.stdout).on('line', (line) => {
      said.push(line)
      if (line === 'running') resolve()
    })
    child.once('exit', () => reject(new Error(`the agent ended:\n${said.join('\n')}`)))
  })
  return kill
}

function voterLayout(name: string, clientPort: number, peerPort: number): NodeLayout {
  return {
    name: asNodeName(name),
    role: 'witness',
    host: '127.0.0.1',
    postgresPort: null,
    apiPort: 1,
    storeClientPort: clientPort,
    storePeerPort: peerPort,
    isVoter: true,
    noFailover: false,
  }
}

function pidsOn(dataDirectory: string): readonly number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => readCommandLine(pid).includes(`--data-dir=${dataDirectory}`))
}
