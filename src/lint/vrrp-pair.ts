// Which VRRP instances of different balancers belong together.

import type { Deployment } from './deployment.ts'
import type { KeepalivedFile, VrrpInstance } from './parse-keepalived.ts'

export type VrrpMember = { readonly file: KeepalivedFile; readonly instance: VrrpInstance }

export type VrrpPair = {
  /** The one with the higher priority: it holds the address while all is well. */
  readonly first: VrrpMember
  readonly second: VrrpMember
}

/** Every instance of every file. */
export function membersOf(deployment: Deployment): readonly VrrpMember[] {
  return deployment.keepalived.flatMap((file) =>
    file.instances.map((instance) => ({ file, instance })),
  )
}

/**
 * Instances of two files are a pair when they share an address or, failing that, their name; or when
 * each file has only one.
 */
export function pairsOf(deployment: Deployment): readonly VrrpPair[] {
  const members = membersOf(deployment)
  return members.flatMap((left, index) =>
    members
      .slice(index + 1)
      .filter((right) => right.file !== left.file && belongTogether(left, right))
      .map((right) =>
        (right.instance.priority.value ?? 0) > (left.instance.priority.value ?? 0)
          ? { first: right, second: left }
          : { first: left, second: right },
      ),
  )
}

function belongTogether(left: VrrpMember, right: VrrpMember): boolean {
  if (shareAddress(left.instance, right.instance)) return true
  const isAlone = left.file.instances.length === 1 && right.file.instances.length === 1
  return left.instance.name === right.instance.name || isAlone
}

function shareAddress(left: VrrpInstance, right: VrrpInstance): boolean {
  return left.addresses.some(({ value }) => right.addresses.some((other) => other.value === value))
}
