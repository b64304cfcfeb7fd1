// Where nodes live. Every runtime (local processes, containers, hosts) offers the same verbs; what the
// nodes do is the agents' business. The CLI knows only this interface.

import type { ClusterLayout } from '../core/cluster-layout.ts'
import type { NodeName } from '../core/names.ts'
import type { LoadedSpec } from '../config/load.ts'
import type { StatusClient } from '../ports/status-client.ts'

/** Progress of a command. Steps run in parallel; `id` is stable, `title` is for people. */
export type Step = {
  readonly id: string
  readonly title: string
  readonly state: 'started' | 'done' | 'unchanged' | 'failed'
  /** What was found or done, or why it failed; one line. */
  readonly detail: string | null
}
export type StepListener = (step: Step) => void

export type UpResult = {
  readonly cluster: RuntimeCluster
  /** False: everything ran already as the spec says ("nothing to change"). */
  readonly isChanged: boolean
  /** For people: what was left over of an earlier run and was cleaned, ports chosen, advice. */
  readonly notes: readonly string[]
  /** Nodes of a lab whose hosts are turned off: they were left alone, and nobody is to wait for them. */
  readonly withoutPower: readonly NodeName[]
}

export type NodeProcess = {
  readonly pid: number
  /** Program name: `node`, `postgres`, `etcd`, `haproxy`, … */
  readonly name: string
  readonly isAgent: boolean
  readonly isFrozen: boolean
  readonly residentBytes: number
}

export type NodeProcesses = {
  readonly node: NodeName
  /** What the last command wanted. */
  readonly wanted: 'running' | 'stopped'
  /** `failed`: the agent ended and would end again (its exit code says so); it is not restarted. */
  readonly state: 'running' | 'frozen' | 'restarting' | 'stopped' | 'failed'
  readonly agentPid: number | null
  /** How often the supervisor started the agent again since the last `start`. */
  readonly restartCount: number
  /** With `failed` and `restarting`: the last words of the agent. */
  readonly detail: string | null
  /** The host of a lab that the node is on, while it has no power; then only `powerOn` starts it. */
  readonly hostWithoutPower: string | null
  readonly processes: readonly NodeProcess[]
}

export type FreezeScope = 'node' | 'agent'

/** `local`: processes on this machine's loopback addresses. `lab`: on hosts made of network namespaces. */
export type RuntimeKind = 'local' | 'lab'

/** A host of a lab as it is now. */
export type LabHostState = {
  readonly name: string
  readonly nodes: readonly NodeName[]
  readonly address: string
  /** What else is on its network card, as a virtual address. */
  readonly extraAddresses: readonly string[]
  readonly hasPower: boolean
  readonly processCount: number
  readonly isFaulty: boolean
  /** Hosts that nothing reaches which this one sends. */
  readonly unheardBy: readonly string[]
  readonly lossPercent: number
  readonly delayMs: number
}

/** What became of a change to a cable. */
export type CableChange = {
  /** False: it was so already. */
  readonly isChanged: boolean
  /** False: the host is off, so nothing passes whatever its cable is like. */
  readonly hasPower: boolean
}

/**
 * What can be done to the hosts and cables of a lab. A host is named by itself or by a node on it.
 * @throws PgherdError PGHERD_LAB_HOST_UNKNOWN, PGHERD_LAB_DOWN, PGHERD_LAB_ROOT, PGHERD_LAB_RIGHTS,
 * PGHERD_LAB_FAILED
 */
export interface Lab {
  /** There is no network, as after `down`; `up` makes it again. */
  isDown(): Promise<boolean>
  /** Names of all hosts, `client` last. */
  readonly hostNames: readonly string[]
  /** All of them are off while the lab is down. */
  hosts(): Promise<readonly LabHostState[]>
  /** Words before a program that let it run on the host. @throws also when the lab is down */
  enter(host: string): readonly string[]
  /**
   * Nothing passes between the host and the others any more.
   * @param from null: all other hosts
   * @param isOneWay only what the host sends is lost
   * @throws PgherdError PGHERD_LAB_SAME_HOST when one of the others is on the same host
   */
  cut(host: string, from: readonly string[] | null, isOneWay: boolean): Promise<CableChange>
  /** Everything passes again; with `from` null loss and delay of the host end too. */
  heal(host: string, from: readonly string[] | null): Promise<CableChange>
  /**
   * Everything passes everywhere again, without loss and delay. No host gets power by it.
   * @returns also the hosts that have no power
   */
  healAll(): Promise<{ readonly isChanged: boolean; readonly withoutPower: readonly string[] }>
  /** @param percent of its packets, in both directions, that get lost; 0 to 100, in steps of 0.01 */
  setLoss(host: string, percent: number): Promise<CableChange>
  /** @param delayMs that each of its packets takes, in both directions; in steps of 0.001 */
  setDelay(host: string, delayMs: number): Promise<CableChange>
  /** The cable goes dead, every process dies, nobody is told. @returns how many processes it hit */
  powerOff(host: string): Promise<number>
  /** Returns when the agents of the host answer. @returns false when it had power and ran */
  powerOn(host: string): Promise<boolean>
}

