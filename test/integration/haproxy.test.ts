// The proxy on a real HAProxy, in front of servers and agents that do as the test says.

import { createServer as createHttpServer } from 'node:http'
import type { Server as HttpServer } from 'node:http'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import type { Server, Socket } from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { checkHaproxy, startHaproxy, validateConfig } from '../../src/adapters/haproxy/program.ts'
import { createHaproxy } from '../../src/adapters/haproxy/proxy.ts'
import type { HaproxyOptions } from '../../src/adapters/haproxy/proxy.ts'
import { renderConfig } from '../../src/adapters/haproxy/render.ts'
import { systemClock } from '../../src/adapters/system/clock.ts'
import type { ClusterLayout, NodeLayout } from '../../src/core/cluster-layout.ts'
import { asNodeName } from '../../src/core/names.ts'
import type { ClusterName } from '../../src/core/names.ts'
import { timingPlans } from '../../src/core/timing-plan.ts'
import type { Clock } from '../../src/ports/clock.ts'
import type { Journal } from '../../src/ports/journal.ts'
import type { Proxy } from '../../src/ports/proxy.ts'
import { endLasting } from '../../src/host/lasting-process.ts'
import type { LastingProcess } from '../../src/host/lasting-process.ts'
import { isProcessAlive } from '../../src/host/process-table.ts'
import type { PgherdError } from '../../src/lib/errors.ts'
import { eventually } from '../support/eventually.ts'
import { freePorts } from '../support/free-ports.ts'

const pg0 = asNodeName('pg-0')
const pg1 = asNodeName('pg-1')
const deadlineMs = 2000
const impatientMs = 300

/** A server that says its name to whoever connects, and an agent that answers role checks. */
class FakeNode {
  isPrimary = false
  isStandby = false
  checkCount = 0
  /** Sessions that were ever led here. */
  sessionCount = 0
  readonly name: string
  readonly #sockets = new Set<Socket>()
  readonly #server: Server
  #agent: HttpServer | null = null
  readonly #apiPort: number

