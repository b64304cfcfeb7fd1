// Real etcd for tests: members as plain child processes in a temporary folder, each of which can be
// killed, frozen and started again. Nothing outlives the test process.

import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, mkdtempSync, openSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { TimingPlan } from '../../src/core/timing-plan.ts'
import { timingPlans } from '../../src/core/timing-plan.ts'
import type { Endpoint } from '../../src/adapters/etcd/endpoint.ts'
import { freePorts } from './free-ports.ts'
import { eventually } from './eventually.ts'

export type EtcdTestMember = {
  readonly name: string
  readonly endpoint: Endpoint
  readonly peerPort: number
  /** SIGKILL; resolves when the process is gone. */
  readonly kill: () => Promise<void>
  readonly freeze: () => void
  readonly thaw: () => void
  /** Starts a killed member again on its data; resolves when it answers. */
  readonly start: () => Promise<void>
}

export type EtcdTestCluster = {
  readonly endpoints: readonly Endpoint[]
  readonly member: (index: number) => EtcdTestMember
  /** Index of the member that leads; waits until one does. */
  readonly leader: () => Promise<number>
  /** Asks a member as etcdctl would; for what the adapter has no call for. */
  readonly post: (index: number, path: string, body: unknown) => Promise<Record<string, unknown>>
  /** Ends every process and removes the folder. Safe to call twice. */
  readonly stop: () => Promise<void>
}

export type EtcdTestOptions = {
  readonly size: 1 | 3 | 5
  readonly plan?: TimingPlan
}

/** Starts a new etcd cluster and resolves when it has a leader. */
export async function startEtcdCluster(options: EtcdTestOptions): Promise<EtcdTestCluster> {
  const { size, plan = timingPlans.fast } = options
  const folder = mkdtempSync(path.join(tmpdir(), 'pgherd-etcd-'))
  const ports = await freePorts(size * 2)
  const names = Array.from({ length: size }, (_, index) => `m${index}`)
  const peerUrls = names.map((_, index) => `http://127.0.0.1:${ports[size + index]!}`)
  const initialCluster = names.map((name, index) => `${name}=${peerUrls[index]!}`).join(',')
  const members = names.map((name, index) =>
    createMember({
      name,
      folder,
      endpoint: { host: '127.0.0.1', port: ports[index]! },
      peerPort: ports[size + index]!,
      flags: [
        `--initial-cluster=${initialCluster}`,
        `--initial-cluster-token=${path.basename(folder)}`,
        `--heartbeat-interval=${plan.etcdHeartbeatMs}`,
        `--election-timeout=${plan.etcdElectionMs}`,
      ],
    }),
  )
  const cluster: EtcdTestCluster = {
    endpoints: members.map((member) => member.endpoint),
    member: (index) => members[index]!,
    leader: () => leaderOf(members),
    post: (index, where, body) => post(members[index]!.endpoint, where, body),
    stop: async () => {
      await Promise.all(members.map((member) => member.kill()))
      rmSync(folder, { recursive: true, force: true })
    },
  }
  try {
    await Promise.all(members.map((member) => member.start()))
    await cluster.leader()
  } catch (error) {
    await cluster.stop()
    throw error
  }
  return cluster
}

type MemberSettings = {
  readonly name: string
  readonly folder: string
  readonly endpoint: Endpoint
  readonly peerPort: number
  readonly flags: readonly string[]
}

function createMember(settings: MemberSettings): EtcdTestMember {
  const { name, folder, endpoint, peerPort } = settings
  const logFile = path.join(folder, `${name}.log`)
  let running: ChildProcess | null = null

  const launch = (): void => {
    const log = openSync(logFile, 'a')
    const clientUrl = `http://127.0.0.1:${endpoint.port}`
    const peerUrl = `http://127.0.0.1:${peerPort}`
    const etcd = [
      'etcd',
      `--name=${name}`,
      `--data-dir=${path.join(folder, name)}`,
      `--listen-client-urls=${clientUrl}`,
      `--advertise-client-urls=${clientUrl}`,
      `--listen-peer-urls=${peerUrl}`,
      `--initial-advertise-peer-urls=${peerUrl}`,
      '--logger=zap',
      '--log-level=warn',
      '--log-outputs=stderr',
      ...settings.flags,
    ]
    // The parent-death signal: a test process that is killed leaves no etcd behind.
    running = spawn('setpriv', ['--pdeathsig', 'KILL', ...etcd], { stdio: ['ignore', log, log] })
    closeSync(log)
  }
  const kill = async (): Promise<void> => {
    const child = running
    if (child === null) return
    running = null
    if (child.exitCode !== null || child.signalCode !== null) return
    const gone = once(child, 'exit')
    child.kill('SIGKILL')
    await gone
  }
  return {
    name,
    endpoint,
    peerPort,
    kill,
    freeze: () => {
      if (running?.pid !== undefined) freezeProcess(running.pid)
    },
    thaw: () => void running?.kill('SIGCONT'),
    start: async () => {
      launch()
      await eventually(`etcd ${name} answers`, async () => {
        if (running?.exitCode !== null) {
          throw new Error(`etcd ${name} ended:\n${readFileSync(logFile, 'utf8').slice(-2000)}`)
        }
        return isAnswering(endpoint)
      })
    },
  }
}

async function isAnswering(endpoint: Endpoint): Promise<boolean> {
  return post(endpoint, '/v3/maintenance/status', {}).then(
    () => true,
    () => false,
  )
}

async function leaderOf(members: readonly EtcdTestMember[]): Promise<number> {
  let found = -1
  await eventually('etcd has a leader', async () => {
    const answers = await Promise.allSettled(
      members.map(({ endpoint }) => post(endpoint, '/v3/maintenance/status', {})),
    )
    found = answers.findIndex((answer) => {
      if (answer.status !== 'fulfilled') return false
      const { leader, header } = answer.value
      return (header as Record<string, unknown>)['member_id'] === leader
    })
    return found >= 0
  })
  return found
}

async function post(
  endpoint: Endpoint,
  where: string,
  body: unknown,
): Promise<Record<string, unknown>> {
  const answer = await fetch(`http://${endpoint.host}:${endpoint.port}${where}`, {
    method: 'POST',
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(500),
  })
  if (!answer.ok) throw new Error(`${where}: HTTP ${answer.status} ${await answer.text()}`)
  return (await answer.json()) as Record<string, unknown>
}

/** SIGSTOP, and waits until no thread runs: each goes on until it notices. */
function freezeProcess(pid: number): void {
  process.kill(pid, 'SIGSTOP')
  const giveUpAtMs = performance.now() + 2000
  const tasks = `/proc/${String(pid)}/task`
  const isStopped = (task: string): boolean =>
    /^State:\s+T/m.test(readFileSync(`${tasks}/${task}/status`, 'utf8'))
  while (!readdirSync(tasks).every(isStopped)) {
    if (performance.now() > giveUpAtMs) throw new Error(`process ${String(pid)} does not stop`)
  }
}
