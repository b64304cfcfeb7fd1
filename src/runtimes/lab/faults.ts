// What is wrong with the cables of a lab, as data and as rules of the switch. Pure.

import type { LabHost, LabNetwork } from './hosts.ts'

/** A direction in which nothing passes, by names of hosts. */
export type Cut = { readonly from: string; readonly to: string }

export type LabFaults = {
  readonly cuts: readonly Cut[]
  /** Per host: share of its packets, in both directions, that get lost. */
  readonly lossPercent: Readonly<Record<string, number>>
  /** Per host: how long each of its packets, in both directions, takes. */
  readonly delayMs: Readonly<Record<string, number>>
}

export const noFaults: LabFaults = { cuts: [], lossPercent: {}, delayMs: {} }

/**
 * Nothing passes between `host` and `others` any more.
 * @param isOneWay only what `host` sends is lost; it goes on hearing the others
 */
export function withCut(
  faults: LabFaults,
  host: string,
  others: readonly string[],
  isOneWay: boolean,
): LabFaults {
  const wanted = others.flatMap((other) => [
    { from: host, to: other },
    ...(isOneWay ? [] : [{ from: other, to: host }]),
  ])
  const added = wanted.filter((cut) => !faults.cuts.some((each) => isSame(each, cut)))
  return { ...faults, cuts: [...faults.cuts, ...added] }
}

/** Everything passes again between `host` and `others`, without loss and delay when they are all. */
export function withoutCut(faults: LabFaults, host: string, others: readonly string[]): LabFaults {
  const touches = ({ from, to }: Cut) =>
    (from === host && others.includes(to)) || (to === host && others.includes(from))
  return { ...faults, cuts: faults.cuts.filter((cut) => !touches(cut)) }
}

/** @param percent 0 to 100, in steps of 0.01; 0: no loss any more */
export function withLoss(faults: LabFaults, host: string, percent: number): LabFaults {
  return { ...faults, lossPercent: withValue(faults.lossPercent, host, percent) }
}

/** @param delayMs 0: no delay any more */
export function withDelay(faults: LabFaults, host: string, delayMs: number): LabFaults {
  return { ...faults, delayMs: withValue(faults.delayMs, host, delayMs) }
}

/** Whether anything is wrong with the host's cable. */
export function hasFault(faults: LabFaults, host: string): boolean {
  return (
    faults.cuts.some(({ from, to }) => from === host || to === host) ||
    host in faults.lossPercent ||
    host in faults.delayMs
  )
}

/**
 * The switch's rules for nft: the old ones go and the new ones come in one transaction. Delays are none of
 * its affairs.
 */
export function renderSwitchRules(network: LabNetwork, faults: LabFaults): string {
  const port = (name: string) => network.hosts.find((host) => host.name === name)?.port
  const pairs = faults.cuts.flatMap(({ from, to }) => {
    const [source, target] = [port(from), port(to)]
    return source === undefined || target === undefined ? [] : [`"${source}" . "${target}"`]
  })
  const losses = network.hosts.flatMap((host) => renderLoss(host, faults))
  return [
    'table bridge faults',
    'delete table bridge faults',
    'table bridge faults {',
    '  set cuts {',
    '    type ifname . ifname',
    ...(pairs.length === 0 ? [] : [`    elements = { ${pairs.join(', ')} }`]),
    '  }',
    '  chain pass {',
    '    type filter hook forward priority 0; policy accept;',
    '    iifname . oifname @cuts drop',
    ...losses,
    '  }',
    '}',
    '',
  ].join('\n')
}

function renderLoss(host: LabHost, faults: LabFaults): readonly string[] {
  const percent = faults.lossPercent[host.name]
  if (percent === undefined) return []
  const share = Math.round(percent * 100)
  // A comparison that is always true is none that nft takes.
  const drop = share >= 10_000 ? 'drop' : `numgen random mod 10000 < ${String(share)} drop`
  return [`    iifname "${host.port}" ${drop}`, `    oifname "${host.port}" ${drop}`]
}

function withValue(
  values: Readonly<Record<string, number>>,
  host: string,
  value: number,
): Readonly<Record<string, number>> {
  const { [host]: _former, ...others } = values
  return value === 0 ? others : { ...others, [host]: value }
}

function isSame(left: Cut, right: Cut): boolean {
  return left.from === right.from && left.to === right.to
}
