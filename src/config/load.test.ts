import { describe, expect, it } from 'vitest'
import { defaultSpec, loadSpec, parseSpec, SpecInvalidError } from './load.ts'

function problemsOf(text: string): readonly string[] {
  try {
    parseSpec(text, 'c.yaml')
  } catch (error) {
    expect(error).toBeInstanceOf(SpecInvalidError)
    expect((error as SpecInvalidError).exitCode).toBe(3)
    return (error as SpecInvalidError).problems.map(
      (problem) => `${String(problem.line)}:${String(problem.column)} ${problem.message}`,
    )
  }
  return []
}

const onHosts = (x: string, y: string): string =>
  'nodes: [{name: a, role: data, host: 10.0.0.1},\n' +
  `  {name: x, role: balancer, host: "${x}"},\n  {name: y, role: balancer, host: "${y}"}]\n`

describe('spec: the empty file', () => {
  it('is the default cluster with a balancer on loopback', () => {
    const { layout, warnings } = parseSpec('', 'c.yaml')
    expect(layout.nodes.map((node) => `${node.name} ${node.role} ${node.host}`)).toEqual([
      'pg-0 data 127.0.0.1',
      'pg-1 data 127.0.0.1',
      'pg-2 data 127.0.0.1',
      'pgw-0 witness 127.0.0.1',
      'lb-0 balancer 127.0.0.1',
    ])
    expect(layout.endpoints).toEqual({
      write: { host: '127.0.0.1', port: 5500 },
      read: { host: '127.0.0.1', port: 5501 },
    })
    expect(layout.durability).toBe('quorum')
    expect(layout.syncStandbys).toBe(1)
    expect(warnings).toEqual([])
  })

  it.each(['# only a comment\n', '---\n', 'wal:\n', 'postgres:\nwal:\n'])(
    'may also be written as %j',
    (text) => {
      expect(parseSpec(text, 'c.yaml').spec).toEqual(defaultSpec().spec)
    },
  )
})

