// PostgreSQL's own load generator: run once, or again and again while servers die under it.

import { type ChildProcess, spawn } from 'node:child_process'
import path from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { toolEnvironment } from '../src/adapters/postgres/tools.ts'
import { interrupts } from './interrupts.ts'
import { type Target, withClient } from './writers.ts'

export type PgbenchResult = {
  /** Transactions whose end pgbench was told. */
  readonly transactions: number
  /** Without the time for connecting; null when no client got that far. */
  readonly tps: number | null
  /** 0: ran to its end; 2: clients lost their connection. */
  readonly exitCode: number | null
}

/** Of pgbench's own scripts. */
export type PgbenchScript = 'tpcb-like' | 'select-only'

export type PgbenchLoad = {
  readonly clients: number
  readonly seconds: number
  /** TPC-B-like when left out. */
  readonly script?: PgbenchScript
}

/** @param binaries folder of PostgreSQL's programs */
export class Pgbench {
  readonly #program: string
  readonly #target: Target

  constructor(binaries: string, target: Target) {
    this.#program = path.join(binaries, 'pgbench')
    this.#target = target
  }

  /** Fills the tables of the TPC-B-like script. */
  async fill(scale: number): Promise<void> {
    const { exitCode, output } = await this.#run(['-i', '-q', '-s', String(scale)])
    if (exitCode !== 0) throw new Error(`pgbench -i failed:\n${output}`)
  }

  /** One run. A lost connection ends it early and is no error here. */
  async run(load: PgbenchLoad, signal?: AbortSignal): Promise<PgbenchResult> {
    const { clients, seconds, script = 'tpcb-like' } = load
    const size = ['-c', String(clients), '-j', String(Math.min(2, clients))]
    const { exitCode, output } = await this.#run(
      ['-n', '-b', script, ...size, '-T', String(Math.max(1, seconds))],
      signal,
    )
    return { ...parsePgbench(output), exitCode }
  }

  /** Starts it again whenever it ends, until `signal` aborts. @returns the sum of all runs */
  async keepRunning(
    clients: number,
    signal: AbortSignal,
  ): Promise<{ transactions: number; runs: number }> {
    let transactions = 0
    let runs = 0
    while (!signal.aborted) {
      const result = await this.run({ clients, seconds: 3600 }, signal)
      transactions += result.transactions
      runs += 1
      await pause(50, undefined, { signal }).catch(() => undefined)
    }
    return { transactions, runs }
  }

  #run(
    parameters: readonly string[],
    signal?: AbortSignal,
  ): Promise<{ exitCode: number | null; output: string }> {
    const { host, port, database, user, password } = this.#target
    const child = spawn(
      this.#program,
      ['-h', host, '-p', String(port), '-U', user, ...parameters, database],
      {
        env: { ...toolEnvironment(), PGPASSWORD: password, PGCONNECT_TIMEOUT: '2' },
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    )
    // The second signal that pgbench knows: it stops in the middle and prints nothing, so nothing of this
    // run counts, which is the careful side.
    const stop = (): void => void child.kill('SIGTERM')
    signal?.addEventListener('abort', stop, { once: true })
    const forget = interrupts.undoLater(async () => stop())
    return collect(child).finally(() => {
      forget()
      signal?.removeEventListener('abort', stop)
    })
  }
}

function collect(child: ChildProcess): Promise<{ exitCode: number | null; output: string }> {
  let output = ''
  const keep = (chunk: Buffer): void => {
    output += chunk.toString()
  }
  child.stdout?.on('data', keep)
  child.stderr?.on('data', keep)
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (exitCode) => {
      resolve({ exitCode, output })
    })
  })
}

/** The figures in pgbench's report (14 and newer). */
export function parsePgbench(output: string): Omit<PgbenchResult, 'exitCode'> {
  const processed = /^number of transactions actually processed: (\d+)/m.exec(output)
  const tps = /^tps = ([\d.]+) \(without initial connection time\)/m.exec(output)
  return {
    transactions: Number(processed?.[1] ?? 0),
    tps: tps?.[1] === undefined ? null : Number(tps[1]),
  }
}

/**
 * What every history of TPC-B-like transactions has in common: the four sums agree.
 * @returns sentences about what does not hold, and how many transactions there are
 */
export async function checkPgbenchTables(
  target: Target,
): Promise<{ readonly transactions: number; readonly problems: readonly string[] }> {
  return withClient(target, async (client) => {
    const { rows } = await client.query<Record<'a' | 'b' | 't' | 'h' | 'n', string>>(
      `select (select sum(abalance) from pgbench_accounts)::text as a,
              (select sum(bbalance) from pgbench_branches)::text as b,
              (select sum(tbalance) from pgbench_tellers)::text as t,
              (select coalesce(sum(delta), 0) from pgbench_history)::text as h,
              (select count(*) from pgbench_history)::text as n`,
    )
    const [row] = rows
    if (row === undefined) throw new Error('no answer about the tables of pgbench')
    const { a, b, t, h, n } = row
    const isEven = a === b && b === t && t === h
    const sums = `accounts ${a}, branches ${b}, tellers ${t}, history ${h}`
    return {
      transactions: Number(n),
      problems: isEven ? [] : [`the sums of pgbench disagree: ${sums}`],
    }
  })
}
