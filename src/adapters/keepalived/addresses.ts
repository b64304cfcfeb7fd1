// The addresses of this machine: which network interface has one, whether the shared one is here, and how
// it is taken away.

import { lookup } from 'node:dns/promises'
import { isIP, isIPv6 } from 'node:net'
import { networkInterfaces } from 'node:os'
import { exec } from 'tinyexec'
import * as z from 'zod'
import { balancersOf } from '../../core/cluster-layout.ts'
import type { ClusterLayout, VipLayout } from '../../core/cluster-layout.ts'
import type { NodeName } from '../../core/names.ts'
import { messageOf } from '../../lib/errors.ts'

const toolTimeoutMs = 5000

/** Whether an interface of this machine that is up has `address`. Starts no program. */
export function isAddressHere(address: string): boolean {
  return interfaceOf(address) !== null
}

/** Name of the interface that has `address`; null when none that is up has it. */
export function interfaceOf(address: string): string | null {
  const found = Object.entries(networkInterfaces()).find(([, entries = []]) =>
    entries.some((entry) => entry.address === address),
  )
  return found?.[0] ?? null
}

/** `eth0 10.0.0.2, eth1 10.1.0.2`, without loopback. */
export function describeInterfaces(): string {
  const all = Object.entries(networkInterfaces()).flatMap(([name, entries = []]) =>
    entries.filter((entry) => !entry.internal).map((entry) => `${name} ${entry.address}`),
  )
  return all.length === 0 ? 'none' : all.join(', ')
}

/**
 * The IP address of `host`, of the same family as the VIP.
 * @throws Error when there is none
 */
async function resolveHost(host: string, vip: VipLayout): Promise<string> {
  if (isIP(host) !== 0) return host
  const { address } = await lookup(host, { family: isIPv6(vip.address) ? 6 : 4 })
  return address
}

/** Where adverts go, and through which interface. */
export type AdvertPlaces = {
  /** IP address of each balancer. */
  readonly addresses: ReadonlyMap<NodeName, string>
  /** Null: the spec names none, and no interface of this machine has the address of the balancer. */
  readonly networkInterface: string | null
}

/**
 * What Keepalived on `node` needs to know of addresses.
 * @throws Error when the name of a host cannot be resolved
 */
export async function observeAddresses(
  layout: ClusterLayout,
  vip: VipLayout,
  node: NodeName,
): Promise<AdvertPlaces> {
  const resolved = balancersOf(layout).map(
    async (each) => [each.name, await resolveHost(each.host, vip)] as const,
  )
  const addresses = new Map(await Promise.all(resolved))
  const own = addresses.get(node)
  const networkInterface = vip.interfaces[node] ?? (own === undefined ? null : interfaceOf(own))
  return { addresses, networkInterface }
}

const addressList = z.array(
  z.object({
    ifname: z.string().optional(),
    addr_info: z
      .array(z.object({ local: z.string().optional(), prefixlen: z.number() }))
      .optional(),
  }),
)

/**
 * Takes the VIP from every interface of this machine, whether it is up or not.
 * @returns whether it was there
 * @throws Error with the words of `ip`
 */
export async function removeVip({ address }: VipLayout): Promise<boolean> {
  let isRemoved = false
  for (const found of parseAddresses(await runIp(['-json', 'address', 'show']), address)) {
    await runIp(['address', 'del', `${address}/${String(found.prefixLength)}`, 'dev', found.name])
    isRemoved = true
  }
  return isRemoved
}

/** The interfaces with `address` in what `ip -json address show` prints. */
export function parseAddresses(
  text: string,
  address: string,
): readonly { readonly name: string; readonly prefixLength: number }[] {
  return addressList
    .parse(JSON.parse(text))
    .flatMap(({ ifname = '', addr_info = [] }) =>
      addr_info
        .filter((entry) => entry.local === address)
        .map((entry) => ({ name: ifname, prefixLength: entry.prefixlen })),
    )
}

async function runIp(parameters: readonly string[]): Promise<string> {
  try {
    const { stdout, stderr, exitCode } = await exec('ip', [...parameters], {
      timeout: toolTimeoutMs,
    })
    // Somebody else was quicker.
    if (exitCode === 0 || /Cannot assign requested address/.test(stderr)) return stdout
    throw new Error(stderr.trim().split('\n')[0])
  } catch (error) {
    throw new Error(`ip ${parameters.join(' ')}: ${messageOf(error)}`, { cause: error })
  }
}
