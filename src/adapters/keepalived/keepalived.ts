// Keeps one Keepalived running with the rendered configuration, and this host without the shared address
// while none runs. Keepalived itself starts its VRRP process again when that dies, and ends it when the
// other one dies; both give the address up. What is left to us is that both are gone.

import { rm } from 'node:fs/promises'
import type { ClusterLayout, VipLayout } from '../../core/cluster-layout.ts'
import type { NodeName } from '../../core/names.ts'
import { ensureDirectory, readFileIfPresent, writeFileAtomic } from '../../host/files.ts'
import { keepRunning } from '../../host/keep-running.ts'
import type { KeptProgram } from '../../host/keep-running.ts'
import {
  adoptLasting,
  endLasting,
  findLasting,
  findRecorded,
  recordLasting,
  startLasting,
} from '../../host/lasting-process.ts'
import type { LastingFiles, LastingProcess } from '../../host/lasting-process.ts'
import { isProcessFrozen, signalProcess } from '../../host/process-table.ts'
import { assert } from '../../lib/assert.ts'
import { messageOf } from '../../lib/errors.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Journal } from '../../ports/journal.ts'
import type { Vip, VipState } from '../../ports/vip.ts'
import {
  describeInterfaces,
  interfaceOf,
  isAddressHere,
  observeAddresses,
  removeVip,
} from './addresses.ts'
import { foreignOwnerOf } from './foreign-owner.ts'
import { renderCheckScript } from './check-script.ts'
import { firstComplaint, validateConfig } from './program.ts'
import { renderConfig } from './render.ts'

export type KeepalivedOptions = LastingFiles & {
  /** Name or path of the program. */
  readonly binary: string
  readonly layout: ClusterLayout
  readonly node: NodeName
  readonly scriptFile: string
  readonly trackFile: string
  /** Keepalived's own, which it refuses to start with when they name a process. */
  readonly ownPidFile: string
  readonly vrrpPidFile: string
}

/** Another host takes the address after three missing adverts of at least 100 ms; this must be sooner. */
const lookPeriodMs = 100
const looksPerReminder = 10
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
      await clock.sleep(settleMs, AbortSignal.any([signal, running.ended]))
      if (!running.ended.aborted) return running
      throw new Error(`it ended at once (${String(running.ended.reason)})`)
    },
    onLook: async (count) => {
      change({ kind: 'running', isHere: isAddressHere(vip.address) })
      // A change between its first reading of the file and its watching it has escaped Keepalived.
      if (count % looksPerReminder === 0) await tellFitness()
      await endFrozen()
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

/** Takes over the running process, lets it read a changed configuration, or starts one. */
async function ensureRunning(
  options: KeepalivedOptions,
  vip: VipLayout,
  isFit: boolean | null,
  release: () => Promise<void>,
): Promise<LastingProcess> {
  assertRoot()
  await ensureDirectory(options.directory, 0o755)
  const script = renderCheckScript(options.layout.balancerPorts?.health ?? 0)
  await writeFileAtomic(options.scriptFile, script, { mode: 0o755 })
  const settings = await settingsOf(options, vip)
  const config = renderConfig(options.layout, settings)
  const pid = await findLasting(options)
  const isCurrent = (await readFileIfPresent(options.configFile)) === config
  if (pid === null) {
    await release()
    await assertUnclaimed(vip, settings)
    await writeFitness(options, isFit ?? false)
  }
  if (!isCurrent) await replaceConfig(options, config)
  if (pid !== null) {
    if (!isCurrent) signalProcess(pid, 'SIGHUP')
    return adoptLasting(pid)
  }
  const { ownPidFile, vrrpPidFile, configFile } = options
  for (const file of [ownPidFile, vrrpPidFile]) await rm(file, { force: true })
  const parameters = [
    ...['--dont-fork', '--log-console', '--no-syslog', '--vrrp', '--use-file', configFile],
    ...['--pid', ownPidFile, '--vrrp_pid', vrrpPidFile],
  ]
  const running = startLasting(options.binary, parameters, options)
  await recordLasting(options, running.pid)
  return running
}

/** The parent and the process that speaks VRRP. */
async function processesOf(options: KeepalivedOptions): Promise<readonly number[]> {
  const { configFile, pidFile, vrrpPidFile } = options
  const found = [pidFile, vrrpPidFile].map((each) => findRecorded({ pidFile: each, configFile }))
  return (await Promise.all(found)).filter((pid) => pid !== null)
}

async function replaceConfig(options: KeepalivedOptions, config: string): Promise<void> {
  const draft = `${options.configFile}.draft`
  await writeFileAtomic(draft, config, { mode: 0o640 })
  try {
    await validateConfig(options.binary, draft)
    await writeFileAtomic(options.configFile, config, { mode: 0o640 })
  } finally {
    await rm(draft, { force: true })
  }
}

/** Replaced as a whole: an empty file would count as fit. */
async function writeFitness(options: KeepalivedOptions, isFit: boolean): Promise<void> {
  await ensureDirectory(options.directory, 0o755)
  await writeFileAtomic(options.trackFile, isFit ? '0\n' : '1\n', { mode: 0o644, isSynced: false })
}

async function settingsOf(
  options: KeepalivedOptions,
  vip: VipLayout,
): Promise<Parameters<typeof renderConfig>[1]> {
  const { layout, node, scriptFile, trackFile } = options
  const { addresses, networkInterface } = await observeAddresses(layout, vip, node)
  if (networkInterface === null) {
    throw new Error(
      `no network interface has ${String(addresses.get(node))}, the address of ${node} (there are: ${describeInterfaces()}); ` +
        'set balancer.interface',
    )
  }
  return { node, addresses, networkInterface, scriptFile, trackFile }
}

/** @throws Error when a machine that is no balancer of this cluster answers for the address */
async function assertUnclaimed(
  vip: VipLayout,
  { node, addresses }: Parameters<typeof renderConfig>[1],
): Promise<void> {
  // On an interface of its own the others show another link-layer address than at their own address.
  const ownInterface = interfaceOf(addresses.get(node) ?? '')
  const named = Object.values(vip.interfaces).filter((name) => name !== null)
  if (named.some((name) => name !== ownInterface)) return
  const partners = [...addresses].filter(([name]) => name !== node).map(([, each]) => each)
  const owner = await foreignOwnerOf(vip.address, partners)
  if (owner === null) return
  throw new Error(
    `${vip.address} is in use already: ${owner} answers for it and is no balancer of this cluster; ` +
      'take it away there, or set another balancer.vip',
  )
}

function assertRoot(): void {
  if (process.getuid?.() === 0) return
  throw new Error('only root may give a host another address: run the agent of a balancer as root')
}

/** What Keepalived complained about; most of what it logs is none. */
function complaintIn(log: string): string | null {
  const complaint = firstComplaint(log)
  return complaint !== null && /Line \d+|daemon is already/.test(complaint) ? complaint : null
}
