// One process per cluster that starts the agents and starts them again when they die, as systemd or
// Docker would. It decides nothing else: commands write what they want and signal processes themselves,
// so a dead supervisor costs nothing but restarts. A new one takes over the running agents.

import { spawn } from 'node:child_process'
import { mkdirSync, openSync, closeSync, watch } from 'node:fs'
import type { FSWatcher } from 'node:fs'
import { open } from 'node:fs/promises'
import { exitCodes } from '../../lib/errors.ts'
import { isSameProcess, readProcess } from '../../host/process-info.ts'
import { clusterPathsOf } from './paths.ts'
import type { ClusterPaths } from './paths.ts'
import { readAgentRecord, readSupervisorRecord, readWanted, writeJson } from './state-files.ts'
import type { AgentRecord, Wanted } from './state-files.ts'

export type SupervisorOptions = {
  readonly home: string
  readonly cluster: string
  readonly nodes: readonly string[]
  /** Words before a program that let it run where the node runs. */
  readonly enter: (node: string) => readonly string[]
  /** The program that runs an agent: node's own path and the bundle. */
  readonly execPath: string
  readonly bundle: string
  readonly log: (message: string) => void
}

/**
 * How often everything is looked at, whether or not something announced itself. An agent that a former
 * supervisor started announces nothing: it is no child of this one.
 */
const lookMs = 2000
/** Where nothing would announce itself. */
const untoldLookMs = 250
/** The first restart is at once: an agent that is back in time costs no client anything. */
const restartPausesMs = [0, 200, 500, 1000, 2000, 5000]
/** An agent that ran for this long has not failed to start. */
const settledMs = 20_000
/** Ends that would only repeat themselves. */
const finalExitCodes: readonly number[] = [
  exitCodes.configuration,
  exitCodes.localState,
  exitCodes.removed,
]

type Context = {
  readonly paths: ClusterPaths
  readonly options: SupervisorOptions
  readonly wake: Wake
}

type Child = {
  readonly node: string
  generation: number
  restartCount: number
  failuresInRow: number
  startedAtMs: number
  notBeforeMs: number
  pid: number | null
  startTicks: number
  /** Started by this supervisor, which is told of its end. */
  isOwn: boolean
  isFailed: boolean
  /** How our own child ended; stays null for one that was taken over. */
  exit: { readonly code: number | null; readonly signal: string | null } | null
}

/**
 * Runs until `signal` aborts. The agents are left as they are.
 * @returns at once when another supervisor runs already
 */
export async function runSupervisor(
  options: SupervisorOptions,
  signal: AbortSignal,
): Promise<void> {
  const paths = clusterPathsOf(options.home, options.cluster, options.nodes)
  if (!(await claim(paths))) {
    options.log('another supervisor runs already')
    return
  }
  const wake = new Wake(paths.state, signal)
  const context: Context = { paths, options, wake }
  const children = new Map<string, Child>()
  for (const node of options.nodes) children.set(node, await takeOver(paths, node, options.log))
  options.log(`supervises ${options.nodes.join(', ')}`)
  while (!signal.aborted) {
    for (const child of children.values()) await look(context, child)
    await wake.wait(untilNextLookMs([...children.values()], wake.isTold))
  }
  options.log('ends; the agents stay')
}

/** @param isTold whether changes of files announce themselves */
function untilNextLookMs(children: readonly Child[], isTold: boolean): number {
  const nowMs = performance.now()
  const waits = children.map((child) => {
    if (child.pid !== null) return child.isOwn ? lookMs : untoldLookMs
    const pauseMs = child.notBeforeMs - nowMs
    return pauseMs > 0 ? pauseMs : lookMs
  })
  return Math.min(isTold ? lookMs : untoldLookMs, ...waits)
}

