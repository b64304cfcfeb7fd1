// A cluster of real processes in a folder of its own with free ports, brought up by the very code of
// `pgherd up`, and what the measurements ask of it.

import { execFile } from 'node:child_process'
import { chmod, copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { promisify } from 'node:util'
import { gatherEvents, observeCluster } from '../src/cli/observe-cluster.ts'
import { type LoadedSpec, parseSpec } from '../src/config/load.ts'
import type { Durability, NodeLayout } from '../src/core/cluster-layout.ts'
import { nodeIn } from '../src/core/cluster-layout.ts'
import type { ClusterStatus, NodeStatus } from '../src/core/cluster-status.ts'
import type { JournalEvent } from '../src/core/journal-event.ts'
import type { NodeName } from '../src/core/names.ts'
import type { TimingPlanName } from '../src/core/timing-plan.ts'
import { messageOf } from '../src/lib/errors.ts'
import type { AgentStatus } from '../src/ports/agent-api.ts'
import type { StatusClient } from '../src/ports/status-client.ts'
import type {
  NodeProcesses,
  Runtime,
  RuntimeCluster,
  RuntimeKind,
} from '../src/runtimes/runtime.ts'
import { createRuntime } from '../src/wiring.ts'
import { freePortBlock } from '../test/support/free-ports.ts'
import { interrupts } from './interrupts.ts'
import type { Target } from './writers.ts'
import { fingerprintLedger, prepareLedger, withClient } from './writers.ts'

export type ClusterShape = {
  /** In a lab the bench itself runs on the client host (see lab.ts). */
  readonly runtime: RuntimeKind
  readonly dataNodeCount: number
  readonly witnessCount: number
  readonly plan: TimingPlanName
  readonly durability: Durability
}

export const defaultShape: ClusterShape = {
  runtime: 'local',
  dataNodeCount: 3,
  witnessCount: 1,
  plan: 'fast',
  durability: 'quorum',
}

/** Names the folder that another process has made for the cluster. */
export const homeVariable = 'PGHERD_BENCH_HOME'
const statusDeadlineMs = 1000
const upMsMax = 120_000

/** More than the default scheme of ports needs above its base. */
const portBlockSize = 120

export class BenchCluster {
  readonly shape: ClusterShape
  /** Folder of everything that belongs to it. */
  readonly home: string
  readonly #runtime: Runtime
  readonly #spec: LoadedSpec
  #cluster: RuntimeCluster | null = null
  #connected: StatusClient | null = null
  #password = ''
  /** Settles when nothing is being brought up any more. */
  #bringingUp: Promise<unknown> = Promise.resolve()
  #destroying: Promise<void> | null = null
  readonly #forget: () => void

  private constructor(shape: ClusterShape, home: string, spec: LoadedSpec) {
    this.shape = shape
    this.home = home
    this.#spec = spec
    this.#runtime = createRuntime({ ...process.env, PGHERD_HOME: home })
    this.#forget = interrupts.undoLater(() => this.destroy())
  }

  /** Resolves when the cluster is healthy and its ledger is prepared. Leaves nothing behind on failure. */
  static async start(shape: ClusterShape = defaultShape): Promise<BenchCluster> {
    const home = await makeHome()
    const cluster = new BenchCluster(shape, home, await specOf(shape))
    try {
      await ensureBuilt()
      await cluster.up()
      await prepareLedger(cluster.writeTarget())
      return cluster
    } catch (error) {
      await cluster.destroy()
      throw error
    }
  }

  /** The cluster as the runtime shows it. @throws when the bench was interrupted: it is being destroyed */
  get runtime(): RuntimeCluster {
    interrupts.signal.throwIfAborted()
    if (this.#cluster === null) throw new Error('the cluster was not started')
    return this.#cluster
  }

  get #client(): StatusClient {
    this.#connected ??= this.runtime.connect()
    return this.#connected
  }

  /** As `pgherd up`: resolves when the cluster is healthy. @returns whether there was anything to do */
  async up(): Promise<boolean> {
    interrupts.signal.throwIfAborted()
    const signal = AbortSignal.any([AbortSignal.timeout(upMsMax), interrupts.signal])
    const { runtime } = this.shape
    const running = this.#runtime.up(this.#spec, runtime, () => undefined, signal)
    this.#bringingUp = running.catch(() => undefined)
    const { cluster, isChanged } = await running
    this.#cluster = cluster
    this.#password = await cluster.application.readPassword()
    await this.waitUntilHealthy(upMsMax)
    return isChanged
  }

  /** Ends every process and removes every file, once, whoever asks for it. */
  async destroy(): Promise<void> {
    this.#destroying ??= this.#destroy()
    await this.#destroying
    this.#forget()
  }

  async #destroy(): Promise<void> {
    await this.#bringingUp
    for (const { name, layout } of await this.#runtime.clusters()) {
      // What was cut short before it had a spec has started nothing.
      if (layout === null) continue
      await (await this.#runtime.open(name)).destroy(() => undefined)
    }
    await rm(this.home, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 })
  }

  /** Copies logs, events and the last status to a new folder that stays. @returns the folder */
  async keepEvidence(): Promise<string> {
    const folder = await mkdtemp(path.join(tmpdir(), 'pgherd-evidence-'))
    const events = await this.events()
    await writeFile(path.join(folder, 'events.json'), JSON.stringify(events, null, 2))
    const status = await this.status()
    await writeFile(path.join(folder, 'status.json'), JSON.stringify(status, null, 2))
    for (const { node, path: file } of await this.runtime.logFiles(null)) {
      const name = `${node ?? 'cluster'}-${path.basename(file)}`
      await copyFile(file, path.join(folder, name))
    }
    return folder
  }

  /** Where applications write: the balancer, or the only server of a cluster without one. */
  writeTarget(): Target {
    const { endpoints } = this.runtime.layout
    if (endpoints.write === null) throw new Error('the cluster has no balancer')
    return this.#target(endpoints.write.host, endpoints.write.port)
  }

  /** One server, past the balancer. */
  directTarget(name: NodeName): Target {
    const { host, postgresPort } = this.node(name)
    if (postgresPort === null) throw new Error(`${name} is no data node`)
    return this.#target(host, postgresPort)
  }

  node(name: NodeName): NodeLayout {
    return nodeIn(this.runtime.layout, name)
  }

  dataNodes(): readonly NodeLayout[] {
    return this.runtime.layout.nodes.filter((node) => node.role === 'data')
  }

  async status(): Promise<ClusterStatus> {
    return (await observeCluster(this.runtime, this.#client, statusDeadlineMs)).status
  }

  /** What one agent says about itself; null when it does not answer. */
  async ask(name: NodeName): Promise<AgentStatus | null> {
    try {
      return await this.#client.status(this.node(name), statusDeadlineMs)
    } catch {
      return null
    }
  }

  async events(): Promise<readonly JournalEvent[]> {
    return (await gatherEvents(this.runtime, this.#client, statusDeadlineMs)) ?? []
  }

  async requestSwitchover(from: NodeName, to: NodeName | null): Promise<void> {
    const answer = await this.#client.requestSwitchover(this.node(from), to, false, 5000)
    if (answer.kind !== 'accepted') throw new Error(`switchover: ${JSON.stringify(answer)}`)
  }

  /** @throws Error when there is none now */
  async primary(): Promise<NodeStatus> {
    const status = await this.status()
    const found = status.nodes.find((node) => node.role === 'primary')
    if (found === undefined) throw new Error(`no primary: ${status.summary}`)
    return found
  }

  async processesOf(name: NodeName): Promise<NodeProcesses> {
    const found = (await this.runtime.processes()).find((each) => each.node === name)
    if (found === undefined) throw new Error(`the runtime does not know ${name}`)
    return found
  }

  /**
   * Healthy: every node does what it is there for, and the synchronous list is complete.
   * @throws Error after `withinMs`, with what is missing
   */
  async waitUntilHealthy(withinMs: number): Promise<ClusterStatus> {
    let status = await this.status()
    await waitFor(
      () => `the cluster is healthy (${status.reasons.map((one) => one.message).join(' ')})`,
      async () => {
        status = await this.status()
        return status.verdict === 'healthy'
      },
      withinMs,
      100,
    )
    return status
  }

  /** Names of the replication slots of a data node. */
  async slotsOf(name: NodeName): Promise<string> {
    return withClient(this.directTarget(name), async (client) => {
      const { rows } = await client.query<{ slots: string | null }>(
        `select string_agg(slot_name, ', ' order by slot_name) as slots from pg_replication_slots`,
      )
      return rows[0]?.slots ?? ''
    })
  }

  /**
   * Waits until every data node holds the same ledger as the primary, which shows that a rejoined node
   * came back with the right data. Nobody may write meanwhile.
   */
  async waitUntilSameEverywhere(run: number, withinMs: number): Promise<void> {
    let prints = new Map<string, string>()
    await waitFor(
      () => `all data nodes hold the same rows (${JSON.stringify(Object.fromEntries(prints))})`,
      async () => {
        const read = this.dataNodes().map(async ({ name }): Promise<[string, string]> => {
          const print = fingerprintLedger(this.directTarget(name), run)
          return [name, await print.catch(messageOf)]
        })
        prints = new Map(await Promise.all(read))
        return new Set(prints.values()).size === 1
      },
      withinMs,
      100,
    )
  }

  #target(host: string, port: number): Target {
    const { database, user } = this.runtime.application
    return { host, port, database, user, password: this.#password }
  }
}

/** The agents run the bundle, which the command builds when a source is newer. */
async function ensureBuilt(): Promise<void> {
  const program = path.resolve(import.meta.dirname, '..', 'bin', 'pgherd')
  await promisify(execFile)(program, ['--version'], { timeout: 120_000 })
}

/** Asks again and again. @throws Error after `withinMs` */
export async function waitFor(
  what: () => string,
  condition: () => Promise<boolean>,
  withinMs: number,
  periodMs: number,
): Promise<void> {
  const endsAtMs = performance.now() + withinMs
  while (!(await condition())) {
    if (performance.now() > endsAtMs) throw new Error(`not within ${withinMs} ms: ${what()}`)
    await pause(periodMs)
  }
}

/** The folder of a cluster; whoever starts this process may have made it. */
export async function makeHome(): Promise<string> {
  const given = process.env[homeVariable]
  if (given !== undefined) return given
  const home = await mkdtemp(path.join(tmpdir(), 'pgherd-bench-'))
  // PostgreSQL runs as another user when we are root.
  await chmod(home, 0o755)
  return home
}

/** The spec of a shape, in a lab with two balancers that share an address. */
export async function specOf(shape: ClusterShape): Promise<LoadedSpec> {
  const { dataNodeCount, witnessCount, plan, durability } = shape
  const isLab = shape.runtime === 'lab'
  const some = (count: number, prefix: string, role: string, first: number) =>
    Array.from({ length: count }, (_, index) => ({
      name: `${prefix}-${index}`,
      role,
      ...(isLab ? { host: `10.77.0.${first + index}` } : {}),
    }))
  const nodes = [
    ...some(dataNodeCount, 'pg', 'data', 11),
    ...some(witnessCount, 'pgw', 'witness', 21),
    ...some(isLab ? 2 : 1, 'lb', 'balancer', 31),
  ]
  const place = isLab
    ? { balancer: { vip: '10.77.0.100/24' } }
    : { basePort: await freePortBlock(portBlockSize) }
  // JSON is YAML.
  return parseSpec(JSON.stringify({ cluster: 'bench', plan, durability, ...place, nodes }), 'bench')
}
