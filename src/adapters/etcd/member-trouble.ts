// What etcd's last words mean, and what follows from them. Pure.

/** What stands behind a member that does not come up. */
export type Trouble =
  /** Somebody took this member out of the store: its directory is worthless. */
  | { readonly kind: 'removed' }
  /** The directory cannot be read any more. */
  | { readonly kind: 'damaged' }
  /** Something around the member; only a person can help, or time. */
  | { readonly kind: 'outside'; readonly hint: string }
  | { readonly kind: 'unknown' }

const outsideCauses: readonly (readonly [pattern: RegExp, hint: string])[] = [
  [
    /bind: address already in use/,
    'another program listens there: end it, or give this voter other store ports',
  ],
  [/bind: cannot assign requested address/, 'this machine does not have the address of the voter'],
  [/no space left on device|disk quota exceeded/i, 'make room on the disk'],
  [/permission denied|operation not permitted/i, 'give the directory to the user etcd runs as'],
  [/input\/output error|read-only file system/i, 'look after the disk'],
  [/ENOENT|No such file or directory/, 'install etcd (Debian package etcd-server)'],
  [/flag provided but not defined/, 'use etcd 3.4 or 3.5'],
  // This voter has 3.4, and the store went on to 3.5 when all of it had that. Its directory is good.
  [
    /invalid downgrade|incompatible with current running cluster/,
    'install the version of etcd that the other voters run',
  ],
]

const removedPattern = /permanently removed from the cluster/

const damagedPatterns: readonly RegExp[] = [
  /crc mismatch|walpb|wal: |database snapshot|unexpected EOF|tocommit\(/,
  /invalid database|invalid page|version mismatch|unexpected fault address|already freed|corrupt/,
]

/** @param reason as etcd's log or the system told it */
export function classifyTrouble(reason: string): Trouble {
  if (removedPattern.test(reason)) return { kind: 'removed' }
  const outside = outsideCauses.find(([pattern]) => pattern.test(reason))
  if (outside !== undefined) return { kind: 'outside', hint: outside[1] }
  return { kind: damagedPatterns.some((pattern) => pattern.test(reason)) ? 'damaged' : 'unknown' }
}

/**
 * Whether the directory should be given up, where the other members can build this one anew.
 * @param isListed the store still has this member under the id it last served with
 */
export function isWorthless(trouble: Trouble, failureCount: number, isListed: boolean): boolean {
  switch (trouble.kind) {
    case 'removed':
      return !isListed
    case 'damaged':
      return failureCount >= 2
    case 'unknown':
      return failureCount % 5 === 0
    case 'outside':
      return false
  }
}

/** Pause, in ms, before the start that follows `failureCount` failures in a row. The first is immediate. */
export function restartDelayMs(failureCount: number): number {
  if (failureCount <= 1) return 0
  return Math.min(5000, 100 * 2 ** (failureCount - 2))
}
