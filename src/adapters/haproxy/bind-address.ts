// Addresses in the form that HAProxy reads.

/**
 * What follows `bind`.
 * @param host null: every address of the machine, so that a shared one may come and go
 * @param isIpv6 whether every address means those of IPv6 too
 */
export function bindAddress(host: string | null, port: number, isIpv6: boolean): string {
  if (host !== null) return `${bracketed(host)}:${String(port)}`
  return isIpv6 ? `[::]:${String(port)} v4v6` : `*:${String(port)}`
}

/** An IPv6 address in brackets, anything else as it is. */
export function bracketed(host: string): string {
  return host.includes(':') ? `[${host}]` : host
}
