// Which VRRP instances of different balancers belong together.

import type { Deployment } from './deployment.ts'
import { foundOnce } from './found-once.ts'
import type { KeepalivedFile, VrrpInstance } from './parse-keepalived.ts'

export type VrrpMember = { readonly file: KeepalivedFile; readonly instance: VrrpInstance }

export type VrrpPair = {
  /** The one with the higher priority: it holds the address while all is well. */
  readonly first: VrrpMember
  readonly second: VrrpMember
}

/** Every instance of every file. */
export const membersOf = foundOnce((deployment: Deployment): readonly VrrpMember[] =>
  deployment.keepalived.flatMap((file) => file.instances.map((instance) => ({ file, instance }))),
)

/**
 * Instances of two files are a pair when they share an address. So are an instance and the nearest one
 * before it of the same name, or when each is alone in its file.
 */
export const pairsOf = foundOnce((deployment: Deployment): readonly VrrpPair[] => {
  const byAddress = new Map<string, VrrpMember[]>()
  const nearest = new Map<string, VrrpMember>()
  return deployment.keepalived.flatMap((file) => {
    const members = file.instances.map((instance) => ({ file, instance }))
    const keysOf = ({ instance }: VrrpMember) => [
      `name ${instance.name}`,
      ...(members.length === 1 ? ['alone'] : []),
    ]
    const pairs = members.flatMap((member) => {
      const partners = new Set([
        ...addressesOf(member).flatMap((address) => byAddress.get(address) ?? []),
        ...keysOf(member).flatMap((key) => nearest.get(key) ?? []),
      ])
      return [...partners].map((earlier) => inOrder(earlier, member))
    })
    // Of several in one file the first one counts, so it comes last.
    const backwards = members.toReversed()
    for (const member of backwards) for (const key of keysOf(member)) nearest.set(key, member)
    const holders = new Map(
      backwards.flatMap((member) => addressesOf(member).map((one) => [one, member] as const)),
    )
    for (const [address, member] of holders)
      byAddress.set(address, [...(byAddress.get(address) ?? []), member])
    return pairs
  })
})

function addressesOf({ instance }: VrrpMember): readonly string[] {
  return instance.addresses.map(({ value }) => value)
}

function inOrder(left: VrrpMember, right: VrrpMember): VrrpPair {
  const isRightHigher = (right.instance.priority.value ?? 0) > (left.instance.priority.value ?? 0)
  return isRightHigher ? { first: right, second: left } : { first: left, second: right }
}
