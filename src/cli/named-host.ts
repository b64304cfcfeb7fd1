// Turns what somebody typed into a host of the lab. `primary` and `vip` are understood wherever a host is.

import { PgherdError } from '../lib/errors.ts'
import type { Lab, RuntimeCluster } from '../runtimes/runtime.ts'
import { type CommandContext, openCluster } from './context.ts'
import { namedNodeOrPrimary, primaryWord } from './named-node.ts'

export type OpenedLab = {
  readonly cluster: string
  readonly lab: Lab
  readonly running: RuntimeCluster
}

/** Stands for the host that has the shared address at the moment, unless a node has this name. */
export const vipWord = 'vip'

/**
 * The cluster of the command line and its lab.
 * @throws PgherdError PGHERD_NO_LAB, or as openCluster does
 */
export async function openLab(context: CommandContext): Promise<OpenedLab> {
  const running = await openCluster(context)
  const { layout, lab } = running
  if (lab !== null) return { cluster: layout.cluster, lab, running }
  throw new PgherdError({
    code: 'PGHERD_NO_LAB',
    reason: 'configuration',
    message: `cluster ${layout.cluster} does not run in a lab`,
    because: 'its nodes have no hosts and cables of their own',
    hint: 'make one beside it with: pgherd up --runtime lab --cluster NAME',
  })
}

/**
 * The host that a word means now; any other word is left to the lab.
 * @throws PgherdError PGHERD_NO_PRIMARY, PGHERD_NO_VIP
 */
export async function namedHost({ lab, running }: OpenedLab, text: string): Promise<string> {
  const { nodes, vip } = running.layout
  if (nodes.some((node) => node.name === text)) return text
  if (text === primaryWord) return namedNodeOrPrimary(running, text)
  if (text !== vipWord) return text
  const hosts = await lab.hosts()
  const holder = hosts.find((host) => vip !== null && host.extraAddresses.includes(vip.address))
  if (holder !== undefined) return holder.name
  throw new PgherdError({
    code: 'PGHERD_NO_VIP',
    reason: 'system',
    message: vip === null ? 'this lab has no shared address' : `no host has ${vip.address} now`,
    hint: 'name the host, or see where it is: pgherd lab show',
  })
}

/**
 * The hosts of a list with commas, and perhaps blanks behind them, each once.
 * @throws PgherdError PGHERD_USAGE when it names none, or as namedHost does
 */
export async function namedHosts(opened: OpenedLab, text: string): Promise<readonly string[]> {
  const words = text.split(/[\s,]+/).filter((word) => word !== '')
  const hosts = new Set<string>()
  for (const word of words) hosts.add(await namedHost(opened, word))
  if (hosts.size > 0) return [...hosts]
  throw new PgherdError({
    code: 'PGHERD_USAGE',
    reason: 'usage',
    message: '--from names no host',
    hint: 'write --from pg-1 or --from pg-1,pg-2',
  })
}
