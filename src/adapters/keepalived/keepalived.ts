// Keeps one Keepalived running with the rendered configuration, and this host without the shared address
// while none runs. Keepalived itself starts its VRRP process again when that dies, and ends it when the
// other one dies; both give the address up. What is left to us is that both are gone.

import { rm } from 'node:fs/promises'
import { keepRunning } from '../../host/keep-running.ts'
import type { KeptProgram } from '../../host/keep-running.ts'
import { endLasting, findLasting } from '../../host/lasting-process.ts'
import { isProcessFrozen, signalProcess } from '../../host/process-table.ts'
import { assert } from '../../lib/assert.ts'
import { messageOf } from '../../lib/errors.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Journal } from '../../ports/journal.ts'
import type { Vip, VipState } from '../../ports/vip.ts'
import { isAddressHere, removeVip } from './addresses.ts'
import { ensureRunning, processesOf, writeFitness } from './process.ts'
import type { KeepalivedOptions } from './process.ts'
import { firstComplaint } from './program.ts'

/** Another host takes the address after three missing adverts of at least 100 ms; this must be sooner. */
const lookPeriodMs = 100
const looksPerReminder = 10
/** How often a configuration that was not taken is tried again. */
const looksPerRetry = 100
/** Keepalived that ends at once does so within this time. */
const settleMs = 300
const stopGraceMs = 2000
/** Looks in a row that find it frozen, before it is ended: others take the address after three adverts. */
const frozenLooksMax = 2

/** The shared address of one balancer. @throws AssertionError when the layout has none */
export function createKeepalived(clock: Clock, journal: Journal, options: KeepalivedOptions): Vip {
  const { vip } = options.layout
  assert(vip !== null, 'Keepalived needs an address to share')
  const stopping = new AbortController()
  const listeners: (() => void)[] = []
  let state: VipState = { kind: 'starting', detail: 'Keepalived is being started' }
  let keeping: Promise<void> | null = null
  let isFit: boolean | null = null

  let writing = Promise.resolve()

  /** One after the other, so that an older wish never follows a newer one. */
  const tellFitness = (): Promise<void> => {
    writing = writing.catch(() => undefined).then(() => writeFitness(options, isFit ?? false))
    return writing
  }

  const change = (next: VipState): void => {
    const isSame = JSON.stringify(next) === JSON.stringify(state)
    state = next
    if (!isSame) for (const listener of listeners) listener()
  }

  let outdated: string | null = null
  const noteOutdated = (why: string | null): void => {
    if (why !== null && why !== outdated) {
      journal.log('error', `Keepalived keeps its former configuration: ${why}`)
    }
    outdated = why
  }

  let frozenLooks = 0
  /** One that is frozen keeps the address here while another host takes it. */
  const endFrozen = async (): Promise<void> => {
    const pids = await processesOf(options)
    frozenLooks = pids.some(isProcessFrozen) ? frozenLooks + 1 : 0
    if (frozenLooks < frozenLooksMax) return
    frozenLooks = 0
    journal.log('warn', 'Keepalived was stopped by a signal (SIGSTOP): it is killed.')
    for (const pid of pids) signalProcess(pid, 'SIGKILL')
  }

  /** An address that nobody looks after must not stay. */
  const release = async (): Promise<void> => {
    if ((await findLasting(options)) !== null) return
    try {
      if (await removeVip(vip))
        journal.log('info', `Removed ${vip.address}, which was left behind.`)
    } catch (error) {
      journal.log('error', `${vip.address} could not be removed: ${messageOf(error)}`)
    }
  }

  const program: KeptProgram = {
    name: 'Keepalived',
    logFile: options.logFile,
    lookPeriodMs,
    begin: async (signal) => {
      const running = await ensureRunning(options, vip, isFit, release)
      const { ended } = running.process
      await clock.sleep(settleMs, AbortSignal.any([signal, ended]))
      if (ended.aborted) throw new Error(`it ended at once (${String(ended.reason)})`)
      noteOutdated(running.outdated)
      return running.process
    },
    onLook: async (count) => {
      change({ kind: 'running', isHere: isAddressHere(vip.address), outdated })
      // A change between its first reading of the file and its watching it has escaped Keepalived.
      if (count % looksPerReminder === 0) await tellFitness()
      await endFrozen()
      if (outdated !== null && count % looksPerRetry === looksPerRetry - 1) {
        noteOutdated((await ensureRunning(options, vip, isFit, release)).outdated)
      }
      return null
    },
    onEnd: release,
    onNotRunning: change,
    complaintIn,
  }

  return {
    start: () => void (keeping ??= keepRunning(program, clock, journal, stopping.signal)),
    state: () => state,
    onChange: (listener) => void listeners.push(listener),
    setFit: async (next) => {
      if (isFit === next) return
      const before = isFit
      isFit = next
      try {
        await tellFitness()
      } catch (error) {
        isFit = before
        throw error
      }
    },
    stop: async () => {
      stopping.abort()
      await keeping
      const pid = await findLasting(options)
      if (pid !== null) await endLasting(pid, stopGraceMs)
      if (keeping !== null) await release()
      await rm(options.pidFile, { force: true })
    },
  }
}

/** What Keepalived complained about; most of what it logs is none. */
function complaintIn(log: string): string | null {
  const complaint = firstComplaint(log)
  return complaint !== null && /Line \d+|daemon is already/.test(complaint) ? complaint : null
}
