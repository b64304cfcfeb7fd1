// Whole command lines against doubles: what they print where, and the exit code.

import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import {
  type ClientScript,
  healthyView,
  labLayout,
  makeClient,
  makeCluster,
  makeEvent,
  makeLab,
  makeRuntime,
  testLayout,
} from '../../test/support/cluster-double.ts'
import { asEpoch, asMonotonic, asNodeName } from '../core/names.ts'
import { PgherdError, exitMeanings } from '../lib/errors.ts'
import type { NodeProcesses, RuntimeCluster } from '../runtimes/runtime.ts'
import { commandTable } from './command-table.ts'
import type { ClusterStatus } from '../core/cluster-status.ts'
import { errorCatalogue } from './error-catalogue.ts'
import { runProgram } from './program.ts'
import type { OutputStream } from './terminal.ts'

type Outcome = {
  readonly exitCode: number
  readonly stdout: string
  readonly stderr: string
  readonly deeds: readonly string[]
  readonly requests: readonly string[]
}

const scratch = mkdtempSync(path.join(tmpdir(), 'pgherd-cli-'))
const specFile = path.join(scratch, 'cluster.yaml')
writeFileSync(specFile, 'cluster: main\n')
const spareFile = path.join(scratch, 'spare.yaml')
writeFileSync(
  spareFile,
  'cluster: spare\nnodes: [{ name: a, role: data, host: 10.0.0.1 }, { name: lb-7, role: balancer, host: 10.0.0.2 }]\n',
)
afterAll(() => {
  rmSync(scratch, { recursive: true })
})

type ProgramScript = ClientScript & {
  /** The agents run on hosts of their own: from here no process is seen. */
  readonly isElsewhere?: boolean
  readonly logFiles?: readonly string[]
  /** Its nodes run on hosts of a lab, which is up or down. */
  readonly lab?: 'up' | 'down'
  /** Nobody has made the cluster of the spec file. */
  readonly isUnknown?: boolean
}

const seenProcesses: readonly NodeProcesses[] = testLayout.nodes.map(({ name }) => ({
  node: name,
  wanted: 'running',
  state: 'running',
  agentPid: 1,
  restartCount: 0,
  detail: null,
  hostWithoutPower: null,
  processes: [{ pid: 1, name: 'node', isAgent: true, isFrozen: false, residentBytes: 0 }],
}))

function unknownCluster(): never {
  throw new PgherdError({
    code: 'PGHERD_CLUSTER_UNKNOWN',
    reason: 'configuration',
    message: 'there is no such cluster',
    hint: 'make one',
  })
}

/** What a cluster in a lab has more. Programs run on its hosts as they run here. */
function labParts(deeds: string[], isDown: boolean): Partial<RuntimeCluster> {
  const enter = (): readonly string[] => {
    if (!isDown) return []
    throw new PgherdError({
      code: 'PGHERD_LAB_DOWN',
      reason: 'system',
      message: 'the lab of cluster main is down',
      hint: 'make it again: pgherd up',
    })
  }
  return {
    layout: labLayout,
    lab: { ...makeLab(labLayout, deeds), enter },
    clientWords: enter,
  }
}