/** Records this process as the supervisor, unless another one is alive. */
async function claim(paths: ClusterPaths): Promise<boolean> {
  const other = await readSupervisorRecord(paths.supervisorFile)
  if (other !== null && other.pid !== process.pid && isSameProcess(other.pid, other.startTicks)) {
    return false
  }
  const startTicks = readProcess(process.pid)?.startTicks ?? 0
  await writeJson(paths.supervisorFile, { pid: process.pid, startTicks }, null)
  return true
}

/** The agent that a former supervisor started, if it still runs. */
async function takeOver(
  paths: ClusterPaths,
  node: string,
  log: (message: string) => void,
): Promise<Child> {
  const record = await readAgentRecord(paths.agentFile(node))
  const isAlive = record !== null && isSameProcess(record.pid, record.startTicks)
  if (isAlive) log(`${node}: takes over the running agent, process ${String(record.pid)}`)
  return {
    node,
    generation: record?.generation ?? 0,
    restartCount: record?.restartCount ?? 0,
    failuresInRow: 0,
    startedAtMs: performance.now(),
    notBeforeMs: 0,
    pid: isAlive ? record.pid : null,
    startTicks: record?.startTicks ?? 0,
    isOwn: false,
    isFailed: record?.state === 'failed',
    exit: null,
  }
}

async function look(context: Context, child: Child): Promise<void> {
  const { paths } = context
  const wanted = await readWanted(paths.wantedFile(child.node))
  if (hasEnded(child)) await noteEnd(context, child, wanted)
  if (wanted.state !== 'running') return
  if (wanted.generation !== child.generation) {
    child.generation = wanted.generation
    child.restartCount = 0
    child.failuresInRow = 0
    child.notBeforeMs = 0
    child.isFailed = false
    if (child.pid !== null) await record(paths, child, 'started', null)
  }
  if (child.pid !== null || child.isFailed || performance.now() < child.notBeforeMs) return
  // The wish may have changed while the lines above waited for the disk.
  if ((await readWanted(paths.wantedFile(child.node))).state !== 'running') return
  await start(context, child)
}

/**
 * Our own child has ended once we were told how: /proc shows it dead a moment before, and whoever looks
 * then would start again what only fails again.
 */
function hasEnded(child: Child): boolean {
  if (child.pid === null) return false
  if (child.isOwn) return child.exit !== null
  return !isSameProcess(child.pid, child.startTicks)
}

async function start({ paths, options, wake }: Context, child: Child): Promise<void> {
  const { node } = child
  mkdirSync(paths.nodeLogs(node), { recursive: true, mode: 0o750 })
  const output = openSync(paths.agentOutput(node), 'a', 0o640)
  try {
    const [program, ...words] = [...options.enter(node), options.execPath]
    const agent = spawn(
      program,
      [
        ...words,
        ...agentNodeFlags,
        options.bundle,
        'agent',
        ...['--spec', paths.specFile],
        ...['--node', node],
        ...['--data-dir', paths.nodeDirectory(node)],
        ...['--socket-dir', paths.socketDirectory(node)],
      ],
      {
        cwd: paths.nodeDirectory(node),
        // A session of its own: the supervisor's end and Ctrl-C in a terminal do not reach it.
        detached: true,
        stdio: ['ignore', output, output],
        env: { ...agentEnvironment(), PGHERD_LOG_FILE: paths.agentLog(node) },
      },
    )
    child.exit = null
    child.isOwn = true
    agent.on('exit', (code, signal) => {
      child.exit = { code, signal }
      wake.notify()
    })
    agent.on('error', (error) => options.log(`${node}: ${error.message}`))
    agent.unref()
    child.pid = agent.pid ?? null
    child.startTicks = agent.pid === undefined ? 0 : (readProcess(agent.pid)?.startTicks ?? 0)
    child.startedAtMs = performance.now()
  } finally {
    closeSync(output)
  }
  options.log(`${node}: started the agent, process ${String(child.pid)}`)
  await record(paths, child, 'started', null)
}

/** Small heaps: several agents share the local machine, and one lives beside each database. */
const agentNodeFlags = ['--max-semi-space-size=4', '--max-old-space-size=256']

