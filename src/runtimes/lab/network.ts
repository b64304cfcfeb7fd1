// Makes and removes the network of a lab: a switch in a namespace of its own, one namespace per host, a
// cable between them. The network and the firewall of the machine itself are not touched.

import { statfsSync } from 'node:fs'
import { readdir, statfs } from 'node:fs/promises'
import path from 'node:path'
import { isMissing } from '../../host/files.ts'
import { PgherdError } from '../../lib/errors.ts'
import { runProgram } from './command.ts'
import { hostInterface, switchNamespaceOf } from './hosts.ts'
import type { LabHost, LabNetwork } from './hosts.ts'
import { planNetwork } from './network-state.ts'
import type { CardState, NetworkState } from './network-state.ts'

/** Where `ip netns` keeps the names. */
const namespaceFolder = '/run/netns'
/** NSFS_MAGIC of the kernel: a name that leads to a namespace, and no leftover file. */
const namespaceFileSystem = 0x6e736673

/** Words before a program that let it run on that host. */
export function enterWords(host: LabHost): readonly string[] {
  return ['nsenter', `--net=${path.join(namespaceFolder, host.namespace)}`, '--']
}

/**
 * The same, for a program of a person, who is told why it cannot be let in.
 * @throws PgherdError PGHERD_LAB_ROOT, PGHERD_LAB_DOWN
 */
export function enter(network: LabNetwork, host: LabHost): readonly string[] {
  assertRoot()
  if (!canEnter(host)) throw downError(network)
  return enterWords(host)
}

/** Whether the namespace of a host is there, and not only its name. */
function canEnter(host: LabHost): boolean {
  try {
    const { type } = statfsSync(path.join(namespaceFolder, host.namespace))
    return type === namespaceFileSystem
  } catch (error) {
    if (isMissing(error)) return false
    throw error
  }
}

/** Whether there is a network at all, if only a part of it. */
export async function hasNetwork(network: LabNetwork): Promise<boolean> {
  return (await namespacesOf(network.prefix)).includes(network.switchNamespace)
}

/**
 * Makes what is missing of the network. What is there already stays, with all that runs in it.
 * @returns whether anything was missing
 * @throws PgherdError PGHERD_LAB_ROOT, PGHERD_LAB_RIGHTS, PGHERD_LAB_PROGRAM, PGHERD_LAB_FAILED
 */
export async function ensureNetwork(network: LabNetwork): Promise<boolean> {
  assertRoot()
  const { prefix } = network
  // Cables without a switch lead nowhere, and hosts without their cable are of no use.
  if (await hasNetwork(network)) await removeStumps(prefix)
  else await removeNetwork(prefix)
  const batches = planNetwork(network, await observeNetwork(prefix))
  for (const { namespace, commands } of batches) {
    const where = namespace === null ? [] : ['-n', namespace]
    await runProgram('ip', [...where, '-batch', '-'], lines(commands))
  }
  return batches.length > 0
}

/** What there is of a lab's network. */
export async function observeNetwork(prefix: string): Promise<NetworkState> {
  const names = await namespacesOf(prefix)
  return new Map(
    await Promise.all(names.map(async (name) => [name, await observeCards(name)] as const)),
  )
}

/**
 * Removes every namespace of the lab with its interfaces. Programs that still run in one keep it, without
 * a name and without a cable, until they end.
 * @returns how many there were
 */
export async function removeNetwork(prefix: string): Promise<number> {
  const names = await namesOf(prefix)
  // The switch first: without it a network counts as gone, also when this is killed in the middle.
  const isSwitch = (name: string) => name === switchNamespaceOf(prefix)
  await removeNames([...names.filter(isSwitch), ...names.filter((name) => !isSwitch(name))])
  return names.length
}

/** Process ids of everything that runs on a host, whoever started it. */
export async function processesOn(host: LabHost): Promise<readonly number[]> {
  const output = await runProgram('ip', ['netns', 'pids', host.namespace])
  return output.split('\n').filter(Boolean).map(Number)
}

