// What is wrong with the cables of a lab is kept in one small file, so that it can be shown, and the rules
// of the switch follow from it as a whole. One command at a time changes the two.

import { rm } from 'node:fs/promises'
import path from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { readFileIfPresent, writeFileAtomic } from '../../host/files.ts'
import { lockCluster } from '../local/command-lock.ts'
import { runProgram } from './command.ts'
import { applyDelays } from './delays.ts'
import { noFaults, renderSwitchRules } from './faults.ts'
import type { LabFaults } from './faults.ts'
import type { LabNetwork } from './hosts.ts'
import { assertNetwork, assertRoot, ensureNetwork, hasNetwork } from './network.ts'

/** Others need a moment; `up` on a busy machine some seconds. */
const lockWaitMs = 10_000

/**
 * Changes what is wrong with the cables.
 * @param stateFolder where the file lies
 * @param change from what there was to what is wanted
 * @returns false when it was so already; the rules are then brought in line all the same
 * @throws PgherdError PGHERD_LAB_DOWN, PGHERD_LAB_NO_DELAY, PGHERD_LAB_FAILED, PGHERD_BUSY
 */
export async function changeFaults(
  network: LabNetwork,
  stateFolder: string,
  change: (faults: LabFaults) => LabFaults,
): Promise<boolean> {
  assertRoot()
  return underLock(stateFolder, async () => {
    await assertNetwork(network)
    const before = await readFaults(stateFolder)
    const after = change(before)
    const isChanged = !isDeepStrictEqual(before, after)
    // The file first: what is in force and not in the file, nobody would see or end.
    if (isChanged) await writeFaults(stateFolder, after)
    try {
      await applyFaults(network, after)
    } catch (error) {
      await takeBack(network, stateFolder, before)
      throw error
    }
    return isChanged
  })
}

/** What is wrong with the cables, as the last command wanted it. */
export async function readFaults(stateFolder: string): Promise<LabFaults> {
  const text = await readFileIfPresent(fileIn(stateFolder))
  return text === null ? noFaults : { ...noFaults, ...(JSON.parse(text) as LabFaults) }
}

/**
 * Makes what is missing of the network, with the faults that it had. One that is made anew has none.
 * @returns whether anything was missing
 * @throws PgherdError as ensureNetwork, PGHERD_BUSY
 */
export async function connectHosts(network: LabNetwork, stateFolder: string): Promise<boolean> {
  assertRoot()
  return underLock(stateFolder, async () => {
    // Before the network, because this may be killed in between.
    if (!(await hasNetwork(network))) await rm(fileIn(stateFolder), { force: true })
    const isChanged = await ensureNetwork(network)
    await applyFaults(network, await readFaults(stateFolder))
    return isChanged
  })
}

async function takeBack(
  network: LabNetwork,
  stateFolder: string,
  before: LabFaults,
): Promise<void> {
  await writeFaults(stateFolder, before)
  try {
    await applyFaults(network, before)
  } catch {
    // Why the change failed is the better story; `heal` and `up` render the rules again.
  }
}

async function applyFaults(network: LabNetwork, faults: LabFaults): Promise<void> {
  const enter = ['netns', 'exec', network.switchNamespace, 'nft', '-f', '-']
  await runProgram('ip', enter, renderSwitchRules(network, faults))
  await applyDelays(network, faults.delayMs)
}

async function underLock<T>(stateFolder: string, work: () => Promise<T>): Promise<T> {
  const lock = await lockCluster(fileIn(stateFolder), 'lab', lockWaitMs)
  try {
    return await work()
  } finally {
    await lock.release()
  }
}

async function writeFaults(stateFolder: string, faults: LabFaults): Promise<void> {
  await writeFileAtomic(fileIn(stateFolder), `${JSON.stringify(faults)}\n`, { mode: 0o644 })
}

function fileIn(stateFolder: string): string {
  return path.join(stateFolder, 'faults.json')
}