async function pgherd(line: string, script: ProgramScript = {}): Promise<Outcome> {
  const [deeds, requests]: [string[], string[]] = [[], []]
  const output = { stdout: '', stderr: '' }
  const streamTo = (name: keyof typeof output): OutputStream => ({
    write: (text) => (output[name] += text),
  })
  const client = makeClient({ requests, ...script })
  const cluster: RuntimeCluster = {
    ...makeCluster(client, deeds, specFile),
    processes: async () => (script.isElsewhere === true ? [] : seenProcesses),
    logFiles: async () =>
      (script.logFiles ?? []).map((file) => ({ node: asNodeName('pg-0'), path: file })),
    ...(script.lab === undefined ? {} : labParts(deeds, script.lab === 'down')),
  }
  let nowMs = 0
  const exitCode = await runProgram({
    argv: (line.match(/'[^']*'|\S+/g) ?? []).map((word) => word.replaceAll("'", '')),
    environment: { LANG: 'C' },
    streams: { stdout: streamTo('stdout'), stderr: streamTo('stderr'), stdin: {} },
    interrupts: { signal: new AbortController().signal, suspend: () => () => undefined },
    version: '9.9.9',
    services: () => ({
      clock: {
        monotonicMs: () => asMonotonic((nowMs += 1)),
        wallClockMs: () => 1_760_000_000_000 as never,
        sleep: async (durationMs) => void (nowMs += durationMs),
      },
      runtime: {
        ...makeRuntime([cluster], deeds),
        openSpec: async () => (script.isUnknown === true ? unknownCluster() : cluster),
      },
      runAgent: async ({ node }) => void deeds.push(`agent ${node}`),
      renderBalancer: async () => ({ files: [], checks: [] }),
    }),
  })
  return { exitCode, ...output, deeds, requests }
}

const unreachable: ClientScript = {
  nodes: Object.fromEntries(testLayout.nodes.map(({ name }) => [name, { silence: 'refused' }])),
}
const noPrimary: ClientScript = {
  nodes: Object.fromEntries(
    testLayout.nodes.map(({ name }) => [name, healthyView(name, { lease: null })]),
  ),
}

describe('wrong usage: three lines on stderr, exit code 2, nothing on stdout', () => {
  test.each([
    ['stauts', 'there is no command "stauts"', 'did you mean "status"?'],
    ['node stpo pg-0', 'there is no command "node stpo"', 'did you mean "node stop"?'],
    ['status --jsno', 'pgherd status has no option --jsno', 'did you mean "--json"?'],
    ['kill pg-0', 'there is no command "kill"', 'did you mean "node kill"?'],
    ['help kill', 'there is no help about "kill"', 'did you mean "node kill"?'],
    ['node kil', 'there is no command "node kil"', 'did you mean "node kill"?'],
    ['node kil', 'there is no command "node kil"', 'see pgherd help node'],
    ['node reboot pg-0', 'there is no command "node reboot"', 'its commands are node stop, node'],
    ['node stop', 'pgherd node stop needs <node>: name of', 'see pgherd help node stop'],
    ['--cluster main node stop', 'pgherd node stop needs <node>', 'see pgherd help node stop'],
    ['node stop pg-0 pg-1', 'pgherd node stop does not take "pg-1"', 'see pgherd help node stop'],
    ['status now', 'pgherd status does not take "now"', 'it is written: pgherd status [options]'],
    ['up --timeout', '--timeout needs a value', 'it is written: --timeout <time>'],
    ['events -n', '--lines needs a value', 'it is written: --lines <count>'],
    ['node kill primry', 'has no node "primry"', 'did you mean "primary"?'],
    ['switchover --to primary', 'has no node "primary"', 'pg-0, pg-1, pg-2, pgw-0, lb-0'],
    ['why --node', 'pgherd why has no option --node', 'see pgherd help why'],
    ['node stop pg-9', 'cluster main has no node "pg-9"', 'did you mean "pg-0"?'],
    ['node stop elsewhere', 'has no node "elsewhere"', 'pg-0, pg-1, pg-2, pgw-0, lb-0'],
    ['switchover --to pg1', 'has no node "pg1"', 'did you mean "pg-1"?'],
    ['events --since yesterday-ish', '--since yesterday-ish is neither', 'write 10m'],
    ['events --lines many', '--lines many is no count', 'whole number'],
    ['up --timeout soon', '--timeout soon is no duration', 'write 30s'],
    ['status --color pink', '--color takes auto, always or never', 'pgherd --help'],
    ['help nix', 'there is no help about "nix"', 'see the commands: pgherd help'],
    ['help PGHERD_NO_PRIMRY', 'there is no help about', 'did you mean "PGHERD_NO_PRIMARY"?'],
    ['explain durabilty', 'there is no setting "durabilty"', 'did you mean "durability"?'],
    ['why pg-1-3f9a-99', 'there is no event', 'pgherd events'],
    ['url --node pgw-0', 'pgw-0 is a witness and runs no PostgreSQL', 'name a data node'],
    ['agent', 'an agent needs --spec FILE and --node NAME', 'pgherd help agent'],
    ['pause', 'pause needs a reason', "pgherd pause --reason 'switch firmware'"],
    ['completion tcsh', 'there is no completion for "tcsh"', 'bash, zsh, fish'],
    ['destroy --yes', 'destroy --yes needs the name', '--cluster NAME'],
    ['destroy', 'this needs an answer', '--yes --cluster main'],
    ['switchover', 'this needs an answer', '--yes'],
  ])('%s', async (line, message, next) => {
    const { exitCode, stdout, stderr, deeds, requests } = await pgherd(line)
    expect(exitCode).toBe(2)
    expect(stdout).toBe('')
    expect(stderr).toContain(message)
    expect(stderr).toContain(next)
    expect(stderr).toMatch(/next: +\S.*\(PGHERD_[A-Z_]+\)\n$/)
    expect(deeds).toEqual([])
    expect(requests.filter((request) => !request.includes('dry-run'))).toEqual([])
  })

  test('`node` alone shows its commands', async () => {
    const { exitCode, stderr } = await pgherd('node')
    expect(exitCode).toBe(2)
    expect(stderr).toContain('freeze')
  })

  test('with --json the error is a document on stdout', async () => {
    const { exitCode, stdout, stderr } = await pgherd('node stop pg-9 --json')
    expect(exitCode).toBe(2)
    expect(stderr).toBe('')
    expect(JSON.parse(stdout)).toMatchObject({
      error: { code: 'PGHERD_NODE_UNKNOWN', exitCode: 2 },
    })
  })
})

describe('help', () => {
  test.each(commandTable.map((command) => [command.name, command] as const))(
    '%s --help: usage, every option, an example, its exit codes',
    async (name, command) => {
      const { exitCode, stdout } = await pgherd(`${name} --help`)
      expect(exitCode).toBe(0)
      expect(stdout).toContain(`pgherd ${name}`)
      for (const option of command.options) expect(stdout).toContain(option.flags)
      const text = stdout.replaceAll(/(?: \\)?\n\s+/g, ' ')
      expect(text).toContain(`$ ${command.examples[0]!.line}`)
      for (const reason of command.exits) expect(text).toContain(exitMeanings[reason])
      expect((await pgherd(`help ${name}`)).stdout).toBe(stdout)
    },
  )

  test('every example is a command line that the parser takes', () => {
    const names = commandTable.map((command) => command.name)
    for (const command of commandTable) {
      expect(command.examples.length).toBeGreaterThan(0)
      for (const { line } of command.examples) {
        expect(line).toContain('pgherd ')
        expect(names.some((name) => line.includes(`pgherd ${name}`))).toBe(true)
      }
    }
  })

  test('without a command the list of all, grouped', async () => {
    const { exitCode, stdout } = await pgherd('')
    expect(exitCode).toBe(0)
    for (const command of commandTable) expect(stdout).toContain(command.summary)
  })

  test('--version', async () => {
    expect(await pgherd('--version')).toMatchObject({ exitCode: 0, stdout: '9.9.9\n' })
  })

  test.each(errorCatalogue.map((help) => [help.code, help] as const))(
    'help %s: what it means and what to do',
    async (code, help) => {
      const { exitCode, stdout } = await pgherd(`help ${code}`)
      expect(exitCode).toBe(0)
      expect(stdout.replaceAll(/\s+/g, ' ')).toContain(help.meaning)
    },
  )
})

describe('status tells its verdict by exit code', () => {
  test('healthy: 0, the document on stdout', async () => {
    const { exitCode, stdout } = await pgherd('status --json')
    expect(exitCode).toBe(0)
    const status = JSON.parse(stdout) as ClusterStatus
    expect(status).toMatchObject({
      version: 1,
      cluster: 'main',
      verdict: 'healthy',
      lease: { holder: 'pg-0', epoch: 3, remainingMs: 2350 },
      durability: 'quorum',
      endpoints: { write: { host: '127.0.0.1', port: 5500 } },
    })
    expect(Object.keys(status.nodes[1]!)).toEqual(
      expect.arrayContaining([
        'name',
        'role',
        'state',
        'upstream',
        'timeline',
        'lsn',
        'lagBytes',
        'sync',
        'address',
      ]),
    )
  })
  test('degraded: 10', async () => {
    const nodes = { 'pg-2': { silence: 'timeout' } } as const
    const { exitCode, stdout } = await pgherd('status', { nodes })
    expect(exitCode).toBe(10)
    expect(stdout).toContain('Degraded: the agent of pg-2 does not answer in time')
  })
  test('no primary: 11', async () => {
    expect((await pgherd('status', noPrimary)).exitCode).toBe(11)
  })
  test('nobody answers: 12, still with the table', async () => {
    const { exitCode, stdout } = await pgherd('status', unreachable)
    expect(exitCode).toBe(12)
    expect(stdout).toContain('? unreachable')
    expect(stdout).toContain('pgherd up')
  })
  test('nobody answers from hosts of their own: `up` is not the next step', async () => {
    for (const line of ['status', 'switchover --yes', 'events', 'why', 'pause --reason x']) {
      const { exitCode, stdout, stderr } = await pgherd(line, { ...unreachable, isElsewhere: true })
      expect(exitCode).toBe(12)
      expect(stdout + stderr).toContain('pgherd agent --spec ')
      expect(stdout + stderr).not.toContain('pgherd up')
    }
  })
  test.each([
    ['10.99.0.10', 'pgherd agent --spec'],
    ['127.0.9.10', 'make it with: pgherd up --spec'],
  ])('a spec without a cluster, hosts such as %s: %s', async (host, next) => {
    const file = path.join(scratch, `at-${host}.yaml`)
    writeFileSync(file, `cluster: orders\nnodes:\n  - { name: a, role: data, host: ${host} }\n`)
    const { exitCode, stderr } = await pgherd(`status --spec ${file}`, { isUnknown: true })
    expect(exitCode).toBe(3)
    expect(stderr).toContain('there is no cluster orders on this machine')
    expect(stderr).toContain(next)
  })
  test('an agent of another node behind the address is no answer', async () => {
    const nodes = { 'pg-2': healthyView('pg-1') }
    const { stdout } = await pgherd('status', { nodes })
    expect(stdout).toContain('in the place of pg-2 is no agent of this cluster')
  })
})

describe('events and why', () => {
  const events = [
    makeEvent({
      id: 'pg-1-aaaa-1',
      message: 'pg-1 follows pg-0.',
      atMs: 1_759_999_000_000 as never,
    }),
    makeEvent({
      id: 'pg-2-bbbb-1',
      node: 'pg-2' as never,
      message: 'pg-2 is elected.',
      kind: 'elected',
      atMs: 1_759_999_990_000 as never,
    }),
    makeEvent({
      id: 'pg-2-bbbb-2',
      node: 'pg-2' as never,
      message: 'pg-2 was promoted.',
      kind: 'promoted',
      epoch: asEpoch(4),
      atMs: 1_759_999_990_100 as never,
    }),
  ]
  test('each once, oldest first, although every agent knows them', async () => {
    const { stdout } = await pgherd('events --ndjson', { events: events.toReversed() })
    const ids = stdout
      .trim()
      .split('\n')
      .map((line) => (JSON.parse(line) as { id: string }).id)
    expect(ids).toEqual(['pg-1-aaaa-1', 'pg-2-bbbb-1', 'pg-2-bbbb-2'])
  })
  test('--since, --node and --lines choose', async () => {
    expect((await pgherd('events --since 1m', { events })).stdout).not.toContain('aaaa-1')
    expect((await pgherd('events --node pg-1', { events })).stdout).not.toContain('bbbb')
    expect((await pgherd('events -n 1', { events })).stdout).not.toContain('bbbb-1')
  })
  test('why without an id explains the last notable event', async () => {
    const { stdout, exitCode } = await pgherd('why', { events })
    expect(exitCode).toBe(0)
    expect(stdout).toContain('pg-2 is elected.')
  })
  test('nobody answers: 12', async () => {
    expect((await pgherd('events', unreachable)).exitCode).toBe(12)
    expect((await pgherd('why', unreachable)).exitCode).toBe(12)
  })
})

describe('requests', () => {
  test('a dry run asks the primary and changes nothing', async () => {
    const { exitCode, stdout, requests } = await pgherd('switchover --to pg-1 --dry-run')
    expect(exitCode).toBe(0)
    expect(stdout).toContain('It will be done.')
    const nodes = { 'pg-2': { silence: 'timeout' } } as const
    const json = await pgherd('switchover --to pg-1 --dry-run --json', { nodes })
    expect(JSON.parse(json.stdout)).toMatchObject({
      plan: 'It will be done.',
      warnings: ['the agent of pg-2 does not answer in time: it hangs, or the network is cut'],
    })
    expect(requests).toEqual(['pg-0 switchover pg-1 dry-run'])
  })
  test('a refusal: exit code 7, rule id, the hint of the agent as next step', async () => {
    const { exitCode, stderr } = await pgherd('switchover --to pgw-0 --yes', {
      answer: {
        kind: 'refused',
        ruleId: 'R404',
        message: 'pgw-0 is a witness and holds no data.',
        hint: 'Possible: pg-1, pg-2.',
      },
    })
    expect(exitCode).toBe(7)
    expect(stderr).toContain('refused by rule R404: pgw-0 is a witness')
    expect(stderr).toContain('Possible: pg-1, pg-2.')
  })
  test('an agent that hangs is not asked: the primary is said to be silent', async () => {
    const { exitCode, stderr, requests } = await pgherd('switchover --yes', {
      nodes: { 'pg-0': { silence: 'timeout' } },
      answer: { kind: 'elsewhere', node: 'pg-0' as never },
    })
    expect(exitCode).toBe(11)
    expect(stderr).toContain(
      'pg-0 holds the lease for another 2350 ms, but its agent does not answer',
    )
    expect(requests.filter((request) => request.startsWith('pg-0'))).toEqual([])
  })
  test('no primary: 11, nobody reachable: 12, before anything is asked', async () => {
    expect(await pgherd('switchover --yes', noPrimary)).toMatchObject({
      exitCode: 11,
      requests: [],
    })
    expect((await pgherd('switchover --yes', unreachable)).exitCode).toBe(12)
  })
  test('pause and resume reach an agent', async () => {
    const { exitCode, requests } = await pgherd("pause --reason 'new switch'")
    expect(exitCode).toBe(0)
    expect(requests).toEqual(['pg-0 pause new switch'])
    expect((await pgherd('resume')).requests).toEqual(['pg-0 resume'])
  })
})

describe('commands for the runtime', () => {
  test.each([
    ['node stop pg-0', 'stop pg-0'],
    ['node start pg-0', 'start pg-0'],
    ['node kill pg-0', 'kill pg-0'],
    ['node freeze pg-0', 'freeze pg-0 node'],
    ['node freeze pg-0 --agent', 'freeze pg-0 agent'],
    ['node thaw pg-0', 'thaw pg-0'],
    ['down', 'down'],
    ['destroy --yes --cluster main', 'destroy'],
    ['up', 'up main'],
  ])('%s', async (line, deed) => {
    const { exitCode, deeds, stderr } = await pgherd(line)
    expect(exitCode).toBe(0)
    expect(deeds).toEqual([deed])
    expect(stderr).toContain('Next: pgherd ')
    const json = await pgherd(`${line} --json`)
    expect(json.exitCode).toBe(0)
    expect(JSON.parse(json.stdout)).toMatchObject({ version: 1 })
  })

  test('up, when all is well, has nothing to change and shows no secret', async () => {
    const { stdout, stderr } = await pgherd('up')
    expect(stderr).toContain('Nothing to change')
    expect(stdout).toContain('Connect  postgresql://app:********@127.0.0.1:5500/app')
    expect(stdout + stderr).not.toContain('s3cr')
  })
})

describe('the word `primary`', () => {
  test.each([
    ['node stop primary', 'stop pg-0'],
    ['node start primary', 'start pg-0'],
    ['node kill primary', 'kill pg-0'],
    ['node freeze primary --agent', 'freeze pg-0 agent'],
    ['node thaw primary', 'thaw pg-0'],
  ])('%s', async (line, deed) => {
    const { exitCode, deeds, stderr } = await pgherd(line)
    expect({ exitCode, deeds }).toEqual({ exitCode: 0, deeds: [deed] })
    expect(stderr).toContain('pg-0')
  })

  test('is the node that is primary now, wherever that is', async () => {
    const lease = { ...healthyView('pg-1').lease!, holder: asNodeName('pg-2'), epoch: asEpoch(4) }
    const nodes = {
      'pg-0': { silence: 'refused' },
      'pg-2': healthyView(
        'pg-2',
        { lease, role: { ...healthyView('pg-2').role, isPrimary: true } },
        { isPrimary: true, epoch: asEpoch(4), state: 'running', upstream: null },
      ),
    } as const
    expect((await pgherd('node kill primary', { nodes })).deeds).toEqual(['kill pg-2'])
    expect((await pgherd('url --node primary', { nodes })).stdout).toContain('127.0.0.1:5512')
  })

  test.each([
    ['nobody is primary', noPrimary],
    ['nobody answers', unreachable],
  ])('%s: an error that says how to go on, and nothing is done', async (_title, script) => {
    const { exitCode, deeds, stderr } = await pgherd('node kill primary', script)
    expect({ exitCode, deeds }).toEqual({ exitCode: 11, deeds: [] })
    expect(stderr).toContain('no node of cluster main is primary now')
    expect(stderr).toContain('next:    name the node (pg-0, pg-1, pg-2, pgw-0, lb-0)')
  })
})

describe('hosts of a lab', () => {
  const lab = 'up'
  test.each([
    ["lab exec pg-0 -- sh -c 'exit 7'", 7],
    ['lab exec pg-0 -- true', 0],
    ["lab exec pg-0 -- sh -c 'kill -TERM $$'", 143],
    ["lab exec pg-0 -- sh -c 'kill -KILL $$'", 137],
  ])('%s: the exit code is %i', async (line, exitCode) => {
    expect(await pgherd(line, { lab })).toMatchObject({ exitCode, stderr: '' })
  })

  test.each(['psql', 'lab exec client -- true', 'lab shell pg-0'])(
    '%s while the lab is down: which lab, and the next step',
    async (line) => {
      const { exitCode, stderr } = await pgherd(line, { lab: 'down' })
      expect(exitCode).toBe(6)
      expect(stderr).toMatch(/the lab of cluster main is down.*pgherd up/s)
    },
  )

  test.each([
    ['lab cut pg-1 --from primary', 'cut pg-1 pg-0'],
    ['lab cut primary --from vip,pg-1,vip', 'cut pg-0 lb-0,pg-1'],
    ["lab cut pg-0 --from 'pg-1, pg-2'", 'cut pg-0 pg-1,pg-2'],
    ['lab cut vip --one-way', 'cut lb-0 all one-way'],
    ['lab heal pg-1 --from vip', 'heal pg-1 lb-0'],
    ['lab heal vip', 'heal lb-0 all'],
    ['lab heal --all', 'heal-all'],
  ])('%s', async (line, deed) => {
    const { exitCode, deeds } = await pgherd(line, { lab })
    expect({ exitCode, deeds }).toEqual({ exitCode: 0, deeds: [deed] })
  })

  test('heal --all: power is another matter, and it says so', async () => {
    const { stderr } = await pgherd('lab heal --all', { lab })
    expect(stderr).toContain('every cable is whole again')
    expect(stderr).toContain('without power, as before: pg-2 (pgherd lab power-on pg-2)')
  })

  test.each([
    ['lab heal', 'pgherd lab heal needs a host, or --all'],
    ['lab heal pg-0 --all', '--all is for every host'],
    ['lab heal --all --from pg-1', '--all is for every host'],
    ['lab cut pg-0 --from ,', '--from names no host'],
  ])('%s: wrong usage', async (line, message) => {
    const { exitCode, deeds, stderr } = await pgherd(line, { lab })
    expect({ exitCode, deeds }).toEqual({ exitCode: 2, deeds: [] })
    expect(stderr).toContain(message)
  })
})

describe('logs', () => {
  test('primary: what its agent decided, and what PostgreSQL wrote', async () => {
    const folder = mkdtempSync(path.join(scratch, 'logs-'))
    const logFiles = ['agent.log', 'events.jsonl', 'postgresql.log'].map((name) =>
      path.join(folder, name),
    )
    const [agent = '', events = '', postgres = ''] = logFiles
    writeFileSync(agent, '{"level":"warn","time":"2026-03-09T14:03:07.512Z","msg":"slow store"}\n')
    writeFileSync(events, `${JSON.stringify(makeEvent({ message: 'pg-0 was promoted.' }))}\n`)
    writeFileSync(postgres, 'LOG:  ready\n')
    const { stdout } = await pgherd('logs primary', { logFiles })
    expect(stdout).toMatch(/^pg-0\/agent .* warn {2}slow store$/m)
    expect(stdout).toMatch(/^pg-0\/events .* event pg-0 was promoted\.$/m)
    expect(stdout).toMatch(/^pg-0\/postgresql LOG: {2}ready$/m)
  })

  test('--files: the paths, with --json one document', async () => {
    const logFiles = ['/nowhere/agent.log']
    expect(await pgherd('logs --files', { logFiles })).toMatchObject({
      exitCode: 0,
      stdout: '/nowhere/agent.log\n',
    })
    const { stdout } = await pgherd('logs --files --json', { logFiles })
    expect(JSON.parse(stdout)).toEqual({
      version: 1,
      cluster: 'main',
      files: [{ node: 'pg-0', path: '/nowhere/agent.log' }],
    })
  })
  test('none: said so, and for agents on hosts of their own, where they are', async () => {
    expect((await pgherd('logs')).stderr).toContain('there are no log files yet')
    const { stdout, stderr } = await pgherd('logs', { isElsewhere: true })
    expect(stdout).toBe('')
    expect(stderr).toContain('journalctl')
  })
})

test('secrets: made once, and a second time it says that nothing was made', async () => {
  expect((await pgherd(`secrets --spec ${specFile}`)).stderr).toContain('The secrets are in')
  expect((await pgherd(`secrets --spec ${specFile}`)).stderr).toContain('Nothing to make')
  rmSync(path.join(scratch, 'secrets', 'app.pgpass'))
  const { stdout } = await pgherd(`secrets --spec ${specFile} --json`)
  expect(JSON.parse(stdout)).toMatchObject({ isChanged: true })
})

describe('connection strings', () => {
  test.each([
    ['url', 'postgresql://app:********@127.0.0.1:5500/app'],
    ['url --read', 'postgresql://app:********@127.0.0.1:5501/app'],
    ['url --node pg-1', 'postgresql://app:********@127.0.0.1:5511/app'],
    ['url --show-secret', 'postgresql://app:s3cr%40t%2F@127.0.0.1:5500/app'],
  ])('%s', async (line, url) => {
    expect(await pgherd(line)).toMatchObject({ exitCode: 0, stdout: `${url}\n`, stderr: '' })
  })
})

describe('lint', () => {
  const examples = path.resolve(import.meta.dirname, '../lint/testdata')
  test('a deployment with faults: findings by file, the counts, and a failure', async () => {
    const { exitCode, stdout, stderr } = await pgherd(`lint ${examples}/reference`)
    expect({ exitCode, stderr }).toEqual({ exitCode: 3, stderr: '' })
    expect(stdout).toContain(
      `${examples}/reference/lb1/haproxy.cfg\n13  warning  L106  timeout client`,
    )
    expect(stdout).toMatch(/\n12 errors, 11 warnings, 5 info in 7 files \(\d+ rules\)\.\n$/)
  })
  test('a sound one: said so', async () => {
    const { exitCode, stdout } = await pgherd(`lint ${examples}/good`)
    expect(exitCode).toBe(0)
    expect(stdout).toMatch(/^No fault found in 4 files \(\d+ rules\)\.\n$/)
  })
  test('--json: one document with files, findings and counts', async () => {
    const line = `lint ${examples}/reference --rule l101,L218 --ignore L218 --json`
    const { exitCode, stdout } = await pgherd(line)
    expect(exitCode).toBe(3)
    const document = JSON.parse(stdout) as { files: string[]; findings: unknown[] }
    expect(document).toMatchObject({ version: 1, counts: { error: 1, warning: 0, info: 0 } })
    expect(document.files).toHaveLength(7)
    expect(document.findings[0]).toMatchObject({
      rule: 'L101',
      severity: 'error',
      line: 16,
      facts: { proxy: 'postgres' },
      places: ['lb1', 'lb2'].map((folder) => ({
        file: `${examples}/reference/${folder}/haproxy.cfg`,
        line: 16,
      })),
    })
  })
  test('warnings fail only with --strict, infos never', async () => {
    const line = `lint ${examples}/reference --rule`
    expect((await pgherd(`${line} L106`)).exitCode).toBe(0)
    expect((await pgherd(`${line} L106 --strict`)).exitCode).toBe(3)
    expect((await pgherd(`${line} L308 --strict`)).exitCode).toBe(0)
  })
  test('a compose file alone is read with the .env beside it', async () => {
    const { stdout } = await pgherd(`lint ${examples}/reference/docker-compose.yml --json`)
    expect((JSON.parse(stdout) as { files: string[] }).files).toHaveLength(2)
  })
  test.each([
    ['lint', 'needs <path>'],
    ['lint /nowhere/at/all', 'PGHERD_LINT_PATH_UNKNOWN'],
    [`lint ${import.meta.filename}`, 'PGHERD_LINT_KIND_UNKNOWN'],
    ['lint /dev/null', 'PGHERD_LINT_KIND_UNKNOWN'],
    [`lint ${examples}/good --rule L9999`, 'PGHERD_LINT_RULE_UNKNOWN'],
    [`lint ${examples}/good --rule L101,L102 --ignore l102,L101`, 'PGHERD_LINT_NO_RULE_LEFT'],
  ])('%s: wrong usage, explained', async (line, words) => {
    const { exitCode, stderr } = await pgherd(line)
    expect(exitCode).toBe(2)
    expect(stderr).toContain(words)
  })
  test('what is no text, or too large, is told and does not end it', async () => {
    const folder = mkdtempSync(path.join(scratch, 'lint-'))
    expect((await pgherd(`lint ${folder}`)).stderr).toContain('PGHERD_LINT_NOTHING_FOUND')
    writeFileSync(path.join(folder, 'haproxy.cfg'), '#'.repeat(2_000_000))
    writeFileSync(path.join(folder, '.env'), 'no variable\n')
    writeFileSync(path.join(folder, 'keepalived.conf'), 'a\0b')
    const { exitCode, stdout } = await pgherd(`lint ${folder}`)
    expect(exitCode).toBe(3)
    expect(stdout).toContain('larger than 1 MB')
    expect(stdout).toContain('this line is no KEY=value')
    expect(stdout).toContain('it is no text')
  })
  test('a .env that is no text is one finding', async () => {
    const file = path.join(mkdtempSync(path.join(scratch, 'lint-')), '.env')
    const bytes = Uint8Array.from({ length: 20_000 }, (_, at) => ((at * 7919) % 255) + 1)
    writeFileSync(file, bytes)
    const { exitCode, stdout } = await pgherd(`lint ${file}`)
    expect(exitCode).toBe(3)
    expect(stdout).toMatch(/L001 {2}it is no text\n/)
    expect(stdout).toContain('1 error in 1 file')
  })
  test('a compose file alone is read with those that it extends', async () => {
    const folder = mkdtempSync(path.join(scratch, 'lint-'))
    const file = path.join(folder, 'docker-compose.yml')
    const extending =
      'services:\n  a: { extends: { file: base.yml, service: b }, image: "postgres:16" }\n'
    writeFileSync(file, extending)
    const line = `lint ${file} --rule L302,L318`
    expect((await pgherd(line)).stdout).toMatch(/L318.*\n[^]*1 info in 1 file /)
    writeFileSync(path.join(folder, 'base.yml'), 'services:\n  b: { restart: always }\n')
    expect((await pgherd(line)).stdout).toMatch(/L302.*\n[^]*1 error in 2 files /)
  })
  test('links that lead nowhere, or in a circle, are told', async () => {
    const folder = mkdtempSync(path.join(scratch, 'lint-'))
    symlinkSync('haproxy.cfg', path.join(folder, 'haproxy.cfg'))
    symlinkSync('/nowhere/at/all', path.join(folder, 'keepalived.conf'))
    symlinkSync('/nowhere/at/all', path.join(folder, 'other.conf'))
    const { exitCode, stdout } = await pgherd(`lint ${folder}`)
    expect(exitCode).toBe(3)
    expect(stdout).toContain('its symbolic links lead in a circle')
    expect(stdout).toContain('there is no such file or folder')
    expect(stdout).toContain('2 errors in 2 files')
  })
})

test('what nobody foresaw is reported as a bug, with its stack', async () => {
  const { exitCode, stderr } = await pgherd('status --cluster other')
  expect(exitCode).toBe(1)
  expect(stderr).toContain('PGHERD_BUG')
  expect(stderr).toContain('caused by: RangeError')
})

test('render: what is printed is not what is to be installed', async () => {
  const folder = 'in the folder that --out writes:'
  const printed = await pgherd(`render lb-7 --spec ${spareFile}`)
  expect(printed).toMatchObject({ exitCode: 0, stderr: expect.stringContaining(folder) as string })
  const written = await pgherd(`render lb-7 --spec ${spareFile} --out ${scratch}`)
  expect(written.stderr).toContain('in the folder of these files:')
})

test('completion for a shell never complains', async () => {
  expect((await pgherd('__complete node kill pr')).stdout).toBe(
    'primary\tthe node that is primary now\n',
  )
  expect((await pgherd('__complete switchover --to pr')).stdout).toBe('')
  expect((await pgherd('__complete node stop pg-')).stdout).toBe(
    'pg-0\tdata\npg-1\tdata\npg-2\tdata\n',
  )
  const values = async (line: string, script: ProgramScript = {}) => {
    const { stdout } = await pgherd(`__complete ${line} ''`, script)
    return stdout.split('\n').flatMap((each) => each.split('\t').slice(0, -1))
  }
  expect(await values('switchover --to')).toEqual(['pg-1', 'pg-2'])
  expect(await values('switchover --to', unreachable)).toEqual(['pg-0', 'pg-1', 'pg-2'])
  expect(await values('psql --node')).toEqual(['pg-0', 'pg-1', 'pg-2', 'primary'])
  expect(await values('render')).toEqual(['lb-0'])
  expect(await values(`render --spec ${spareFile}`)).toEqual(['lb-7'])
  expect(await values('node kill')).toContain('lb-0')
  expect(await values('lab cut')).toEqual([])
  expect((await values('lab cut', { lab: 'up' })).slice(-4)).toEqual([
    'lb-0',
    'client',
    'primary',
    'vip',
  ])
  const others = await values('lab cut pg-1 --from', { lab: 'up' })
  expect([others.includes('pg-0'), others.includes('pg-1')]).toEqual([true, false])
  expect((await pgherd('__complete lab cut pg-1 --from vip,p', { lab: 'up' })).stdout).toMatch(
    /^vip,pg-0\thost\n[^]*\nvip,primary\t/,
  )
  expect((await pgherd('__complete status --color a')).stdout).toBe('auto\t\nalways\t\n')
  expect(await pgherd('__complete --cluster nowhere node stop x')).toMatchObject({
    exitCode: 0,
    stdout: '',
    stderr: '',
  })
})
