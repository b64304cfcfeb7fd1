// Small files between commands and the supervisor: what is wanted of each node, and which process its
// agent is. They are read by everybody and survive everything.

import { isMissing, readFileIfPresent, writeFileAtomic } from '../../host/files.ts'
import type { FileOwner } from '../../host/files.ts'

export type Wanted = {
  readonly state: 'running' | 'stopped'
  /** Grows with each command: after a new one a failed agent is tried again. */
  readonly generation: number
}

/** The agent of a node as the supervisor last knew it. */
export type AgentRecord = {
  readonly pid: number
  readonly startTicks: number
  /** Generation of the wish that it was started for. */
  readonly generation: number
  readonly restartCount: number
  /** `failed`: it ended in a way that would only repeat itself; it is not started again. */
  readonly state: 'started' | 'ended' | 'failed'
  /** Its last words when it ended. */
  readonly detail: string | null
}

export type SupervisorRecord = { readonly pid: number; readonly startTicks: number }

const never: Wanted = { state: 'stopped', generation: 0 }

export async function readWanted(file: string): Promise<Wanted> {
  return (await readJson<Wanted>(file)) ?? never
}

/** Records what a command wants. @returns the wish with its new generation */
export async function writeWanted(
  file: string,
  state: Wanted['state'],
  owner: FileOwner | null,
): Promise<Wanted> {
  const { generation } = await readWanted(file)
  const wanted: Wanted = { state, generation: generation + 1 }
  await writeJson(file, wanted, owner)
  return wanted
}

export async function readAgentRecord(file: string): Promise<AgentRecord | null> {
  return readJson<AgentRecord>(file)
}

export async function readSupervisorRecord(file: string): Promise<SupervisorRecord | null> {
  return readJson<SupervisorRecord>(file)
}

export async function writeJson(
  file: string,
  value: AgentRecord | SupervisorRecord | Wanted,
  owner: FileOwner | null,
): Promise<void> {
  await writeFileAtomic(file, `${JSON.stringify(value)}\n`, { mode: 0o644, owner })
}

/** Null when there is no such file, or it holds nothing that we wrote. */
async function readJson<T>(file: string): Promise<T | null> {
  try {
    const text = await readFileIfPresent(file)
    return text === null ? null : (JSON.parse(text) as T)
  } catch (error) {
    if (error instanceof SyntaxError || isMissing(error)) return null
    throw error
  }
}