  constructor(name: string, apiPort: number) {
    this.name = name
    this.#apiPort = apiPort
    this.#server = createServer((socket) => {
      this.#sockets.add(socket)
      this.sessionCount += 1
      socket.on('error', () => undefined)
      socket.resume()
      socket.on('close', () => this.#sockets.delete(socket))
      socket.write(name)
    })
  }

  async start(port: number): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(port, '127.0.0.1', resolve))
    await this.startAgent()
  }

  startAgent(): Promise<void> {
    const agent = createHttpServer((request, response) => {
      this.checkCount += 1
      const isYes = request.url === '/primary' ? this.isPrimary : this.isStandby
      response.writeHead(isYes ? 200 : 503, { 'content-length': 0 }).end()
    })
    this.#agent = agent
    return new Promise((resolve) => agent.listen(this.#apiPort, '127.0.0.1', resolve))
  }

  stopAgent(): Promise<void> {
    const agent = this.#agent
    agent?.closeAllConnections()
    return new Promise((resolve) => (agent === null ? resolve() : agent.close(() => resolve())))
  }

  /** From now on connections are refused; the agent still says what it said. */
  async stopServer(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  async stop(): Promise<void> {
    await this.stopAgent()
    await this.stopServer()
  }
}

type Session = { readonly server: string; readonly closed: Promise<number>; end(): void }

let directory: string
let layout: ClusterLayout
let nodes: readonly [FakeNode, FakeNode]
let proxies: Proxy[]
let sessions: Session[]
const logged: string[] = []
const journal: Journal = { record: () => undefined, log: (_level, text) => logged.push(text) }

const portOf = (kind: 'write' | 'read') => layout.endpoints[kind]?.port ?? 0

/**
 * Opens a session; resolves with the server behind it, or null when there was none.
 * @param patienceMs the client goes away when it has heard nothing for so long
 */
function open(kind: 'write' | 'read', patienceMs = 20_000): Promise<Session | null> {
  return new Promise((resolve) => {
    const socket = connect(portOf(kind), '127.0.0.1')
    socket.setTimeout(patienceMs, () => session === null && socket.destroy())
    // As libpq does: the client speaks first, and once.
    socket.write('startup')
    let session: Session | null = null
    const closed = new Promise<number>((close) => {
      socket.on('close', () => {
        close(performance.now())
        if (session === null) resolve(null)
      })
    })
    socket.on('error', () => undefined)
    socket.once('data', (name: Buffer) => {
      session = { server: name.toString(), closed, end: () => socket.destroy() }
      sessions.push(session)
      resolve(session)
    })
  })
}

/** Where a client is led that does not wait for a primary. */
const whereTo = async (kind: 'write' | 'read') => {
  const session = await open(kind, impatientMs)
  session?.end()
  return session?.server ?? null
}

function optionsFor(changes: Partial<HaproxyOptions> = {}): HaproxyOptions {
  const file = (name: string) => path.join(directory, name)
  return {
    binary: 'haproxy',
    layout,
    bindHost: '127.0.0.1',
    connectionsMax: 100,
    serverConnections: { writeMax: 50, readMax: 50, fallbackMax: 13 },
    readLagMaxMb: 64,
    stats: { bindHost: '127.0.0.1', password: 'a-generated_0ne' },
    runAs: null,
    directory,
    configFile: file('haproxy.cfg'),
    stateFile: file('haproxy.state'),
    pidFile: file('haproxy.pid'),
    socketPath: file('haproxy.sock'),
    logFile: file('haproxy.log'),
    ...changes,
  }
}

async function startProxy(changes: Partial<HaproxyOptions> = {}): Promise<Proxy> {
  const proxy = createHaproxy(systemClock, journal, optionsFor(changes))
  proxies.push(proxy)
  proxy.start()
  await eventually('HAProxy runs', () => proxy.state().kind === 'running')
  return proxy
}

/** A proxy whose agent can be killed: from then on its code does nothing more. HAProxy stays. */
async function startMortalProxy(): Promise<{ die(): void }> {
  let isDead = false
  const clock: Clock = {
    ...systemClock,
    sleep: (durationMs, signal) =>
      isDead ? new Promise(() => undefined) : systemClock.sleep(durationMs, signal),
  }
  const proxy = createHaproxy(clock, journal, optionsFor())
  proxy.start()
  await eventually('HAProxy runs', () => proxy.state().kind === 'running')
  return { die: () => void (isDead = true) }
}

const isUpToDate = (proxy: Proxy): boolean => {
  const state = proxy.state()
  return state.kind === 'running' && state.outdated === null
}

const pidOf = async () => Number(await readFile(path.join(directory, 'haproxy.pid'), 'utf8'))

beforeEach(async () => {
  directory = await mkdtemp(path.join(os.tmpdir(), 'pgherd-haproxy-'))
  proxies = []
  sessions = []
  logged.length = 0
  const [db0, db1, api0, api1, write, read, stats, health] = await freePorts(8)
  const node = (name: string, postgresPort: number, apiPort: number): NodeLayout => ({
    name: asNodeName(name),
    role: 'data',
    host: '127.0.0.1',
    postgresPort,
    apiPort,
    storeClientPort: null,
    storePeerPort: null,
    isVoter: false,
    noFailover: false,
  })
  layout = {
    cluster: 'main' as ClusterName,
    durability: 'quorum',
    syncStandbys: 1,
    plan: timingPlans.fast,
    nodes: [node('pg-0', db0!, api0!), node('pg-1', db1!, api1!)],
    endpoints: {
      write: { host: '127.0.0.1', port: write! },
      read: { host: '127.0.0.1', port: read! },
    },
    balancerPorts: { stats: stats!, health: health! },
    vip: null,
  }
  nodes = [new FakeNode('pg-0', api0!), new FakeNode('pg-1', api1!)]
  await nodes[0].start(db0!)
  await nodes[1].start(db1!)
})

afterEach(async () => {
  for (const session of sessions) session.end()
  for (const proxy of proxies) await proxy.stop()
  // What an agent that was killed has left.
  await createHaproxy(systemClock, journal, optionsFor()).stop()
  for (const node of nodes) await node.stop()
  await rm(directory, { recursive: true, force: true })
})

describe('haproxy: checks alone', () => {
  it('lead writes to the primary, and at no moment to anybody else', async () => {
    const proxy = createHaproxy(systemClock, journal, optionsFor())
    proxies.push(proxy)
    proxy.start()
    const seen = new Set<string | null>()
    while (proxy.state().kind !== 'running') seen.add(await whereTo('write'))
    for (let attempt = 0; attempt < 50; attempt += 10) {
      const places = await Promise.all(Array.from({ length: 10 }, () => whereTo('write')))
      for (const place of places) seen.add(place)
    }
    expect([...seen]).toEqual([null])
    nodes[0].isPrimary = true
    await eventually('writes reach pg-0', async () => (await whereTo('write')) === 'pg-0')
  })

  it('cut the sessions of a primary that says no longer to be one', async () => {
    nodes[0].isPrimary = true
    await startProxy()
    await eventually('writes reach pg-0', async () => (await whereTo('write')) === 'pg-0')
    const session = await open('write')
    nodes[0].isPrimary = false
    nodes[1].isPrimary = true
    const changedAtMs = performance.now()
    const cutAfterMs = (await session!.closed) - changedAtMs
    expect(cutAfterMs).toBeLessThan(3000)
    expect(await whereTo('write')).toBe('pg-1')
  })

  it('keep sessions while an agent is started again', async () => {
    nodes[0].isPrimary = true
    await startProxy()
    await eventually('writes reach pg-0', async () => (await whereTo('write')) === 'pg-0')
    const session = await open('write')
    let isCut = false
    void session!.closed.then(() => (isCut = true))
    await nodes[0].stopAgent()
    const before = nodes[0].checkCount
    await systemClock.sleep(150)
    await nodes[0].startAgent()
    await eventually('checked again', () => nodes[0].checkCount > before + 3)
    expect(isCut).toBe(false)
    expect(await whereTo('write')).toBe('pg-0')
  })

  it('lead reads to standbys, and to the primary when there is none', async () => {
    nodes[0].isPrimary = true
    nodes[1].isStandby = true
    await startProxy()
    await eventually('reads reach only pg-1', async () => {
      const places = [await whereTo('read'), await whereTo('read'), await whereTo('read')]
      return places.every((place) => place === 'pg-1')
    })
    nodes[1].isStandby = false
    await eventually('reads reach pg-0', async () => (await whereTo('read')) === 'pg-0')
  })
})

describe('haproxy: a client that connects while there is no primary', () => {
  it('is held, and served within a moment of the opening, without an error', async () => {
    const proxy = await startProxy()
    await proxy.routeWrites(null, deadlineMs)
    const waiting = Array.from({ length: 20 }, () => open('write'))
    expect(await whereTo('write')).toBeNull()
    const openedAtMs = performance.now()
    await proxy.routeWrites(pg1, deadlineMs)
    const places = (await Promise.all(waiting)).map((session) => session?.server)
    const tookMs = performance.now() - openedAtMs
    expect(new Set(places)).toEqual(new Set(['pg-1']))
    expect(tookMs).toBeLessThan(500)
  })

  it('also when the one that it was led to has just died, and is not closed yet', async () => {
    nodes[0].isPrimary = true
    const proxy = await startProxy()
    await eventually('writes reach pg-0', async () => (await whereTo('write')) === 'pg-0')
    await nodes[0].stopServer()
    const waiting = open('write')
    expect(await whereTo('write')).toBeNull()
    const openedAtMs = performance.now()
    nodes[0].isPrimary = false
    nodes[1].isPrimary = true
    await proxy.routeWrites(pg1, deadlineMs)
    expect((await waiting)?.server).toBe('pg-1')
    expect(performance.now() - openedAtMs).toBeLessThan(500)
  })

  it('and has gone away meanwhile is led to nobody', async () => {
    const proxy = await startProxy()
    await proxy.routeWrites(null, deadlineMs)
    const gone = Array.from({ length: 5 }, () => whereTo('write'))
    expect(new Set(await Promise.all(gone))).toEqual(new Set([null]))
    const stayed = open('write')
    nodes[1].isPrimary = true
    await proxy.routeWrites(pg1, deadlineMs)
    expect((await stayed)?.server).toBe('pg-1')
    expect(nodes[1].sessionCount).toBe(1)
  })
})

describe('haproxy: told by the agent', () => {
  it('switches and cuts within milliseconds, and reports how long it took', async () => {
    const proxy = await startProxy()
    const switchMs: number[] = []
    const cutMs: number[] = []
    for (let turn = 0; turn < 20; turn += 1) {
      const [from, to] = turn % 2 === 0 ? [pg0, pg1] : [pg1, pg0]
      const [old, next] = turn % 2 === 0 ? nodes : [nodes[1], nodes[0]]
      old.isPrimary = true
      next.isPrimary = false
      await proxy.routeWrites(from, deadlineMs)
      const session = await open('write')
      expect(session!.server).toBe(from)
      // The checks see the new roles only after the switch.
      const startedAtMs = performance.now()
      await proxy.routeWrites(to, deadlineMs)
      switchMs.push(performance.now() - startedAtMs)
      old.isPrimary = false
      next.isPrimary = true
      cutMs.push((await session!.closed) - startedAtMs)
      expect(await whereTo('write')).toBe(to)
    }
    const median = (values: number[]) => values.sort((a, b) => a - b)[values.length >> 1] ?? 0
    console.log(
      `switch: median ${median(switchMs).toFixed(1)} ms, worst ${Math.max(...switchMs).toFixed(1)} ms; ` +
        `old session cut: median ${median(cutMs).toFixed(1)} ms, worst ${Math.max(...cutMs).toFixed(1)} ms`,
    )
    expect(median(switchMs)).toBeLessThan(50)
  })

  it('nobody means nobody, and checks still win afterwards', async () => {
    const proxy = await startProxy()
    await proxy.routeWrites(pg0, deadlineMs)
    await proxy.routeWrites(null, deadlineMs)
    expect(await whereTo('write')).toBeNull()
    nodes[1].isPrimary = true
    await eventually('a check opens pg-1', async () => (await whereTo('write')) === 'pg-1')
  })

  it('a node that was opened against its checks is closed by them', async () => {
    const proxy = await startProxy()
    await proxy.routeWrites(pg1, deadlineMs)
    expect(await whereTo('write')).toBe('pg-1')
    await eventually('checks close pg-1', async () => (await whereTo('write')) === null)
  })

  it('closes whoever a check has opened besides the holder', async () => {
    nodes[0].isPrimary = true
    nodes[1].isPrimary = true
    const proxy = await startProxy()
    await eventually('both are open', async () => {
      const both = new Set([await whereTo('write'), await whereTo('write')])
      return both.has('pg-0') && both.has('pg-1')
    })
    expect(await proxy.openForWrites(deadlineMs)).toEqual(['pg-0', 'pg-1'])
    await proxy.closeWrites([asNodeName('pg-0')], deadlineMs)
    expect(await whereTo('write')).toBe('pg-1')
    nodes[0].isPrimary = false
    await eventually('pg-0 stays closed', async () => {
      return (await proxy.openForWrites(deadlineMs)).join() === 'pg-1'
    })
  })

  it('an unknown node is an error, not silence', async () => {
    const proxy = await startProxy()
    await expect(proxy.routeWrites(asNodeName('pg-9'), deadlineMs)).rejects.toThrow(
      /No such server/,
    )
  })
})

describe('haproxy: the process', () => {
  it('is started again when it dies, closed, and says so', async () => {
    const proxy = await startProxy()
    const first = await pidOf()
    let startCount = 0
    proxy.onStarted(() => (startCount += 1))
    process.kill(first, 'SIGKILL')
    await eventually('it runs again', () => startCount === 1)
    expect(await pidOf()).not.toBe(first)
    expect(logged.join('\n')).toContain('HAProxy ended (SIGKILL)')
    expect(await whereTo('write')).toBeNull()
  })

  it('outlives its agent; the next agent takes it over without cutting anybody', async () => {
    nodes[0].isPrimary = true
    const first = await startMortalProxy()
    await eventually('writes reach pg-0', async () => (await whereTo('write')) === 'pg-0')
    const session = await open('write')
    const pid = await pidOf()
    first.die()
    const second = await startProxy()
    expect(await pidOf()).toBe(pid)
    await second.routeWrites(pg0, deadlineMs)
    let isCut = false
    void session!.closed.then(() => (isCut = true))
    await systemClock.sleep(50)
    expect(isCut).toBe(false)
    // The process that was taken over is watched as well.
    let startCount = 0
    second.onStarted(() => (startCount += 1))
    process.kill(pid, 'SIGKILL')
    await eventually('it runs again', () => startCount === 1)
  })

  it('takes a new configuration over without dropping sessions', async () => {
    nodes[0].isPrimary = true
    const first = await startMortalProxy()
    await eventually('writes reach pg-0', async () => (await whereTo('write')) === 'pg-0')
    const session = await open('write')
    const pid = await pidOf()
    first.die()
    await startProxy({ connectionsMax: 50 })
    expect(await pidOf()).not.toBe(pid)
    expect(await whereTo('write')).toBe('pg-0')
    let isCut = false
    void session!.closed.then(() => (isCut = true))
    await systemClock.sleep(100)
    expect(isCut).toBe(false)
    session!.end()
    await eventually('the old process ends', () => !isProcessAlive(pid))
  })

  it('one of an older version, without a backend for the checks, is replaced by a closed one', async () => {
    nodes[0].isPrimary = true
    const [server0, server1] = layout.nodes.map((node) => `127.0.0.1:${String(node.postgresPort)}`)
    const options = optionsFor()
    const older = [
      'global',
      `  stats socket ${options.socketPath} mode 600 level admin expose-fd listeners`,
      'defaults',
      '  mode tcp',
      '  timeout connect 2s',
      '  timeout client 1h',
      '  timeout server 1h',
      'listen write',
      `  bind 127.0.0.1:${String(portOf('write'))}`,
      `  server pg-0 ${server0!}`,
      `  server pg-1 ${server1!} backup`,
      '',
    ]
    await writeFile(options.configFile, older.join('\n'))
    startHaproxy('haproxy', options, options.configFile, null)
    await eventually('the older one serves', async () => (await whereTo('write')) === 'pg-0')
    const seen = new Set<string | null>()
    const proxy = createHaproxy(systemClock, journal, optionsFor())
    proxies.push(proxy)
    proxy.start()
    while (proxy.state().kind !== 'running') seen.add(await whereTo('write'))
    await eventually('a check opens pg-0', async () => {
      const place = await whereTo('write')
      seen.add(place)
      return place === 'pg-0' && isUpToDate(proxy)
    })
    expect(seen).not.toContain('pg-1')
    expect(nodes[1].sessionCount).toBe(0)
  })

  it('a reload that fails leaves one process, which the next attempt replaces', async () => {
    nodes[0].isPrimary = true
    const first = await startMortalProxy()
    await eventually('writes reach pg-0', async () => (await whereTo('write')) === 'pg-0')
    const pid = await pidOf()
    first.die()
    const squatter = createServer()
    const [taken] = await freePorts(1)
    await new Promise<void>((resolve) => squatter.listen(taken, '127.0.0.1', resolve))
    const changed = { ...layout, balancerPorts: { ...layout.balancerPorts!, stats: taken! } }
    const second = createHaproxy(systemClock, journal, optionsFor({ layout: changed }))
    proxies.push(second)
    second.start()
    // HAProxy itself tries for two seconds.
    await eventually('it says that the old one stays', () => {
      const state = second.state()
      return state.kind === 'running' && (state.outdated ?? '').includes(String(taken))
    })
    expect(await pidOf()).toBe(pid)
    expect(await whereTo('write')).toBe('pg-0')
    await second.routeWrites(pg1, deadlineMs)
    await new Promise((resolve) => squatter.close(resolve))
    await eventually('it is tried again', () => isUpToDate(second))
    await eventually('the old process ends', () => !isProcessAlive(pid))
    expect(logged.filter((line) => line.includes('keeps its former configuration'))).toHaveLength(1)
  })

  it('one that hangs is ended and started again', async () => {
    const proxy = await startProxy()
    const pid = await pidOf()
    let startCount = 0
    proxy.onStarted(() => (startCount += 1))
    process.kill(pid, 'SIGSTOP')
    await eventually('another one runs', () => startCount === 1)
    expect(isProcessAlive(pid)).toBe(false)
    expect(logged.join('\n')).toContain('HAProxy does not answer any more')
  })

  it('a process that was never recorded is found; one that hung meanwhile is replaced', async () => {
    nodes[0].isPrimary = true
    const first = await startMortalProxy()
    const pid = await pidOf()
    first.die()
    await rm(path.join(directory, 'haproxy.pid'))
    const second = await startMortalProxy()
    expect(await pidOf()).toBe(pid)
    second.die()
    process.kill(pid, 'SIGSTOP')
    const third = createHaproxy(systemClock, journal, optionsFor())
    proxies.push(third)
    third.start()
    await eventually('another one runs', () => third.state().kind === 'running')
    expect(isProcessAlive(pid)).toBe(false)
  })

  it('a taken port is named, and tried again until it is free', async () => {
    const squatter = createServer()
    await new Promise<void>((resolve) => squatter.listen(portOf('write'), '127.0.0.1', resolve))
    const proxy = createHaproxy(systemClock, journal, optionsFor())
    proxies.push(proxy)
    proxy.start()
    await eventually('it fails', () => proxy.state().kind === 'failed')
    expect(JSON.stringify(proxy.state())).toContain(`127.0.0.1:${String(portOf('write'))}`)
    await new Promise((resolve) => squatter.close(resolve))
    await eventually('it runs', () => proxy.state().kind === 'running')
  })

  it.runIf(process.getuid?.() === 0)('started as root, it does not stay root', async () => {
    nodes[0].isPrimary = true
    const proxy = await startProxy({ runAs: { uid: 65_534, gid: 65_534 } })
    const statusText = await readFile(`/proc/${String(await pidOf())}/status`, 'utf8')
    expect(statusText).toMatch(/^Uid:\t65534\t65534\t65534\t/m)
    await proxy.routeWrites(pg0, deadlineMs)
    expect(await whereTo('write')).toBe('pg-0')
  })

  it('leaves nothing behind when it is stopped', async () => {
    const proxy = await startProxy()
    const pid = await pidOf()
    await proxy.stop()
    expect(isProcessAlive(pid)).toBe(false)
    await expect(readFile(path.join(directory, 'haproxy.sock'))).rejects.toThrow('ENOENT')
    await expect(proxy.routeWrites(pg0, deadlineMs)).rejects.toThrow()
  })
})

describe('haproxy: what it tells', () => {
  const ask = async (port: number, at: string, password?: string) => {
    const authorization =
      password === undefined ? {} : { authorization: `Basic ${btoa(`pgherd:${password}`)}` }
    const answer = await fetch(`http://127.0.0.1:${String(port)}${at}`, { headers: authorization })
    return { status: answer.status, text: await answer.text() }
  }
  const health = async () => (await ask(layout.balancerPorts!.health, '/health')).status

  it('statistics and metrics only with the password', async () => {
    await startProxy()
    const { stats } = layout.balancerPorts!
    for (const at of ['/', '/metrics', '/;csv']) {
      expect((await ask(stats, at)).status).toBe(401)
      expect((await ask(stats, at, 'guessed')).status).toBe(401)
    }
    const metrics = await ask(stats, '/metrics', 'a-generated_0ne')
    expect(metrics.status).toBe(200)
    expect(metrics.text).toContain('haproxy_server_status{proxy="write",server="pg-0"')
    expect((await ask(stats, '/', 'a-generated_0ne')).text).toContain('Statistics Report')
  })

  it('health: not without any server, yes with one for reads alone', async () => {
    await startProxy()
    await eventually('nothing serves', async () => (await health()) === 503)
    nodes[1].isStandby = true
    await eventually('reads are served', async () => (await health()) === 200)
    nodes[1].isStandby = false
    await eventually('nothing serves again', async () => (await health()) === 503)
    nodes[0].isPrimary = true
    await eventually('writes are served', async () => (await health()) === 200)
    expect((await ask(layout.balancerPorts!.health, '/')).status).toBe(403)
  })

  it('more sessions than PostgreSQL takes → they wait, and get in when one ends', async () => {
    nodes[0].isPrimary = true
    await startProxy({ serverConnections: { writeMax: 2, readMax: 2, fallbackMax: 1 } })
    await eventually('writes reach pg-0', async () => (await whereTo('write')) === 'pg-0')
    const [first] = [await open('write'), await open('write')]
    const third = open('write')
    first!.end()
    expect((await third)?.server).toBe('pg-0')
  })
})

describe('haproxy: without an agent', () => {
  const standalone = async (): Promise<void> => {
    const file = path.join(directory, 'alone.cfg')
    await writeFile(file, renderConfig(layout, { ...optionsFor(), stateFile: null }))
    alone = startHaproxy('haproxy', optionsFor(), file, null)
  }
  let alone: LastingProcess | null = null
  afterEach(async () => {
    if (alone !== null) await endLasting(alone.pid, 1000)
    alone = null
  })

  it('from its first moment no session is led to anybody but the primary', async () => {
    nodes[0].isPrimary = true
    await standalone()
    const seen = new Set<string | null>()
    await eventually('writes reach pg-0', async () => {
      const place = await whereTo('write')
      seen.add(place)
      return place === 'pg-0'
    })
    expect(seen).not.toContain('pg-1')
    nodes[0].isPrimary = false
    nodes[1].isPrimary = true
    await eventually('writes reach pg-1', async () => (await whereTo('write')) === 'pg-1')
  })
})

describe('haproxy: the program', () => {
  it('is found and new enough', async () => {
    expect(await checkHaproxy('haproxy')).toMatch(/^\d+\.\d+/)
  })

  it('a missing program is an error with a next step', async () => {
    await expect(checkHaproxy('/nonexistent/haproxy')).rejects.toMatchObject({
      code: 'PGHERD_NO_HAPROXY',
      hint: 'install HAProxy 2.4 or newer (Debian: apt-get install haproxy)',
    })
  })

  it('a configuration that it does not accept is refused with its own words', async () => {
    const file = path.join(directory, 'bad.cfg')
    await writeFile(file, 'listen x\n  bind 127.0.0.1:1\n  wat\n')
    const refused = validateConfig('haproxy', file)
    await expect(refused).rejects.toMatchObject({ code: 'PGHERD_HAPROXY_CONFIG' })
    const error: unknown = await refused.catch((thrown: unknown) => thrown)
    expect((error as PgherdError).because).toMatch(/wat/)
  })
})
