// The Keepalived of one balancer as a process: its files, how it is started, found again and given another
// configuration.

import { rm } from 'node:fs/promises'
import type { ClusterLayout, VipLayout } from '../../core/cluster-layout.ts'
import type { NodeName } from '../../core/names.ts'
import { ensureDirectory, writeFileAtomic } from '../../host/files.ts'
import {
  adoptLasting,
  findLasting,
  findRecorded,
  recordLasting,
  startLasting,
} from '../../host/lasting-process.ts'
import type { LastingFiles, LastingProcess } from '../../host/lasting-process.ts'
import { signalProcess } from '../../host/process-table.ts'
import { describeError } from '../../lib/errors.ts'
import { describeInterfaces, interfaceOf, observeAddresses } from './addresses.ts'
import { renderCheckScript } from './check-script.ts'
import { foreignOwnerOf } from './foreign-owner.ts'
import { validateConfig } from './program.ts'
import { renderConfig } from './render.ts'
import { isTold, telling } from './told-config.ts'

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

/** `outdated`: why it runs with an older configuration; null when it has the present one. */
export type RunningKeepalived = {
  readonly process: LastingProcess
  readonly outdated: string | null
}

/**
 * Takes over the running process, lets it read a changed configuration, or starts one.
 * @param release takes an address away that was left behind
 * @throws Error that says why none runs
 */
export async function ensureRunning(
  options: KeepalivedOptions,
  vip: VipLayout,
  isFit: boolean | null,
  release: () => Promise<void>,
): Promise<RunningKeepalived> {
  assertRoot()
  await ensureDirectory(options.directory, 0o755)
  const script = renderCheckScript(options.layout.balancerPorts?.health ?? 0)
  await writeFileAtomic(options.scriptFile, script, { mode: 0o755 })
  const settings = await settingsOf(options, vip)
  const config = renderConfig(options.layout, settings)
  const pid = await findLasting(options)
  if (pid !== null) {
    return { process: adoptLasting(pid), outdated: await changeConfig(options, pid, config) }
  }
  await release()
  await assertUnclaimed(vip, settings)
  await writeFitness(options, isFit ?? false)
  const process = await telling(noteFile(options), config, async () => {
    await replaceConfig(options, config)
    return start(options)
  })
  return { process, outdated: null }
}

const noteFile = ({ configFile }: KeepalivedOptions): string => `${configFile}.taken`

async function start(options: KeepalivedOptions): Promise<LastingProcess> {
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

/** @returns why the process keeps its former configuration; null when it has the present one */
async function changeConfig(
  options: KeepalivedOptions,
  pid: number,
  config: string,
): Promise<string | null> {
  if (await isTold(noteFile(options), config)) return null
  try {
    await telling(noteFile(options), config, async () => {
      await replaceConfig(options, config)
      signalProcess(pid, 'SIGHUP')
    })
    return null
  } catch (error) {
    return describeError(error)
  }
}

/** The parent and the process that speaks VRRP. */
export async function processesOf(options: KeepalivedOptions): Promise<readonly number[]> {
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

/** Tells Keepalived whether this host may have the address. */
export async function writeFitness(options: KeepalivedOptions, isFit: boolean): Promise<void> {
  await ensureDirectory(options.directory, 0o755)
  // Replaced as a whole: an empty file would count as fit.
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
