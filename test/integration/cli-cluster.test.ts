// The life of a cluster as a person sees it: up, look, connect, switch over, break, mend, down, destroy.
// One cluster for all; the tests build on each other in this order.

import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ClusterStatus } from '../../src/core/cluster-status.ts'
import type { JournalEvent } from '../../src/core/journal-event.ts'
import { eventually } from '../support/eventually.ts'
import { freePortBlock } from '../support/free-ports.ts'
import { type Home, type RunResult, makeHome } from '../support/run-pgherd.ts'

let home: Home
let basePort: number
let printed = ''

async function pgherd(...words: string[]): Promise<RunResult> {
  const result = await home.run(words, { timeoutMs: 120_000 })
  if (!words.includes('--show-secret')) printed += result.stdout + result.stderr
  return result
}

async function json<T>(...words: string[]): Promise<T & { exitCode: number }> {
  const { exitCode, stdout } = await pgherd(...words, '--json')
  return { ...(JSON.parse(stdout) as T), exitCode }
}

const status = () => json<ClusterStatus>('status')

async function untilHealthy(): Promise<ClusterStatus> {
  const seen: ClusterStatus[] = []
  const isHealthy = async () => {
    seen.push(await status())
    return seen.at(-1)?.verdict === 'healthy'
  }
  await eventually('the cluster is healthy', isHealthy, 60_000)
  return seen.at(-1)!
}

function secret(): string {
  return readFileSync(path.join(home.directory, 'cli', 'secrets', 'app.password'), 'utf8').trim()
}

/** Command lines of all processes, where a password would be seen by everybody. */
function commandLines(): string {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8')
      } catch {
        return ''
      }
    })
    .join('\n')
}

beforeAll(async () => {
  home = await makeHome()
  basePort = await freePortBlock(120)
  const spec = `cluster: cli\nplan: fast\nbasePort: ${basePort}\n`
  await writeFile(path.join(home.directory, 'given.yaml'), spec)
})
afterAll(async () => {
  await home.run(['destroy', '--yes', '--cluster', 'cli'], { timeoutMs: 60_000 })
  await home.remove()
})

test('up: from nothing to a healthy cluster, with its address and the next step', async () => {
  const { exitCode, stdout, stderr } = await pgherd(
    'up',
    '--spec',
    path.join(home.directory, 'given.yaml'),
  )
  expect(stderr).toContain('Cluster cli is up after')
  expect(exitCode).toBe(0)
  expect(stdout).toContain('Healthy: pg-')
  expect(stdout).toContain(`postgresql://app:********@127.0.0.1:${basePort}/app`)
  expect(stderr).toContain('Next: pgherd psql')
})

test('up again: nothing to change', async () => {
  const result = await json<{ isChanged: boolean; tookMs: number }>('up')
  expect(result).toMatchObject({ exitCode: 0, isChanged: false })
})

test('status: the whole document', async () => {
  const document = await status()
  expect(document).toMatchObject({
    exitCode: 0,
    version: 1,
    cluster: 'cli',
    verdict: 'healthy',
    durability: 'quorum',
    endpoints: { write: { host: '127.0.0.1', port: basePort } },
    reasons: [],
  })
  expect(document.lease?.remainingMs).toBeGreaterThan(0)
  const primary = document.nodes.find((node) => node.role === 'primary')
  expect(primary?.name).toBe(document.lease?.holder)
  for (const node of document.nodes.filter((one) => one.role === 'standby')) {
    expect(node).toMatchObject({ state: 'streaming', upstream: primary?.name, sync: 'quorum' })
    expect(node.lsn).toMatch(/^[0-9A-F]+\/[0-9A-F]+$/)
  }
})

test('psql and url: writes at the primary, reads at a standby', async () => {
  expect(await pgherd('psql', '-Atc', 'select pg_is_in_recovery()')).toMatchObject({
    exitCode: 0,
    stdout: 'f\n',
  })
  expect((await pgherd('psql', '--read', '-Atc', 'select pg_is_in_recovery()')).stdout).toBe('t\n')
  expect((await pgherd('psql', '-c', 'select nonsense')).exitCode).toBe(4)
  const { stdout } = await pgherd('url', '--show-secret')
  expect(stdout).toBe(`postgresql://app:${secret()}@127.0.0.1:${basePort}/app\n`)
})

