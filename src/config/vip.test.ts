import { describe, expect, it } from 'vitest'
import { isInNetworkOf, isSameAddress, isUsableAddress, parseVip } from './vip.ts'

describe('vip', () => {
  it.each([
    ['10.0.0.100/24', { address: '10.0.0.100', prefixLength: 24, family: 'ipv4' }],
    ['fd00::100/64', { address: 'fd00::100', prefixLength: 64, family: 'ipv6' }],
    ['FD00:0:0::0100/64', { address: 'fd00::100', prefixLength: 64, family: 'ipv6' }],
    ['10.0.0.100', null],
    ['10.0.0.100/0', null],
    ['10.0.0.100/33', null],
    ['10.0.0/24', null],
    ['fd00::100/129', null],
    ['lb.lan/24', null],
    ['', null],
  ])('%j → %j', (text, expected) => {
    expect(parseVip(text)).toEqual(expected)
  })

  it.each([
    ['10.0.0.100/24', '10.0.0.7', true],
    ['10.0.0.100/24', '10.0.1.7', false],
    ['10.0.0.100/16', '10.0.1.7', true],
    ['10.0.0.100/24', 'fd00::1', false],
    ['fd00::100/64', 'fd00:0::1', true],
    ['fd00::100/64', 'fd00:0:0:1::1', false],
    ['10.0.0.100/24', 'db.lan', false],
  ])('%s, %s → in one network: %s', (text, host, expected) => {
    expect(isInNetworkOf(parseVip(text)!, host)).toBe(expected)
  })

  it.each([
    ['10.0.0.0/24', false],
    ['10.0.0.255/24', false],
    ['10.0.0.255/16', true],
    ['10.0.0.1/31', true],
    ['fd00::/64', true],
  ])('%s can be given to a machine: %s', (text, expected) => {
    expect(isUsableAddress(parseVip(text)!)).toBe(expected)
  })

  it.each([
    ['fd00::1', 'FD00:0:0::1', true],
    ['10.0.0.1', '10.0.0.1', true],
    ['10.0.0.1', '10.0.0.10', false],
    ['Db.lan', 'db.lan', true],
    ['10.0.0.1', 'fd00::1', false],
  ])('%s and %s are one address: %s', (left, right, expected) => {
    expect(isSameAddress(left, right)).toBe(expected)
  })
})