describe('spec: mistakes', () => {
  it.each([
    ['durabilty: async', '1:1 unknown key "durabilty"; did you mean "durability"?'],
    ['zzz: 1', '1:1 unknown key "zzz"'],
    ['\nwal: {slotCapMB: 64}', '2:7 unknown key "slotCapMB" in wal; did you mean "slotCapMb"?'],
    [
      'plan: fsat',
      '1:7 plan must be one of fast, balanced, wan, but is "fsat"; did you mean "fast"?',
    ],
    ['plan: quick', '1:7 plan must be one of fast, balanced, wan, but is "quick"'],
    ['basePort: 80', '1:11 basePort must be at least 1024, but is 80'],
    ['basePort: 60001', '1:11 basePort must be at most 60000, but is 60001'],
    ['basePort: 5500.5', '1:11 basePort must be a whole number, but is 5500.5'],
    ['basePort: "5500"', '1:11 basePort must be a whole number, but is "5500"'],
    [
      'cluster: My_Cluster',
      '1:10 cluster must start with a letter and hold only a-z, 0-9 and "-", but is "My_Cluster"',
    ],
    ['nodes: []', '1:8 nodes must not be empty'],
    ['nodes: 3', '1:8 nodes must be a list (lines that start with "-"), but is 3'],
    ['nodes:\n  - role: data', '2:5 nodes[0].name is missing'],
    ['nodes:\n  - name: a', '2:5 nodes[0].role is missing; one of data, witness, balancer'],
    [
      'nodes:\n  - {name: pg-0, role: leader}',
      '2:24 nodes[0].role must be one of data, witness, balancer, but is "leader"',
    ],
    [
      'nodes:\n  - {name: a, role: data, host: "a b"}',
      '2:33 nodes[0].host must be a host name or an IP address, but is "a b"',
    ],
    [
      'nodes:\n  - {name: pg-0, role: data}\n  - {name: pg-0, role: data}',
      '3:12 nodes[1].name "pg-0" is already the name of nodes[0] (line 2)',
    ],
    [
      'nodes:\n  - {name: a, role: data, apiPort: 7000}\n  - {name: b, role: data, postgresPort: 7000}\n  - {name: c, role: witness}',
      "3:41 b's postgresPort 7000 is already a's apiPort (line 2)",
    ],
    [
      'endpoints: {write: {port: 7000}, read: {port: 7000}}',
      '1:47 endpoints.read.port 7000 is already endpoints.write.port (line 1)',
    ],
    [
      'nodes:\n  - {name: a, role: data}\n  - {name: w, role: witness, postgresPort: 7000}',
      '3:44 w is a witness and runs no PostgreSQL: leave postgresPort out',
    ],
    ['nodes:\n  - {name: w, role: witness}', '2:3 nodes must have at least one data node'],
    [
      'nodes:\n  - {name: a, role: data, noFailover: true}',
      '2:3 every data node is noFailover: none could become primary',
    ],
    [
      'durability: strict\nnodes: [{name: a, role: data}]',
      '1:13 durability strict needs a standby to wait for: add a second data node',
    ],
    ['syncStandbys: 3', '1:15 syncStandbys is 3, but 3 data nodes have only 2 standbys'],
    [
      'nodes:\n  - {name: a, role: data, vote: true}\n  - {name: b, role: data, vote: true}',
      '2:3 2 nodes vote, which survives no more failures than 1: make it an odd number',
    ],
    [
      'nodes:\n  - {name: a, role: data, vote: false}',
      '2:3 nobody votes: give at least one node a vote',
    ],
    [
      'nodes:\n  - {name: a, role: data}\n  - {name: b, role: data, storePeerPort: 7000}',
      '3:42 b does not vote: leave storePeerPort out or say vote: true',
    ],
    [
      'nodes:\n  - {name: a, role: data, host: 10.0.0.1}\n  - {name: b, role: data}',
      '3:5 b is at 127.0.0.1, which a at 10.0.0.1 cannot reach: give it an address of the network',
    ],
    [
      'nodes:\n  - {name: a, role: data}\n  - {name: x, role: balancer}\n  - {name: y, role: balancer}',
      '4:5 y and x are balancers on one machine and would need the same ports',
    ],
    [
      'nodes: [{name: a, role: data}]\nendpoints: {write: {port: 7000}}',
      '2:20 endpoints.write needs a node with role balancer to serve it',
    ],
    [
      'postgres:\n  parameters:\n    fsync: off',
      '3:12 postgres.parameters.fsync is set by pgherd itself and cannot be changed here',
    ],
    ['postgres: {user: postgres}', '1:18 postgres.user postgres is a reserved name'],
    ['postgres: {database: template1}', '1:22 postgres.database template1 is a reserved name'],
    [
      'postgres: {user: Bad-Name}',
      '1:18 postgres.user must be a plain lower-case SQL name of at most 63 characters, but is "Bad-Name"',
    ],
    ['postgres: {version: 13}', '1:21 postgres.version must be at least 14, but is 13'],
    [
      'postgres: {allowFrom: ["10.0.0.1"]}',
      '1:24 postgres.allowFrom[0] must be a network as 10.0.0.0/8, or one of samehost, samenet, all, but is "10.0.0.1"',
    ],
    [
      'balancer: {vip: 10.0.0.100}',
      '1:17 balancer.vip must be an address as 10.0.0.100/24, but is "10.0.0.100"',
    ],
    [
      'balancer: {vip: 10.0.0.100/33}',
      '1:17 balancer.vip must be an address as 10.0.0.100/24, but is "10.0.0.100/33"',
    ],
    ['balancer: {advertMs: 105}', '1:22 balancer.advertMs must be a multiple of 10, but is 105'],
    ['balancer: {vrrpRouterId: 0}', '1:26 balancer.vrrpRouterId must be at least 1, but is 0'],
    [
      'balancer: {interface: "eth0;"}',
      '1:23 balancer.interface must be a network interface as eth0, but is "eth0;"',
    ],
    [
      'balancer: {vip: 10.0.0.100/24}',
      '1:17 balancer.vip 10.0.0.100/24 cannot be shared on one machine: lb-0 is at 127.0.0.1',
    ],
    [
      'balancer: {statsPort: 7000, healthPort: 7000}',
      '1:41 balancer.healthPort 7000 is already balancer.statsPort (line 1)',
    ],
    [
      `${onHosts('10.0.0.2', '10.0.0.3')}balancer: {vip: 10.0.0.2/24}`,
      '4:17 balancer.vip 10.0.0.2/24 is the address of x: choose one that nobody in the network has',
    ],
    [
      `${onHosts('fd00:0::2', 'fd00::3')}balancer: {vip: "fd00::2/64"}`,
      '4:17 balancer.vip fd00::2/64 is the address of x: choose one that nobody in the network has',
    ],
    [
      `${onHosts('10.0.0.2', '10.0.1.3')}balancer: {vip: 10.0.0.100/24}`,
      '4:17 balancer.vip 10.0.0.100/24 does not lie in one network with y at 10.0.1.3',
    ],
    [
      `${onHosts('10.0.0.2', 'fd00::3')}balancer: {vip: 10.0.0.100/24}`,
      '4:17 balancer.vip 10.0.0.100/24 and y at fd00::3 are IPv4 and IPv6',
    ],
    [
      `${onHosts('10.0.0.2', '10.0.0.3')}balancer: {vip: 10.0.0.255/24}`,
      '4:17 balancer.vip 10.0.0.255/24 is the network or everybody in it: choose a free address of it',
    ],
    [
      'nodes:\n  - {name: a, role: data, host: 10.0.0.1}\nbalancer: {vip: 10.0.0.100/24}',
      '3:17 balancer.vip 10.0.0.100/24 needs a node with role balancer',
    ],
    [
      'nodes:\n  - {name: a, role: data, host: 10.0.0.1, interface: eth0}',
      '2:54 a is a data node and never has the VIP: leave interface out',
    ],
    ['plan: fast\nplan: wan', '2:1 not valid YAML: Map keys must be unique'],
    ['\tplan: fast', '1:1 not valid YAML: Tabs are not allowed as indentation'],
    ['- 1', '1:1 the spec must be a group of settings, but is a list'],
    ['hello', '1:1 the spec must be a group of settings, but is "hello"'],
  ])('%j → %s', (text, expected) => {
    expect(problemsOf(text)).toEqual([expected])
  })

  it('are all named at once, in the order of the file, in one error with a next step', () => {
    const text = 'plan: x\nnodes:\n  - {name: a, role: data}\n  - {name: a, rle: data}\nwat: 1\n'
    expect(problemsOf(text).map((line) => line.split(' ', 1)[0])).toEqual([
      '1:7',
      '4:5',
      '4:12',
      '4:15',
      '5:1',
    ])
    expect(() => parseSpec(text, 'c.yaml')).toThrow(
      /^c\.yaml has 5 problems:\n {2}c\.yaml:1:7: plan/,
    )
  })

  it('a text of many aliases is refused instead of filling the memory', () => {
    const levels = Array.from(
      { length: 12 },
      (_, index) =>
        `l${String(index + 1)}: &l${String(index + 1)} [${Array(9)
          .fill(`*l${String(index)}`)
          .join(', ')}]`,
    )
    const bomb = ['l0: &l0 x', ...levels].join('\n')
    expect(problemsOf(bomb)).toHaveLength(1)
  })

  it('a huge file is refused', () => {
    expect(problemsOf('#'.repeat(300_000))[0]).toContain('larger than 256 kB')
  })

  it('a missing file is named with the next step', async () => {
    await expect(loadSpec('/nonexistent/c.yaml')).rejects.toMatchObject({
      code: 'PGHERD_SPEC_UNREADABLE',
      exitCode: 3,
      message: 'cannot read the spec file /nonexistent/c.yaml',
    })
  })
})

describe('spec: advice', () => {
  it.each([
    ['nodes: [{name: a, role: data}]', /one data node/],
    ['nodes: [{name: a, role: data}, {name: b, role: data}]', /Only a votes/],
    ['durability: async', /may lose/],
    [onHosts('10.0.0.2', '10.0.0.3'), /2 balancers and no VIP/],
    [
      'nodes: [{name: a, role: data, host: h}, {name: x, role: balancer, host: h}]\nbalancer: {vip: 10.0.0.9/24}',
      /One balancer has the VIP/,
    ],
  ])('%j is allowed but commented', (text, expected) => {
    expect(parseSpec(text, 'c.yaml').warnings.join('\n')).toMatch(expected)
  })
})
