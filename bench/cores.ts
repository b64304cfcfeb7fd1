// Processor cores for one part of a cluster, as if it ran on hosts of its own.

import { execFile } from 'node:child_process'
import { cpus } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { listProcesses } from '../src/host/process-info.ts'

/**
 * Leaves the last core to the programs called `program` of the cluster in `home`; every other process of it,
 * this one and what they start from now on share the rest.
 * @throws Error on a machine with one core
 */
export async function giveCore(home: string, program: string): Promise<void> {
  const last = cpus().length - 1
  if (last < 1) throw new Error('a core for the balancer alone needs a machine with two cores')
  const others = last === 1 ? '0' : `0-${String(last - 1)}`
  const own = listProcesses().filter((one) => {
    const directory = one.workingDirectory ?? ''
    return directory === home || directory.startsWith(home + path.sep)
  })
  for (const { pid, name } of own) await pin(pid, name === program ? String(last) : others)
  await pin(process.pid, others)
}

async function pin(pid: number, cores: string): Promise<void> {
  const words = ['--all-tasks', '--cpu-list', '--pid', cores, String(pid)]
  await promisify(execFile)('taskset', words).catch((error: unknown) => {
    // It may have ended meanwhile.
    if (listProcesses().some((one) => one.pid === pid)) throw error
  })
}
