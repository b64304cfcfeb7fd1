// How many write sessions every balancer still has to one node, looked at again and again.

import path from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { sendCommand } from '../src/adapters/haproxy/runtime-api.ts'
import { writeProxy } from '../src/adapters/haproxy/render.ts'
import { balancersOf } from '../src/core/cluster-layout.ts'
import type { NodeName } from '../src/core/names.ts'
import { readMonotonicMs } from '../src/host/monotonic.ts'
import type { BenchCluster } from './cluster.ts'

const periodMs = 20
const answerMs = 500

export type SessionCount = { readonly atMs: number; readonly count: number }

export class SessionWatch {
  readonly #counts: SessionCount[] = []
  readonly #stopping = new AbortController()
  readonly #work: Promise<void>

  /** Begins at once. */
  constructor(cluster: BenchCluster, node: NodeName) {
    const sockets = balancersOf(cluster.runtime.layout).map((balancer) =>
      path.join(cluster.runtime.directory, 'run', balancer.name, 'haproxy'),
    )
    this.#work = this.#watch(sockets, node)
  }

  async stop(): Promise<readonly SessionCount[]> {
    this.#stopping.abort()
    await this.#work
    return this.#counts
  }

  async #watch(sockets: readonly string[], node: NodeName): Promise<void> {
    const { signal } = this.#stopping
    while (!signal.aborted) {
      // A balancer that does not answer has no process, and then no sessions.
      const counts = await Promise.all(
        sockets.map((socket) =>
          sendCommand(socket, 'show stat', answerMs).then(
            (answer) => parseSessions(answer, node),
            () => 0,
          ),
        ),
      )
      const atMs = readMonotonicMs()
      this.#counts.push({ atMs, count: counts.reduce((sum, count) => sum + count, 0) })
      await pause(periodMs, undefined, { signal }).catch(() => undefined)
    }
  }
}

/** Present write sessions of a server in HAProxy's `show stat`, which is CSV with a header. */
export function parseSessions(answer: string, server: string): number {
  const [header = '', ...lines] = answer.split('\n')
  const columns = header.replace(/^# /, '').split(',')
  const row = lines
    .map((line) => line.split(','))
    .find(
      (fields) =>
        fields[columns.indexOf('pxname')] === writeProxy &&
        fields[columns.indexOf('svname')] === server,
    )
  return Number(row?.[columns.indexOf('scur')] ?? 0)
}

/** From when on there was none any more; null: there were some at the end. */
export function goneSince(counts: readonly SessionCount[]): number | null {
  const last = counts.findLastIndex(({ count }) => count > 0)
  return counts[last + 1]?.atMs ?? null
}
