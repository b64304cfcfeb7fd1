import { describe, expect, it } from 'vitest'
import { parseSpec } from '../../config/load.ts'
import { labSpecOf } from './lab-spec.ts'
import { labHostOf, labNetworkOf } from './hosts.ts'

const layoutOf = (text: string) => parseSpec(text, 'test').layout
const usual = labSpecOf(parseSpec('', 'built-in defaults')).layout

describe('the network of a lab', () => {
  it('has a host per address, and one for applications', () => {
    const { hosts } = labNetworkOf('/a/main', usual)
    expect(hosts.map((host) => `${host.name} ${host.address}`)).toEqual([
      'pg-0 10.77.0.11',
      'pg-1 10.77.0.12',
      'pg-2 10.77.0.13',
      'pgw-0 10.77.0.21',
      'lb-0 10.77.0.31',
      'lb-1 10.77.0.32',
      'client 10.77.0.250',
    ])
    expect(new Set(hosts.map((host) => host.namespace)).size).toBe(hosts.length)
    expect(new Set(hosts.map((host) => host.port)).size).toBe(hosts.length)
  })

  it('two clusters never share a name', () => {
    const [one, two] = [labNetworkOf('/a/main', usual), labNetworkOf('/b/main', usual)]
    expect(one.prefix).not.toBe(two.prefix)
    expect(labNetworkOf('/a/main', usual)).toEqual(one)
  })

  it('no node shares the namespace of the switch or of the client', () => {
    for (const name of ['switch', 'client']) {
      const text = `nodes:\n  - { name: ${name}, role: data }\n  - { name: pg-1, role: data }\n`
      const make = () => labNetworkOf('/a/main', labSpecOf(parseSpec(text, 'test')).layout)
      let names: readonly string[] = []
      try {
        const network = make()
        names = [network.switchNamespace, ...network.hosts.map((host) => host.namespace)]
      } catch {
        // Refusing the name is as good.
      }
      expect(new Set(names).size, name).toBe(names.length)
    }
  })

  it('the client never gets the virtual address, whatever applications are told', () => {
    const { hosts } = labNetworkOf(
      '/a/main',
      layoutOf(`
nodes:
  - { name: pg-0, role: data, host: 10.1.2.1 }
  - { name: lb-0, role: balancer, host: 10.1.2.2 }
endpoints:
  write: { host: db.example.com }
  read: { host: db.example.com }
balancer:
  vip: 10.1.2.250/24
`),
    )
    expect(hosts.map((host) => host.address)).not.toContain('10.1.2.250')
  })

  it('nodes with one address share a host, which either name finds', () => {
    const network = labNetworkOf(
      '/a/main',
      layoutOf(`
nodes:
  - { name: pg-0, role: data, host: 10.1.2.3 }
  - { name: pg-1, role: data, host: 10.1.2.4 }
  - { name: pgw-0, role: witness, host: 10.1.2.250 }
  - { name: lb-0, role: balancer, host: 10.1.2.3 }
`),
    )
    expect(labHostOf(network, 'lb-0')).toMatchObject({ name: 'pg-0', nodes: ['pg-0', 'lb-0'] })
    // The usual address of the client is taken here.
    expect(labHostOf(network, 'client')?.address).toBe('10.1.2.249')
    expect(labHostOf(network, 'pg-9')).toBeNull()
  })
})

describe('the spec of a lab', () => {
  it('a spec without hosts gets addresses, and keeps everything else', () => {
    const wanted = parseSpec(
      'cluster: shop\nplan: fast\nnodes:\n  - { name: a, role: data }\n  - { name: w, role: witness }\n',
      'shop.yaml',
    )
    const { layout } = labSpecOf(wanted)
    expect(layout.nodes.map((node) => [node.name, node.host])).toEqual([
      ['a', '10.77.0.11'],
      ['w', '10.77.0.21'],
    ])
    expect(layout).toMatchObject({ cluster: 'shop', plan: { name: 'fast' }, vip: null })
  })

  it('the usual one has two balancers with one address', () => {
    expect(usual.endpoints.write).toEqual({ host: '10.77.0.100', port: 5000 })
    expect(usual.vip).toMatchObject({ address: '10.77.0.100', prefixLength: 24 })
  })

  it('real addresses are kept', () => {
    const wanted = parseSpec('nodes:\n  - { name: a, role: data, host: 192.168.5.9 }\n', 'x')
    expect(labSpecOf(wanted).layout.nodes[0]?.host).toBe('192.168.5.9')
  })

  it('network cards are called as they are in a lab, where they have a name', () => {
    const nodes = `
nodes:
  - { name: a, role: data, host: 192.168.5.9 }
  - { name: lb-0, role: balancer, host: 192.168.5.10, interface: bond0 }
  - { name: lb-1, role: balancer, host: 192.168.5.11 }
balancer:
  vip: 192.168.5.100/24
`
    const cards = (more: string) => labSpecOf(parseSpec(nodes + more, 'x')).layout.vip?.interfaces
    expect(cards('  interface: ens192\n')).toEqual({ 'lb-0': 'eth0', 'lb-1': 'eth0' })
    expect(cards('')).toEqual({ 'lb-0': 'eth0', 'lb-1': null })
  })

  it.each([
    ['a: 10.1.2.3, b: 10.1.3.3', /b of x is at 10.1.3.3/],
    ['a: db.example, b: 10.1.3.3', /a of x is at db.example/],
    ['client: 10.1.2.3', /client, which is a host of every lab/],
    ['client: 127.0.0.1', /client, which is a host of every lab/],
    ['a: 127.0.0.1, switch: 127.0.0.1', /x has a node switch, which is the switch of every lab/],
  ])('%s → refused', (hosts, message) => {
    const nodes = hosts.split(', ').map((pair) => {
      const [name, host] = pair.split(': ')
      return `  - { name: ${name ?? ''}, role: data, host: ${host ?? ''} }`
    })
    const spec = parseSpec(`nodes:\n${nodes.join('\n')}\n`, 'x')
    expect(() => labSpecOf(spec)).toThrow(message)
  })

  it('more nodes than there are addresses are refused', () => {
    const nodes = Array.from({ length: 11 }, (_, index) => `  - { name: a${index}, role: data }`)
    const wanted = parseSpec(`nodes:\n${nodes.join('\n')}\n`, 'x')
    expect(() => labSpecOf(wanted)).toThrow(/more than 10 nodes of role data/)
  })
})