function agentEnvironment(): NodeJS.ProcessEnv {
  const kept = ['PATH', 'HOME', 'LANG', 'LC_ALL', 'TZ'].flatMap((name) => {
    const value = process.env[name]
    return value === undefined ? [] : [[name, value] as const]
  })
  return Object.fromEntries(kept)
}

async function noteEnd({ paths, options }: Context, child: Child, wanted: Wanted): Promise<void> {
  const { node, exit } = child
  const ranMs = performance.now() - child.startedAtMs
  const how = exit === null ? 'ended' : (exit.signal ?? `exit code ${String(exit.code)}`)
  child.pid = null
  const words = await lastWords(paths.agentOutput(node))
  const detail = words === null ? how : `${how}: ${words}`
  if (wanted.state !== 'running') {
    options.log(`${node}: the agent has stopped (${how})`)
    await record(paths, child, 'ended', null)
    return
  }
  const code = exit?.code ?? null
  if (code !== null && finalExitCodes.includes(code)) {
    child.isFailed = true
    options.log(`${node}: the agent failed and is not started again: ${detail}`)
    await record(paths, child, 'failed', detail)
    return
  }
  child.failuresInRow = ranMs > settledMs ? 0 : child.failuresInRow + 1
  child.restartCount += 1
  const pauses = restartPausesMs
  const pauseMs = pauses[Math.min(Math.max(0, child.failuresInRow - 1), pauses.length - 1)] ?? 0
  child.notBeforeMs = performance.now() + pauseMs
  options.log(`${node}: the agent ended (${detail}); it is started again in ${String(pauseMs)} ms`)
  await record(paths, child, 'ended', detail)
}

async function record(
  paths: ClusterPaths,
  child: Child,
  state: AgentRecord['state'],
  detail: string | null,
): Promise<void> {
  const { pid, startTicks, generation, restartCount } = child
  const file = paths.agentFile(child.node)
  await writeJson(
    file,
    { pid: pid ?? 0, startTicks, generation, restartCount, state, detail },
    null,
  )
}

/** What the agent complained about last; null when it said nothing. */
async function lastWords(file: string): Promise<string | null> {
  let text: string
  try {
    const handle = await open(file, 'r')
    try {
      const { size } = await handle.stat()
      const length = Math.min(size, 8192)
      const { buffer } = await handle.read(Buffer.alloc(length), 0, length, size - length)
      text = buffer.toString('utf8')
    } finally {
      await handle.close()
    }
  } catch {
    return null
  }
  // Causes, hints and stack traces are indented below the line that says what happened.
  const heads = text.split('\n').filter((line) => /^\S/.test(line) && !line.startsWith('Node.js v'))
  return heads.at(-1)?.slice(0, 300) ?? null
}

/** Something that ends the pause between two looks early: a changed file, an ended agent. */
class Wake {
  #isTold = true
  #isNotified = false
  #finish: (() => void) | null = null

  constructor(folder: string, signal: AbortSignal) {
    const watcher = this.#watch(folder)
    signal.addEventListener('abort', () => {
      watcher?.close()
      this.notify()
    })
  }

  /** Whether changes of files end the pause. */
  get isTold(): boolean {
    return this.#isTold
  }

  /** Null when the machine has no inotify left: then everything is seen at the next look. */
  #watch(folder: string): FSWatcher | null {
    try {
      const watcher = watch(folder, () => this.notify())
      watcher.on('error', () => {
        this.#isTold = false
      })
      return watcher
    } catch {
      this.#isTold = false
      return null
    }
  }

  notify(): void {
    this.#isNotified = true
    this.#finish?.()
  }

  async wait(durationMs: number): Promise<void> {
    if (!this.#isNotified) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, durationMs)
        this.#finish = () => {
          clearTimeout(timer)
          resolve()
        }
      })
      this.#finish = null
    }
    this.#isNotified = false
  }
}
