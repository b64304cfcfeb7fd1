// The machine a figure was taken on, without which it says nothing.

import { execFile } from 'node:child_process'
import { mkdtemp, open, rm } from 'node:fs/promises'
import { cpus, loadavg, release, tmpdir, totalmem } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { findPrograms } from './plain-server.ts'
import { median } from './statistics.ts'

export type Machine = {
  readonly processor: string
  readonly cores: number
  readonly memoryGib: number
  readonly kernel: string
  readonly versions: Readonly<Record<'node' | 'postgres' | 'etcd' | 'haproxy', string>>
  /** Median of 50 synchronous 8 KiB writes in the folder for temporary files. */
  readonly fsyncMs: number
  readonly commit: string
  /** Over the last minute, before the run. */
  readonly loadAverage: number
}

/** Load average of the last minute. */
export function loadAverage(): number {
  return loadavg()[0] ?? 0
}

export async function describeMachine(): Promise<Machine> {
  const { directory } = await findPrograms()
  const [postgres, etcd, haproxy, commit, fsyncMs] = await Promise.all([
    firstLine(path.join(directory, 'postgres'), '--version'),
    firstLine('etcd', '--version'),
    firstLine('haproxy', '-v'),
    firstLine('git', 'rev-parse', '--short', 'HEAD'),
    measureFsync(),
  ])
  return {
    processor: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    memoryGib: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
    versions: { node: process.version, postgres, etcd, haproxy },
    fsyncMs,
    commit,
    loadAverage: loadAverage(),
  }
}

export function renderMachine(machine: Machine): string {
  const { versions } = machine
  return (
    `${machine.cores} × ${machine.processor}, ${machine.memoryGib} GiB, kernel ${machine.kernel}, ` +
    `fsync ${machine.fsyncMs.toFixed(2)} ms, load ${machine.loadAverage.toFixed(2)}; ` +
    `${versions.postgres}, ${versions.etcd}, ${versions.haproxy}, Node ${versions.node}; ` +
    `pgherd at ${machine.commit}`
  )
}

async function firstLine(program: string, ...parameters: string[]): Promise<string> {
  try {
    const { stdout } = await promisify(execFile)(program, parameters, { timeout: 10_000 })
    return stdout.split('\n', 1)[0]?.trim() ?? ''
  } catch {
    return `${path.basename(program)}: unknown`
  }
}

async function measureFsync(): Promise<number> {
  const folder = await mkdtemp(path.join(tmpdir(), 'pgherd-fsync-'))
  const file = await open(path.join(folder, 'probe'), 'w')
  const times: number[] = []
  try {
    const page = Buffer.alloc(8192, 1)
    for (let round = 0; round < 50; round++) {
      const startedAtMs = performance.now()
      await file.write(page, 0, page.length, 0)
      await file.datasync()
      times.push(performance.now() - startedAtMs)
    }
  } finally {
    await file.close()
    await rm(folder, { recursive: true })
  }
  return median(times)
}
