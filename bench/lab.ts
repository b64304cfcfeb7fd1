// A bench in a lab runs on the client host, where applications would: the network is made first, then the
// same program starts itself again over there.

import { spawn } from 'node:child_process'
import { rm } from 'node:fs/promises'
import path from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { balancersOf } from '../src/core/cluster-layout.ts'
import { enterWords, ensureNetwork, removeNetwork } from '../src/runtimes/lab/network.ts'
import { clientHost, labHostOf, labNetworkOf } from '../src/runtimes/lab/hosts.ts'
import type { NodeName } from '../src/core/names.ts'
import type { Lab } from '../src/runtimes/runtime.ts'
import { type BenchCluster, type ClusterShape, homeVariable, makeHome, specOf } from './cluster.ts'
import { waitFor } from './cluster.ts'
import { type Interruption, interrupts } from './interrupts.ts'

/** Whether this process must start itself again on the client host, with `runOnClientHost`. */
export function mustMove(shape: ClusterShape): boolean {
  return shape.runtime === 'lab' && process.env[homeVariable] === undefined
}

/** Makes the network, runs this very program on the client host, removes everything. @returns its verdict */
export async function runOnClientHost(shape: ClusterShape): Promise<boolean> {
  const ending = new AbortController()
  const home = await makeHome()
  const running = runIn(home, shape, ending.signal)
  const forget = interrupts.undoLater(async (name) => {
    ending.abort(name)
    await running.catch(() => undefined)
  })
  return running.finally(forget)
}

/** @param ending aborts with the name of the signal that the program over there is to be sent */
async function runIn(home: string, shape: ClusterShape, ending: AbortSignal): Promise<boolean> {
  const { layout } = await specOf(shape)
  const network = labNetworkOf(path.join(home, layout.cluster), layout)
  const client = labHostOf(network, clientHost)
  if (client === null) throw new Error('the lab has no client host')
  try {
    await ensureNetwork(network)
    ending.throwIfAborted()
    const [program = '', ...enter] = enterWords(client)
    const words = [...enter, process.execPath, ...process.execArgv, ...process.argv.slice(1)]
    const child = spawn(program, words, {
      stdio: 'inherit',
      env: { ...process.env, [homeVariable]: home },
    })
    ending.addEventListener('abort', () => child.kill(ending.reason as Interruption))
    const code = await new Promise<number | null>((resolve, reject) => {
      child.once('error', reject)
      child.once('exit', resolve)
    })
    return code === 0
  } finally {
    await removeNetwork(network.prefix)
    await rm(home, { recursive: true, force: true })
  }
}

export function labOf(cluster: BenchCluster): Lab {
  const { lab } = cluster.runtime
  if (lab === null) throw new Error('this fault needs a lab: --runtime lab')
  return lab
}

/** Longer than Keepalived takes to believe in an HAProxy that has just become able to serve. */
const believeMs = 2000

/**
 * The balancer that has the virtual address, when every other one could take it.
 * @throws Error when none has it within 10 s, or two have it
 */
export async function vipHolderOf(cluster: BenchCluster): Promise<NodeName> {
  let holders: readonly NodeName[] = []
  await waitFor(
    () => `one balancer has the virtual address (${holders.join(', ') || 'none has it'})`,
    async () => {
      holders = await vipHoldersOf(cluster)
      return holders.length === 1
    },
    10_000,
    50,
  )
  const balancers = balancersOf(cluster.runtime.layout)
  await waitFor(
    () => 'every balancer knows a way to the primary',
    async () => {
      const answers = await Promise.all(balancers.map((node) => cluster.ask(node.name)))
      return answers.every((answer) => (answer?.report.balancing?.writesTo ?? null) !== null)
    },
    10_000,
    50,
  )
  await pause(believeMs)
  const [holder] = holders
  if (holder === undefined) throw new Error('nobody has the virtual address')
  return holder
}

export async function vipHoldersOf(cluster: BenchCluster): Promise<readonly NodeName[]> {
  const address = cluster.runtime.layout.vip?.address ?? ''
  const hosts = await labOf(cluster).hosts()
  return hosts
    .filter((host) => host.hasPower && host.extraAddresses.includes(address))
    .flatMap((host) => host.nodes.slice(0, 1))
}