/** A cluster that has state in this runtime, running or not. */
export interface RuntimeCluster {
  readonly layout: ClusterLayout
  /** Folder with everything of this cluster. */
  readonly directory: string
  /** The effective spec, with every port named. */
  readonly specFile: string
  /** A client of its agents, with the cluster's secret. */
  connect(): StatusClient
  /** For `psql` and `url`: who applications connect as. The file is a libpq passfile, mode 0600. */
  readonly application: {
    readonly database: string
    readonly user: string
    readonly passFile: string
    /** Reads the password, for `--show-secret` only. */
    readPassword(): Promise<string>
  }
  /**
   * Words before a program of a person that is to reach the addresses of the cluster.
   * @throws PgherdError PGHERD_LAB_DOWN, PGHERD_LAB_ROOT
   */
  clientWords(): readonly string[]
  /** Null: the nodes have no hosts of their own. */
  readonly lab: Lab | null
  /** Processes as they are now, from pid files and /proc, agents not asked. */
  processes(): Promise<readonly NodeProcesses[]>
  isSupervised(): Promise<boolean>
  /** Log files of one node or of all (null: the supervisor's too), existing ones only. */
  logFiles(
    node: NodeName | null,
  ): Promise<readonly { readonly node: NodeName | null; readonly path: string }[]>

  /** Starts the node's agent and returns when it answers. Idempotent. @returns false when it ran */
  startNode(node: NodeName): Promise<boolean>
  /** As `docker stop`: asks to end, waits, then kills. Idempotent. @returns false when it was stopped */
  stopNode(node: NodeName): Promise<boolean>
  /** As pulling the plug: SIGKILL to every process of the node at once. @returns how many it hit */
  killNode(node: NodeName): Promise<number>
  /** SIGSTOP. @returns how many processes it hit */
  freezeNode(node: NodeName, scope: FreezeScope): Promise<number>
  /** SIGCONT to whatever is frozen. @returns how many processes it woke */
  thawNode(node: NodeName): Promise<number>

  /** Ends everything cleanly; data stays. @returns false when nothing ran */
  down(onStep: StepListener): Promise<boolean>
  /** Ends everything and removes every file. The caller has asked the person. */
  destroy(onStep: StepListener): Promise<void>
}

export type ClusterSummary = {
  readonly name: string
  readonly directory: string
  /** Null when the directory holds no readable spec (an `up` that was killed early). */
  readonly layout: ClusterLayout | null
  readonly isSupervised: boolean
}

export interface Runtime {
  /** Everything that has state, sorted by name. */
  clusters(): Promise<readonly ClusterSummary[]>
  /**
   * @param name null: the only one there is
   * @throws PgherdError PGHERD_CLUSTER_UNKNOWN (with what there is), PGHERD_CLUSTER_AMBIGUOUS
   */
  open(name: string | null): Promise<RuntimeCluster>
  /**
   * The cluster of a spec file: the one of that name here, or else, when the folder `secrets/` lies beside
   * the file, the one on the hosts that the file names. That one can be looked at and asked; its
   * processes are not in reach.
   * @throws PgherdError as `loadSpec` and `open` do
   */
  openSpec(specFile: string): Promise<RuntimeCluster>
  /**
   * Makes the cluster run as the spec says and returns when every agent answers; whether the cluster
   * is healthy yet is for the caller to watch through `connect()`. Idempotent and resumable; an abort
   * leaves what was started running and resumable.
   * @param kind null: the one that the cluster has, `local` for a new one
   * @throws PgherdError
   */
  up(
    spec: LoadedSpec,
    kind: RuntimeKind | null,
    onStep: StepListener,
    signal: AbortSignal,
  ): Promise<UpResult>
}
