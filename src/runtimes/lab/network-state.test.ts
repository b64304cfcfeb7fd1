import { describe, expect, it } from 'vitest'
import { labNetworkOf } from './hosts.ts'
import type { LabNetwork } from './hosts.ts'
import { parseSpec } from '../../config/load.ts'
import { addressesOf, hasPower, isTurnedOff, planNetwork } from './network-state.ts'
import type { CardState, NetworkState } from './network-state.ts'

const network: LabNetwork = labNetworkOf(
  '/a/main',
  parseSpec('nodes:\n  - { name: pg-0, role: data, host: 10.1.2.3 }\n', 'test').layout,
)
const { prefix, switchNamespace } = network
const [host, client] = network.hosts
if (host === undefined || client === undefined) throw new Error('the network has two hosts')

const bridge = 'switch'
const card = (name: string, changes: Partial<CardState> = {}): CardState => ({
  name,
  isUp: true,
  bridge: null,
  addresses: [],
  ...changes,
})
const whole: NetworkState = new Map([
  [
    switchNamespace,
    [card('lo'), card('switch'), card(host.port, { bridge }), card(client.port, { bridge })],
  ],
  [host.namespace, [card('lo'), card('eth0', { addresses: [host.address, '10.1.2.100'] })]],
  [client.namespace, [card('lo'), card('eth0', { addresses: [client.address] })]],
])

/** The whole network with other cards in one namespace; without it when they are null. */
function wholeBut(namespace: string, cards: readonly CardState[] | null): NetworkState {
  const others = [...whole].filter(([name]) => name !== namespace)
  return new Map(cards === null ? others : [...others, [namespace, cards]])
}

const plan = (state: NetworkState) =>
  planNetwork(network, state).map(
    ({ namespace, commands }) =>
      `${namespace?.replace(prefix, '') ?? '-'}: ${commands.join('; ').replaceAll(prefix, '')}`,
  )

describe('what is missing of a network', () => {
  it('of nothing: all, and the ports last', () => {
    expect(plan(new Map())).toEqual([
      '-: netns add switch; netns add pg-0; netns add client',
      'switch: link add switch type bridge stp_state 0 forward_delay 0 mcast_snooping 0; ' +
        'link set switch up; link set lo up; ' +
        'link add port0 type veth peer name eth0 netns pg-0; ' +
        'link add port1 type veth peer name eth0 netns client',
      'pg-0: addr add 10.1.2.3/24 dev eth0; link set eth0 up; link set lo up',
      'client: addr add 10.1.2.250/24 dev eth0; link set eth0 up; link set lo up',
      `switch: link set port0 master ${bridge} up; link set port1 master ${bridge} up`,
    ])
  })

  it('of a whole one: nothing, whatever else is on its cards', () => {
    expect(plan(whole)).toEqual([])
  })

  it('of a switch that is only a name: everything in it', () => {
    expect(plan(new Map([[switchNamespace, [card('lo', { isUp: false })]]]))).toHaveLength(5)
  })

  it('of a host that is only a name: its cable, whose other end is left over too', () => {
    expect(plan(wholeBut(host.namespace, [card('lo', { isUp: false })]))).toEqual([
      'switch: link del port0; link add port0 type veth peer name eth0 netns pg-0',
      'pg-0: addr add 10.1.2.3/24 dev eth0; link set eth0 up; link set lo up',
      `switch: link set port0 master ${bridge} up`,
    ])
  })

  it('of a host whose card leads nowhere: another cable', () => {
    const cards = [card('lo'), card('switch'), card(client.port, { bridge })]
    expect(plan(wholeBut(switchNamespace, cards))).toEqual([
      'pg-0: link del eth0',
      'switch: link add port0 type veth peer name eth0 netns pg-0',
      'pg-0: addr add 10.1.2.3/24 dev eth0; link set eth0 up',
      `switch: link set port0 master ${bridge} up`,
    ])
  })

  it('of a host without its own address, or with a card that is off: that', () => {
    const cards = [card('lo'), card('eth0', { isUp: false, addresses: ['10.1.2.100'] })]
    expect(plan(wholeBut(host.namespace, cards))).toEqual([
      'pg-0: addr add 10.1.2.3/24 dev eth0; link set eth0 up',
    ])
  })

  it('a port that nobody has put into the switch is put there; one that is down stays down', () => {
    const withPort = (port: CardState) =>
      wholeBut(switchNamespace, [card('lo'), card('switch'), port, card(client.port, { bridge })])
    expect(plan(withPort(card(host.port, { isUp: false })))).toEqual([
      `switch: link set port0 master ${bridge} up`,
    ])
    const isOff = withPort(card(host.port, { isUp: false, bridge }))
    expect(plan(isOff)).toEqual([])
    expect([host, client].map((each) => hasPower(network, isOff, each))).toEqual([false, true])
    expect([host, client].map((each) => isTurnedOff(network, isOff, each))).toEqual([true, false])
    const isUnfinished = withPort(card(host.port, { isUp: false }))
    expect(isTurnedOff(network, isUnfinished, host)).toBe(false)
  })

  it('a host that is not there has neither power nor addresses', () => {
    const state = wholeBut(host.namespace, null)
    expect(hasPower(network, state, host)).toBe(false)
    expect(addressesOf(state, host)).toEqual([])
    expect(addressesOf(whole, host)).toEqual(['10.1.2.3', '10.1.2.100'])
  })
})
