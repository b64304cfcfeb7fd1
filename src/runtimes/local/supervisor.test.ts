// The supervisor over agents that are small scripts: what they do is their node's name.

import { rmSync, writeFileSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { eventually } from '../../../test/support/eventually.ts'
import { isSameProcess, readProcess } from '../../host/process-info.ts'
import { clusterPathsOf } from './paths.ts'
import type { ClusterPaths } from './paths.ts'
import { readAgentRecord, readSupervisorRecord, writeJson, writeWanted } from './state-files.ts'
import { runSupervisor } from './supervisor.ts'

const agentScript = `
const node = process.argv[process.argv.indexOf('--node') + 1]
if (node === 'invalid') {
  console.error('the spec is wrong\\n  cause: a test\\n  next: nothing')
  process.exit(3)
}
if (node === 'crashing') process.exit(1)
console.log('runs')
setInterval(() => undefined, 1000)
`

let home: string
let paths: ClusterPaths
let running: { stop(): Promise<void> }[]
const logged: string[] = []
const nodes = ['steady', 'invalid', 'crashing']

beforeEach(async () => {
  home = await mkdtemp(path.join(os.tmpdir(), 'pgherd-supervisor-'))
  paths = clusterPathsOf(home, 'c', nodes)
  for (const folder of [paths.state, paths.logs]) await mkdir(folder, { recursive: true })
  for (const node of nodes) await mkdir(paths.nodeDirectory(node), { recursive: true })
  await writeFile(path.join(home, 'agent.mjs'), agentScript)
  running = []
  logged.length = 0
})

afterEach(async () => {
  for (const supervisor of running) await supervisor.stop()
  for (const node of nodes) {
    const record = await readAgentRecord(paths.agentFile(node))
    if (record !== null && isSameProcess(record.pid, record.startTicks)) {
      process.kill(record.pid, 'SIGKILL')
    }
  }
  await rm(home, { recursive: true, force: true })
})

function supervise(): { stop(): Promise<void> } {
  const controller = new AbortController()
  const finished = runSupervisor(
    {
      home,
      cluster: 'c',
      nodes,
      enter: () => [],
      execPath: process.execPath,
      bundle: path.join(home, 'agent.mjs'),
      log: (message) => logged.push(message),
    },
    controller.signal,
  )
  const supervisor = {
    stop: async () => {
      controller.abort()
      await finished
    },
  }
  running.push(supervisor)
  return supervisor
}

const want = (node: string, state: 'running' | 'stopped') =>
  writeWanted(paths.wantedFile(node), state, null)

async function alivePid(node: string): Promise<number | null> {
  const record = await readAgentRecord(paths.agentFile(node))
  if (record === null || record.state !== 'started') return null
  return isSameProcess(record.pid, record.startTicks) ? record.pid : null
}

async function untilAlive(node: string, otherThan: number | null = null): Promise<number> {
  let pid: number | null = null
  await eventually(`the agent of ${node} runs`, async () => {
    pid = await alivePid(node)
    return pid !== null && pid !== otherThan
  })
  return pid!
}

describe('supervisor', () => {
  it('starts what is wanted, with the words that an agent needs, in its folder', async () => {
    supervise()
    await want('steady', 'running')
    const info = readProcess(await untilAlive('steady'))
    expect(info?.workingDirectory).toBe(paths.nodeDirectory('steady'))
    expect(info?.arguments.slice(-9)).toEqual([
      'agent',
      '--spec',
      paths.specFile,
      '--node',
      'steady',
      '--data-dir',
      paths.nodeDirectory('steady'),
      '--socket-dir',
      paths.socketDirectory('steady'),
    ])
    expect(await alivePid('invalid')).toBeNull()
  })

  it('starts a killed agent again at once and counts it', async () => {
    supervise()
    await want('steady', 'running')
    const first = await untilAlive('steady')
    process.kill(first, 'SIGKILL')
    const second = await untilAlive('steady', first)
    expect(second).not.toBe(first)
    expect((await readAgentRecord(paths.agentFile('steady')))?.restartCount).toBe(1)
    expect(logged.join('\n')).toMatch(/steady: the agent ended \(SIGKILL.*started again in 0 ms/)
  })

  it('knows how an agent ended, also when it looks before it was told', async () => {
    supervise()
    await want('steady', 'running')
    let pid = await untilAlive('steady')
    const stirred = path.join(paths.state, 'stirred')
    for (let turns = 1; turns <= 25; turns += 1) {
      // A changed file makes it look; `turns` later that look stands somewhere between its reads.
      writeFileSync(stirred, '')
      for (let turn = 0; turn < turns; turn += 1) {
        await new Promise<void>((resolve) => setImmediate(resolve))
      }
      process.kill(pid, 'SIGKILL')
      // Nobody is told of anything meanwhile, but /proc shows it dead.
      const untilMs = performance.now() + 5
      while (performance.now() < untilMs || readProcess(pid) !== null);
      rmSync(stirred)
      await want('steady', 'running')
      pid = await untilAlive('steady', pid)
    }
    const ends = logged.filter((line) => line.startsWith('steady: the agent ended'))
    expect(ends).toHaveLength(25)
    for (const end of ends) expect(end).toContain('(SIGKILL')
  })

  it('leaves an agent alone that is not wanted any more', async () => {
    supervise()
    await want('steady', 'running')
    const pid = await untilAlive('steady')
    await want('steady', 'stopped')
    process.kill(pid, 'SIGTERM')
    await eventually('it is noted', async () => {
      return (await readAgentRecord(paths.agentFile('steady')))?.state === 'ended'
    })
    await want('crashing', 'running')
    await eventually('others go on', () => logged.some((line) => line.startsWith('crashing')))
    expect(await alivePid('steady')).toBeNull()
    expect(logged.filter((line) => line.startsWith('steady: started'))).toHaveLength(1)
  })

  it('does not repeat what would only fail again, until a command asks anew', async () => {
    supervise()
    await want('invalid', 'running')
    await eventually('it has failed', async () => {
      return (await readAgentRecord(paths.agentFile('invalid')))?.state === 'failed'
    })
    expect(await readAgentRecord(paths.agentFile('invalid'))).toMatchObject({
      restartCount: 0,
      detail: 'exit code 3: the spec is wrong',
    })
    await want('steady', 'running')
    await untilAlive('steady')
    const starts = () => logged.filter((line) => line.startsWith('invalid: started')).length
    expect(starts()).toBe(1)
    await want('invalid', 'running')
    await eventually('it is tried again', () => starts() === 2)
  })

  it('waits longer and longer for an agent that keeps crashing', async () => {
    supervise()
    await want('crashing', 'running')
    await eventually('it was tried four times', () => {
      return logged.filter((line) => line.startsWith('crashing: started')).length >= 4
    })
    const pauses = logged.flatMap((line) => /crashing.*again in (\d+) ms/.exec(line)?.[1] ?? [])
    expect(pauses.slice(0, 3)).toEqual(['0', '200', '500'])
  })

  it('leaves the agents when it ends; the next one takes them over and watches them', async () => {
    const first = supervise()
    await want('steady', 'running')
    const pid = await untilAlive('steady')
    await first.stop()
    expect(isSameProcess(pid, readProcess(pid)?.startTicks ?? -1)).toBe(true)
    supervise()
    await eventually('it is taken over', () => {
      return logged.some((line) =>
        line.includes(`takes over the running agent, process ${String(pid)}`),
      )
    })
    process.kill(pid, 'SIGKILL')
    await untilAlive('steady', pid)
  })

  it('is one per cluster', async () => {
    const other = process.ppid
    await writeJson(
      paths.supervisorFile,
      { pid: other, startTicks: readProcess(other)!.startTicks },
      null,
    )
    await supervise().stop()
    expect(logged).toEqual(['another supervisor runs already'])
    expect(await readSupervisorRecord(paths.supervisorFile)).toMatchObject({ pid: other })
  })

  it('takes the place of one that is gone', async () => {
    await writeJson(paths.supervisorFile, { pid: process.ppid, startTicks: 1 }, null)
    supervise()
    await want('steady', 'running')
    await untilAlive('steady')
    expect(await readSupervisorRecord(paths.supervisorFile)).toMatchObject({ pid: process.pid })
  })

  it('a file that was cut short counts as none', async () => {
    await writeFile(paths.supervisorFile, '{"pid":')
    expect(await readSupervisorRecord(paths.supervisorFile)).toBeNull()
    await writeFile(paths.wantedFile('steady'), '')
    expect(await want('steady', 'running')).toEqual({ state: 'running', generation: 1 })
    expect(JSON.parse(await readFile(paths.wantedFile('steady'), 'utf8'))).toEqual({
      state: 'running',
      generation: 1,
    })
  })
})
