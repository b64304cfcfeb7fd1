// The address that balancers share, as the spec writes it: 10.0.0.100/24 or fd00::100/64.

import { BlockList, isIP, SocketAddress } from 'node:net'

export type Vip = {
  /** In its shortest form, as the system shows it. */
  readonly address: string
  readonly prefixLength: number
  readonly family: 'ipv4' | 'ipv6'
}

/** Null when the text is no address with the length of a prefix. */
export function parseVip(text: string): Vip | null {
  const match = /^([0-9a-fA-F.:]+)\/(\d{1,3})$/.exec(text)
  const address = match?.[1] ?? ''
  const family = familyOf(address)
  const prefixLength = Number(match?.[2])
  if (family === null || !(prefixLength >= 1 && prefixLength <= bitCounts[family])) return null
  return { address: new SocketAddress({ address, family }).address, prefixLength, family }
}

/** Null for a host name. */
export function familyOf(host: string): Vip['family'] | null {
  const version = isIP(host)
  return version === 0 ? null : version === 4 ? 'ipv4' : 'ipv6'
}

/** Whether `address` lies in the network that the VIP and its prefix describe; of another family never. */
export function isInNetworkOf(vip: Vip, address: string): boolean {
  if (familyOf(address) !== vip.family) return false
  const network = new BlockList()
  network.addSubnet(vip.address, vip.prefixLength, vip.family)
  return network.check(address, vip.family)
}

/** Whether two texts are the same address, however they are written. Host names are compared as text. */
export function isSameAddress(left: string, right: string): boolean {
  const family = familyOf(left)
  if (family === null || familyOf(right) !== family)
    return left.toLowerCase() === right.toLowerCase()
  const one = new BlockList()
  one.addAddress(left, family)
  return one.check(right, family)
}

/** The first and the last address of an IPv4 network are the network itself and everybody in it. */
export function isUsableAddress(vip: Vip): boolean {
  if (vip.family === 'ipv6' || vip.prefixLength > 30) return true
  const value = vip.address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0)
  const hostPart = value % 2 ** (bitCounts.ipv4 - vip.prefixLength)
  return hostPart !== 0 && hostPart !== 2 ** (bitCounts.ipv4 - vip.prefixLength) - 1
}

const bitCounts = { ipv4: 32, ipv6: 128 } as const
