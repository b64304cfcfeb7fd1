// Whether a machine that is no balancer has the shared address already, as the neighbour table tells: two
// machines with one address send the clients here and there.

import { connect } from 'node:net'
import { exec } from 'tinyexec'
import * as z from 'zod'

const toolTimeoutMs = 2000
/** A machine in the same network answers who has an address within this time. */
const answerMs = 300
/** Nothing listens there usually; asking is enough to learn the link-layer address. */
const anyPort = 9

const neighbourList = z.array(
  z.object({ lladdr: z.string().optional(), state: z.array(z.string()).default([]) }),
)

/**
 * The link-layer address of a stranger that answers for `address`; null when nobody answers, or one of
 * `partners` does.
 * @param address not on this host at present
 * @param partners addresses of the other balancers, on the interface that carries `address`
 */
export async function foreignOwnerOf(
  address: string,
  partners: readonly string[],
): Promise<string | null> {
  // What was learned before may be old.
  await runIp(['neigh', 'flush', 'to', address])
  const owner = await linkLayerOf(address, ['REACHABLE'])
  if (owner === null) return null
  const known = await Promise.all(partners.map((partner) => linkLayerOf(partner, null)))
  return known.includes(owner) ? null : owner
}

/** @param states that count; null: any in which the address is known */
async function linkLayerOf(
  address: string,
  states: readonly string[] | null,
): Promise<string | null> {
  await touch(address)
  const text = await runIp(['-json', 'neigh', 'show', 'to', address])
  return parseNeighbour(text, states)
}

/** The link-layer address in what `ip -json neigh show` prints. */
export function parseNeighbour(text: string, states: readonly string[] | null): string | null {
  const [entry] = neighbourList.parse(JSON.parse(text.trim() === '' ? '[]' : text))
  if (entry?.lladdr === undefined) return null
  const isKnown = states === null || entry.state.some((state) => states.includes(state))
  return isKnown ? entry.lladdr : null
}

/** Lets the kernel find out who has the address. Whether a connection comes about does not matter. */
function touch(address: string): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect({ host: address, port: anyPort, timeout: answerMs })
    const end = (): void => {
      socket.destroy()
      resolve()
    }
    socket.once('connect', end).once('error', end).once('timeout', end)
  })
}

/** Without `ip`, or when it fails, nothing is known, which is no reason to stay without the address. */
async function runIp(parameters: readonly string[]): Promise<string> {
  try {
    const { stdout } = await exec('ip', [...parameters], { timeout: toolTimeoutMs })
    return stdout
  } catch {
    return ''
  }
}