describe('switchover', () => {
  test('a dry run says the plan and changes nothing', async () => {
    const before = await status()
    const { exitCode, stdout } = await pgherd('switchover', '--dry-run')
    expect(exitCode).toBe(0)
    expect(stdout).toMatch(/Plan +pg-\d makes a checkpoint/)
    expect((await status()).lease?.epoch).toBe(before.lease?.epoch)
  })

  test('to a witness, to the primary itself: refused by rule, exit code 7', async () => {
    const { lease } = await status()
    for (const target of ['pgw-0', lease?.holder ?? '']) {
      const { exitCode, stderr } = await pgherd('switchover', '--to', target, '--yes')
      expect(exitCode).toBe(7)
      expect(stderr).toMatch(/refused by rule R\d+: .*\n +next: +\S/)
    }
  })

  test('the primary moves, the pause is measured, the old primary follows', async () => {
    const before = await untilHealthy()
    const target = before.nodes.find((node) => node.role === 'standby')?.name ?? ''
    const done = await json<{
      from: string
      to: string
      pausedMs: number
      steps: JournalEvent[]
      after: ClusterStatus['nodes']
    }>('switchover', '--to', target, '--yes')
    expect(done).toMatchObject({ exitCode: 0, from: before.lease?.holder, to: target })
    expect(done.pausedMs).toBeGreaterThan(0)
    expect(done.steps.map((step) => step.kind)).toEqual(
      expect.arrayContaining(['lease-released', 'elected', 'promoted', 'opened']),
    )
    const { nodes } = await untilHealthy()
    expect(nodes.find((node) => node.name === before.lease?.holder)).toMatchObject({
      role: 'standby',
      upstream: target,
    })
  })
})

test('events and why: the last promotion with its rule and its steps', async () => {
  const { events } = await json<{ events: JournalEvent[] }>('events', '--since', '1h')
  const promoted = events.findLast((event) => event.kind === 'promoted')
  const why = await json<{ rule: { id: string }; steps: unknown[] }>('why', promoted?.id ?? '')
  expect(why.rule.id).toBe(promoted?.ruleId)
  expect(why.steps.length).toBeGreaterThan(2)
})

describe('agents that are dead or hang', () => {
  test('a frozen agent costs status its deadline and no more', async () => {
    const { nodes } = await untilHealthy()
    const standby = nodes.find((node) => node.role === 'standby')?.name ?? ''
    expect((await pgherd('node', 'freeze', standby, '--agent')).exitCode).toBe(0)
    try {
      const { exitCode, stdout, tookMs } = await pgherd('status')
      expect(exitCode).toBe(10)
      expect(stdout).toContain(`${standby} is frozen`)
      expect(stdout).toContain(`pgherd node thaw ${standby}`)
      expect(tookMs).toBeLessThan(5_000)
    } finally {
      await pgherd('node', 'thaw', standby)
    }
    await untilHealthy()
  })

  test('the primary dies: the verdict says so, a standby takes over, start brings it back', async () => {
    const before = await untilHealthy()
    const primary = before.lease?.holder ?? ''
    expect((await pgherd('node', 'kill', primary)).stderr).toMatch(/processes killed/)
    await eventually('another primary', async () => {
      const { lease, verdict } = await status()
      return lease?.holder !== primary && verdict === 'degraded'
    })
    const { stdout } = await pgherd('status')
    expect(stdout).toContain(`pgherd node start ${primary}`)
    expect((await pgherd('psql', '-Atc', 'select 1')).stdout).toBe('1\n')
    expect((await pgherd('node', 'start', primary)).exitCode).toBe(0)
    const { nodes } = await untilHealthy()
    expect(nodes.find((node) => node.name === primary)?.role).toBe('standby')
  })
})

test('pause is a banner and a reason; resume takes it away', async () => {
  expect((await pgherd('pause', '--reason', 'a drill')).exitCode).toBe(0)
  const { stdout, exitCode } = await pgherd('status')
  expect(exitCode).toBe(10)
  expect(stdout).toMatch(/AUTOMATION IS PAUSED since .*: a drill/)
  expect((await pgherd('resume')).exitCode).toBe(0)
  await untilHealthy()
})

test('down, status, up: data stays', async () => {
  await pgherd('psql', '-c', 'create table kept as select 42 as answer')
  expect((await pgherd('down')).exitCode).toBe(0)
  const { stdout, exitCode } = await pgherd('status')
  expect(exitCode).toBe(12)
  expect(stdout).toContain('cluster cli is down')
  expect((await pgherd('events')).exitCode).toBe(12)
  expect((await pgherd('up')).exitCode).toBe(0)
  expect((await pgherd('psql', '-Atc', 'select answer from kept')).stdout).toBe('42\n')
})

test('no password was printed, and none stands in a command line', () => {
  expect(printed.length).toBeGreaterThan(10_000)
  expect(printed).not.toContain(secret())
  expect(commandLines()).not.toContain(secret())
})

test('destroy leaves no process, port or file', async () => {
  const { stderr } = await pgherd('destroy')
  expect(stderr).toContain('add --yes --cluster cli')
  expect(existsSync(path.join(home.directory, 'cli'))).toBe(true)
  expect((await pgherd('destroy', '--yes', '--cluster', 'cli')).exitCode).toBe(0)
  expect(readdirSync(home.directory)).toEqual(['given.yaml'])
  expect(commandLines()).not.toContain(home.directory)
  expect(await listeners()).toEqual([])
})

/** Ports of this cluster on which somebody still listens, from the kernel's table. */
async function listeners(): Promise<readonly number[]> {
  const table = await readFile('/proc/net/tcp', 'utf8')
  return table
    .split('\n')
    .slice(1)
    .flatMap((line) => {
      const [, local = '', , state] = line.trim().split(/\s+/)
      const port = Number.parseInt(local.split(':')[1] ?? '', 16)
      return state === '0A' && port >= basePort && port < basePort + 120 ? [port] : []
    })
}
