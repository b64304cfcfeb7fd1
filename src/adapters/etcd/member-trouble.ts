// What etcd's last words mean, and what follows from them. Pure.

/** What the agent does about a member that does not come up. */
export type Trouble =
  /** Somebody took this member out of the store: its directory is worthless. */
  | { readonly kind: 'removed' }
  /** The directory cannot be read any more: it has to be built anew from the other members. */
  | { readonly kind: 'damaged' }
  /** Only a person can help, or time. */
  | { readonly kind: 'outside'; readonly hint: string }

const removedPattern = /permanently removed|has been removed|removed from the cluster/i

const damagedPattern =
  /crc mismatch|checksum|walpb|wal: |failed to (read|open|recover|repair) .*(wal|snap|backend)|failed to find database snapshot|invalid database|unexpected (EOF|fault address)|tocommit\(|invalid page|page .* already freed|corrupt/i

/** What stands behind the reason for which etcd ended. */
export function classifyTrouble(reason: string): Trouble {
  if (removedPattern.test(reason)) return { kind: 'removed' }
  const address = /listen tcp (\S+): bind: address already in use/.exec(reason)
  if (address !== null) {
    return {
      kind: 'outside',
      hint: `another program listens on ${address[1] ?? 'its port'}: end it, or give this voter other store ports`,
    }
  }
  if (/no space left on device|disk quota exceeded/i.test(reason)) {
    return { kind: 'outside', hint: 'the disk is full: make room, it starts again by itself' }
  }
  if (/permission denied/i.test(reason)) {
    return { kind: 'outside', hint: 'give the directory back to the user that etcd runs as' }
  }
  if (/ENOENT|No such file or directory/.test(reason)) {
    return { kind: 'outside', hint: 'install etcd (Debian package etcd-server)' }
  }
  if (damagedPattern.test(reason)) return { kind: 'damaged' }
  return { kind: 'outside', hint: 'it is tried again; the log of etcd says more' }
}

/** Pause, in ms, before the start that follows `failureCount` failures in a row. The first is immediate. */
export function restartDelayMs(failureCount: number): number {
  if (failureCount <= 1) return 0
  return Math.min(5000, 100 * 2 ** (failureCount - 2))
}
