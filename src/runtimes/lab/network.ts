// Makes and removes the network of a lab: a switch in a namespace of its own, one namespace per host, a
// cable between them. The network and the firewall of the machine itself are not touched.

import { readdir } from 'node:fs/promises'
import path from 'node:path'
import { isMissing } from '../../host/files.ts'
import { PgherdError } from '../../lib/errors.ts'
import { runProgram } from './command.ts'
import { hostInterface } from './hosts.ts'
import type { LabHost, LabNetwork } from './hosts.ts'

/** Where `ip netns` keeps the names. */
const namespaceFolder = '/run/netns'
const bridge = 'switch'

/** Words before a program that let it run on that host. */
export function enterWords(host: LabHost): readonly string[] {
  return ['nsenter', `--net=${path.join(namespaceFolder, host.namespace)}`, '--']
}

/**
 * Makes what is missing of the network. A namespace that is there already stays, with all that runs in it.
 * @returns whether anything was missing
 * @throws PgherdError PGHERD_LAB_ROOT, PGHERD_LAB_RIGHTS, PGHERD_LAB_PROGRAM, PGHERD_LAB_FAILED
 */
export async function ensureNetwork(network: LabNetwork): Promise<boolean> {
  assertRoot()
  const present = await namespacesOf(network.prefix)
  if (!present.includes(network.switchNamespace)) {
    // Cables without a switch lead nowhere, and hosts without their cable are of no use.
    await removeNetwork(network.prefix)
    await makeSwitch(network.switchNamespace)
    for (const host of network.hosts) await makeHost(network, host)
    return true
  }
  const lacking = network.hosts.filter((host) => !present.includes(host.namespace))
  for (const host of lacking) await makeHost(network, host)
  return lacking.length > 0
}

/**
 * Removes every namespace of the lab with its interfaces. Programs that still run in one keep it, without
 * a name and without a cable, until they end.
 * @returns how many there were
 */
export async function removeNetwork(prefix: string): Promise<number> {
  const present = await namespacesOf(prefix)
  if (present.length === 0) return 0
  await runProgram('ip', ['-batch', '-'], lines(present.map((name) => `netns del ${name}`)))
  return present.length
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

/** Addresses that a host has on its card at this moment, without their prefix lengths. */
export async function addressesOf(host: LabHost): Promise<readonly string[]> {
  const words = ['-n', host.namespace, '-json', 'address', 'show', hostInterface]
  const [card] = JSON.parse(await runProgram('ip', words)) as readonly {
    addr_info: readonly { local: string; scope: string }[]
  }[]
  return (card?.addr_info ?? []).filter(({ scope }) => scope === 'global').map(({ local }) => local)
}

async function makeSwitch(namespace: string): Promise<void> {
  await runProgram('ip', ['netns', 'add', namespace])
  await runProgram(
    'ip',
    ['-n', namespace, '-batch', '-'],
    // Without spanning tree and snooping: a cable works at once, and everybody hears multicast.
    lines([
      `link add ${bridge} type bridge stp_state 0 forward_delay 0 mcast_snooping 0`,
      `link set ${bridge} up`,
      'link set lo up',
    ]),
  )
}

async function makeHost(network: LabNetwork, host: LabHost): Promise<void> {
  await runProgram('ip', ['netns', 'add', host.namespace])
  await runProgram(
    'ip',
    ['-n', network.switchNamespace, '-batch', '-'],
    lines([
      `link add ${host.port} type veth peer name ${hostInterface} netns ${host.namespace}`,
      `link set ${host.port} master ${bridge} up`,
    ]),
  )
  await runProgram(
    'ip',
    ['-n', host.namespace, '-batch', '-'],
    lines([
      `addr add ${host.address}/${String(network.prefixLength)} dev ${hostInterface}`,
      `link set ${hostInterface} up`,
      'link set lo up',
    ]),
  )
}

/** Names of this lab's namespaces. */
async function namespacesOf(prefix: string): Promise<readonly string[]> {
  try {
    const names = await readdir(namespaceFolder)
    return names.filter((name) => name.startsWith(prefix))
  } catch (error) {
    if (isMissing(error)) return []
    throw error
  }
}

/** @throws PgherdError PGHERD_LAB_ROOT */
export function assertRoot(): void {
  if (process.getuid?.() === 0) return
  throw new PgherdError({
    code: 'PGHERD_LAB_ROOT',
    reason: 'system',
    message: 'a lab can only be made and changed by root',
    because: 'its hosts are network namespaces',
    hint: 'run the command with sudo, or leave --runtime out: the local runtime needs no root',
  })
}

function lines(commands: readonly string[]): string {
  return `${commands.join('\n')}\n`
}