/** Pulls the cable out at the switch, or puts it back. */
export async function setCable(
  network: LabNetwork,
  host: LabHost,
  state: 'up' | 'down',
): Promise<void> {
  await runProgram('ip', ['-n', network.switchNamespace, 'link', 'set', host.port, state])
}

/** Whether the cable is plugged in. */
export async function hasCable(network: LabNetwork, host: LabHost): Promise<boolean> {
  const words = ['-n', network.switchNamespace, '-json', 'link', 'show', host.port]
  const [link] = JSON.parse(await runProgram('ip', words)) as readonly { flags: string[] }[]
  return link?.flags.includes('UP') ?? false
}

/** As after a power cut: only the address from the host's own configuration is left. */
export async function forgetAddresses(network: LabNetwork, host: LabHost): Promise<void> {
  const own = `${host.address}/${String(network.prefixLength)}`
  await runProgram(
    'ip',
    ['-n', host.namespace, '-batch', '-'],
    lines([`addr flush dev ${hostInterface}`, `addr add ${own} dev ${hostInterface}`]),
  )
}

async function observeCards(namespace: string): Promise<readonly CardState[]> {
  const output = await runProgram('ip', ['-n', namespace, '-json', 'address', 'show'])
  const cards = JSON.parse(output) as readonly {
    readonly ifname: string
    readonly flags: readonly string[]
    readonly master?: string
    readonly addr_info: readonly { readonly local: string; readonly scope: string }[]
  }[]
  return cards.map(({ ifname, flags, master: bridge, addr_info: addresses }) => ({
    name: ifname,
    isUp: flags.includes('UP'),
    bridge: bridge ?? null,
    addresses: addresses.filter(({ scope }) => scope === 'global').map(({ local }) => local),
  }))
}

/** Names of this lab's namespaces that are there. */
async function namespacesOf(prefix: string): Promise<readonly string[]> {
  const names = await namesOf(prefix)
  const areThere = await Promise.all(names.map(isNamespace))
  return names.filter((_name, index) => areThere[index] === true)
}

/** Names that a killed command, or a restart of the machine, has left without a namespace. */
async function removeStumps(prefix: string): Promise<void> {
  const namespaces = await namespacesOf(prefix)
  await removeNames((await namesOf(prefix)).filter((name) => !namespaces.includes(name)))
}

async function removeNames(names: readonly string[]): Promise<void> {
  if (names.length === 0) return
  await runProgram('ip', ['-batch', '-'], lines(names.map((name) => `netns del ${name}`)))
}

async function namesOf(prefix: string): Promise<readonly string[]> {
  try {
    const names = await readdir(namespaceFolder)
    return names.filter((name) => name.startsWith(prefix))
  } catch (error) {
    if (isMissing(error)) return []
    throw error
  }
}

async function isNamespace(name: string): Promise<boolean> {
  try {
    return (await statfs(path.join(namespaceFolder, name))).type === namespaceFileSystem
  } catch (error) {
    if (isMissing(error)) return false
    throw error
  }
}

/** @throws PgherdError PGHERD_LAB_DOWN */
export async function assertNetwork(network: LabNetwork): Promise<void> {
  if (!(await hasNetwork(network))) throw downError(network)
}

/** The network is gone, which is no damage. */
function downError({ cluster }: LabNetwork): PgherdError {
  return new PgherdError({
    code: 'PGHERD_LAB_DOWN',
    reason: 'system',
    message: `the lab of cluster ${cluster} is down`,
    because: 'its network is not there, as after `pgherd down`',
    hint: `make it again, with the data that is there: pgherd up --cluster ${cluster}`,
  })
}

/** @throws PgherdError PGHERD_LAB_ROOT */
export function assertRoot(): void {
  if (process.getuid?.() === 0) return
  throw new PgherdError({
    code: 'PGHERD_LAB_ROOT',
    reason: 'system',
    message: 'a lab can only be made, changed and entered by root',
    because: 'its hosts are network namespaces',
    hint: 'run the command with sudo, or leave --runtime out: the local runtime needs no root',
  })
}

function lines(commands: readonly string[]): string {
  return `${commands.join('\n')}\n`
}
