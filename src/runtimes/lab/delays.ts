// Delays of a lab's cables: a queue `netem` at each end of one, which not every kernel has.

import { PgherdError } from '../../lib/errors.ts'
import { runProgram } from './command.ts'
import { hostInterface } from './hosts.ts'
import type { LabNetwork } from './hosts.ts'

/** One end of a cable: what leaves there is late. */
type CableEnd = { readonly namespace: string; readonly card: string }

/**
 * Lets every packet of a host, in both directions, take as long as is said for it.
 * @param delayMs by name of the host; the others have none
 * @throws PgherdError PGHERD_LAB_NO_DELAY, PGHERD_LAB_FAILED
 */
export async function applyDelays(
  network: LabNetwork,
  delayMs: Readonly<Record<string, number>>,
): Promise<void> {
  const namespaces = [network.switchNamespace, ...network.hosts.map((host) => host.namespace)]
  // Both ends are looked at: whoever was to change them may have been killed between the two.
  const present = new Map(
    await Promise.all(
      namespaces.map(async (namespace) => [namespace, await observeDelays(namespace)] as const),
    ),
  )
  for (const host of network.hosts) {
    const ends: readonly CableEnd[] = [
      { namespace: network.switchNamespace, card: host.port },
      { namespace: host.namespace, card: hostInterface },
    ]
    for (const { namespace, card } of ends) {
      const words = planDelay(card, present.get(namespace)?.get(card) ?? null, delayMs[host.name])
      if (words === null) continue
      await runProgram('tc', ['-n', namespace, ...words]).catch((error: unknown) => {
        throw explainDelay(error)
      })
    }
  }
}

/**
 * The words for tc that make a card's delay the wanted one; null when it is.
 * @param presentMs null: the card delays nothing
 */
export function planDelay(
  card: string,
  presentMs: number | null,
  wantedMs = 0,
): readonly string[] | null {
  if (wantedMs === 0) return presentMs === null ? null : ['qdisc', 'del', 'dev', card, 'root']
  if (presentMs === wantedMs) return null
  return ['qdisc', 'replace', 'dev', card, 'root', 'netem', 'delay', `${String(wantedMs)}ms`]
}

/**
 * Delays by card, as tc prints the queues of a namespace.
 * @param output of `tc -json qdisc show`; empty when there is nothing
 */
export function parseDelays(output: string): ReadonlyMap<string, number> {
  const queues = JSON.parse(output === '' ? '[]' : output) as readonly {
    readonly kind: string
    readonly dev: string
    readonly options?: { readonly delay?: { readonly delay: number } }
  }[]
  return new Map(
    queues
      .filter(({ kind }) => kind === 'netem')
      .map(({ dev, options }) => {
        const seconds = options?.delay?.delay ?? 0
        // To the microsecond, as they can be wanted; a tenth of a millisecond is a delay too.
        return [dev, Math.round(seconds * 1e6) / 1000]
      }),
  )
}

async function observeDelays(namespace: string): Promise<ReadonlyMap<string, number>> {
  return parseDelays(await runProgram('tc', ['-n', namespace, '-json', 'qdisc', 'show']))
}

function explainDelay(error: unknown): unknown {
  if (!(error instanceof PgherdError) || !/kind is unknown/.test(error.because ?? '')) return error
  return new PgherdError({
    code: 'PGHERD_LAB_NO_DELAY',
    reason: 'system',
    message: 'this kernel cannot delay packets',
    because: 'it was built without sch_netem',
    hint: 'use `pgherd lab loss` instead, or a kernel with that module (Debian has it)',
    cause: error,
  })
}
