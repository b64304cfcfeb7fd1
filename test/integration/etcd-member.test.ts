// The store members of three voters on real etcd: from nothing in any order, killed, wiped, damaged,
// removed, full. Each is brought back by its own agent and nobody else.

import {
  closeSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs'
import { createServer } from 'node:net'
import path from 'node:path'
import { Agent } from 'node:http'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { createMemberCalls } from '../../src/adapters/etcd/member-calls.ts'
import { signalProcess } from '../../src/host/process-table.ts'
import { eventually } from '../support/eventually.ts'
import { leaseRecord } from '../support/store-records.ts'
import type { TestVoter, TestVoters } from '../support/store-members.ts'
import { makeVoters } from '../support/store-members.ts'

const agent = new Agent({ keepAlive: false })
const calls = createMemberCalls(agent)

const isRunning = (voter: TestVoter): boolean => voter.state().kind === 'running'
const detailOf = (voter: TestVoter): string => {
  const state = voter.state()
  return 'detail' in state ? state.detail : state.kind
}

async function allRunning(voters: readonly TestVoter[]): Promise<void> {
  await eventually(`${voters.map((voter) => voter.name).join(', ')} run`, () =>
    voters.every(isRunning),
  )
}

/** Writes through the store and gives the number written; the store has a majority then. */
async function writeSequence(cluster: TestVoters, sequence: number): Promise<void> {
  const store = cluster.connect()
  await store.transact({ expect: {}, put: { lease: leaseRecord({ sequence }) } }, 5000)
  expect((await store.read(5000)).lease?.value.sequence).toBe(sequence)
}

async function leaderOf(voters: readonly TestVoter[]): Promise<TestVoter> {
  let found: TestVoter | undefined
  await eventually('one of them leads', async () => {
    for (const voter of voters) {
      const status = await calls.status(voter.endpoint, 1000).catch(() => null)
      if (status !== null && status.leaderId === status.memberId) found = voter
    }
    return found !== undefined
  })
  return found!
}

/** etcd refuses changes of membership until its members have been connected for five seconds. */
async function changeMembers<T>(change: () => Promise<T>): Promise<T> {
  let done: { readonly result: T } | null = null
  await eventually('etcd takes a change of its members', async () => {
    done = await change().then(
      (result) => ({ result }),
      () => null,
    )
    return done !== null
  })
  return done!.result
}

const listed = (voter: TestVoter) => calls.list(voter.endpoint, 2000)

describe('three voters that have become a store', () => {
  let cluster: TestVoters
  let voters: readonly TestVoter[]
  // Always the same one: the other two stay connected, and etcd takes changes of membership only from
  // members that have been connected for five seconds.
  let victim: TestVoter
  let other: TestVoter

  beforeAll(async () => {
    cluster = await makeVoters(3)
    voters = cluster.voters
    victim = voters[1]!
    other = voters[0]!
    for (const voter of voters) voter.start()
    await allRunning(voters)
  })
  afterAll(async () => {
    await cluster.stop()
  })
  afterEach(async () => {
    // Also after a failed test: the next one begins with three that run.
    for (const voter of voters) if (!voter.hasAgent()) voter.start()
    await allRunning(voters)
  })

  it('run as the database user, know that they have run, and keep a log', async () => {
    await writeSequence(cluster, 1)
    for (const voter of voters) {
      expect(voter.member().hasEverRun()).toBe(true)
      const [pid] = voter.etcdPids()
      const status = readFileSync(`/proc/${pid!}/status`, 'utf8')
      const uid = Number(/^Uid:\s+(\d+)/m.exec(status)?.[1])
      expect(uid).not.toBe(0)
      expect(readFileSync(voter.logFile, 'utf8')).not.toContain('"level":"fatal"')
    }
    const states = voters.map((voter) => voter.state())
    expect(states.filter((state) => state.kind === 'running' && state.isLeader)).toHaveLength(1)
  })

  it('killed -9 → started again at once, on its data', async () => {
    const before = await calls.status(victim.endpoint, 2000)
    const [pid] = victim.etcdPids()
    signalProcess(pid!, 'SIGKILL')
    await eventually('another process', () => {
      const now = victim.etcdPids()
      return now.length === 1 && now[0] !== pid
    })
    await allRunning(voters)
    expect((await calls.status(victim.endpoint, 2000)).memberId).toBe(before.memberId)
  })

  it('leadership asked away → another member leads, the store goes on', async () => {
    const leader = await leaderOf(voters)
    await leader.member().moveLeadershipAway(2000)
    const next = await leaderOf(voters)
    expect(next.name).not.toBe(leader.name)
    await writeSequence(cluster, 2)
    // A member that does not lead has nothing to move: the leader stays.
    await leader.member().moveLeadershipAway(2000)
    expect((await leaderOf(voters)).name).toBe(next.name)
  })

  it('wiped → rejoins by itself as a new member', async () => {
    const before = await calls.status(victim.endpoint, 2000)
    await victim.stop()
    rmSync(victim.directory, { recursive: true })
    victim.start()
    await allRunning(voters)
    const members = await listed(other)
    expect(members.map((member) => member.name).sort()).toEqual(['n0', 'n1', 'n2'])
    expect(members.some((member) => member.id === before.memberId)).toBe(false)
    await writeSequence(cluster, 3)
  })

  it('agent died between its removal and its adding → rejoins', async () => {
    const { memberId } = await calls.status(victim.endpoint, 2000)
    await victim.stop()
    rmSync(victim.directory, { recursive: true })
    await changeMembers(() => calls.remove(other.endpoint, memberId, 2000))
    expect(await listed(other)).toHaveLength(2)
    victim.start()
    await allRunning(voters)
    expect(await listed(other)).toHaveLength(3)
  })

  it('agent died between its adding and its start → rejoins, leaves no dead entry', async () => {
    const { memberId } = await calls.status(victim.endpoint, 2000)
    await victim.stop()
    rmSync(victim.directory, { recursive: true })
    await changeMembers(() => calls.remove(other.endpoint, memberId, 2000))
    const added = await changeMembers(() => calls.add(other.endpoint, victim.peerUrl, 2000))
    victim.start()
    await allRunning(voters)
    const members = await listed(other)
    expect(members.map((member) => member.name).sort()).toEqual(['n0', 'n1', 'n2'])
    expect(members.some((member) => member.id === added.id)).toBe(false)
  })

  it('data damaged → built anew from the others', async () => {
    const { memberId } = await calls.status(victim.endpoint, 2000)
    await victim.stop()
    damageLog(path.join(victim.directory, 'etcd', 'member', 'wal'))
    victim.start()
    await allRunning(voters)
    expect((await calls.status(victim.endpoint, 2000)).memberId).not.toBe(memberId)
    await writeSequence(cluster, 4)
  })

  it('out of space → makes room and takes writes again, without a person', async () => {
    const { memberId } = await calls.status(victim.endpoint, 2000)
    const raise = { action: 'ACTIVATE', memberID: memberId, alarm: 'NOSPACE' }
    const url = `http://127.0.0.1:${victim.endpoint.port}/v3/maintenance/alarm`
    const answer = await fetch(url, { method: 'POST', body: JSON.stringify(raise) })
    expect(answer.status).toBe(200)
    const store = cluster.connect()
    const put = { lease: leaseRecord({ sequence: 5 }) }
    await expect(store.transact({ expect: {}, put }, 2000)).rejects.toThrow(/space exceeded/)
    await eventually('writes are taken again', () =>
      store.transact({ expect: {}, put }, 2000).then(
        () => true,
        () => false,
      ),
    )
  })

  it('its port taken by another program → says by which address, recovers when it is free', async () => {
    await victim.stop()
    const intruder = createServer((socket) => socket.destroy())
    await new Promise<void>((resolve) => {
      intruder.listen(victim.endpoint.port, '127.0.0.1', resolve)
    })
    try {
      victim.start()
      await eventually('it says what is wrong', () => victim.state().kind === 'failed')
      expect(detailOf(victim)).toContain(`127.0.0.1:${victim.endpoint.port}`)
    } finally {
      await new Promise((resolve) => intruder.close(resolve))
    }
  })

  it('taken out of the store by somebody → puts its directory aside and rejoins', async () => {
    const { memberId } = await calls.status(victim.endpoint, 2000)
    await changeMembers(() => calls.remove(other.endpoint, memberId, 2000))
    await eventually('a new member in its place', async () => {
      const members = await listed(other).catch(() => [])
      return members.some((member) => member.name === 'n1' && member.id !== memberId)
    })
    await allRunning(voters)
    expect(readdirSync(victim.directory)).toContain('etcd.set-aside')
  })

  it('stopped → no process is left', async () => {
    await victim.stop()
    expect(victim.etcdPids()).toEqual([])
  })
})

describe('from nothing', () => {
  let cluster: TestVoters

  afterEach(async () => {
    await cluster.stop()
  })

  it('waits for every node and says for whom; then the founders found and the slow one comes late', async () => {
    cluster = await makeVoters(3)
    const [first, second, third] = cluster.voters
    first!.start()
    await eventually('it says for whom', () => detailOf(first!).includes('from n1, n2'))
    third!.start()
    await eventually('it says for whom', () => detailOf(third!).includes('from n1:'))
    expect(detailOf(first!)).toContain('founded only after every node has answered')
    expect([...first!.etcdPids(), ...third!.etcdPids()]).toEqual([])
    second!.start()
    await allRunning(cluster.voters)
    await writeSequence(cluster, 1)
    expect(await listed(second!)).toHaveLength(3)
    const tokens = cluster.voters.map((voter) => voter.member().foundingToken())
    // Who came late was let in by the store itself.
    expect(new Set(tokens.filter((token) => token !== null)).size).toBe(1)
  })

  it('wiped, marker and all, while the others are away → founds nothing, joins when they are back', async () => {
    cluster = await makeVoters(3)
    const [first, second, third] = cluster.voters
    for (const voter of cluster.voters) voter.start()
    await allRunning(cluster.voters)
    await writeSequence(cluster, 7)
    for (const voter of cluster.voters) await voter.stop()

    rmSync(path.dirname(third!.directory), { recursive: true })
    third!.start()
    await eventually('it waits', () => detailOf(third!).includes('waits for'))
    first!.start()
    await eventually('it has heard of the store', () =>
      detailOf(third!).includes('ran etcd before'),
    )
    expect(third!.etcdPids()).toEqual([])
    second!.start()
    await allRunning(cluster.voters)
    const view = await cluster.connect().read(5000)
    expect(view.lease?.value.sequence).toBe(7)
  })

  it.each([
    // The seen case: a volume that is not mounted at boot, the third voter down.
    { emptied: [0, 1], third: 'down' },
    { emptied: [0, 2], third: 'down' },
    { emptied: [1, 2], third: 'down' },
    { emptied: [0, 1], third: 'slow' },
    { emptied: [1, 2], third: 'slow' },
  ] as const)(
    'stores of $emptied are not mounted, the third is $third → nothing is founded; the old store goes on',
    async ({ emptied, third }) => {
      cluster = await makeVoters(3)
      for (const voter of cluster.voters) voter.start()
      await allRunning(cluster.voters)
      await writeSequence(cluster, 7)
      const { clusterId } = await calls.status(cluster.voters[0]!.endpoint, 2000)
      for (const voter of cluster.voters) await voter.stop()

      const empty = emptied.map((index) => cluster.voters[index]!)
      const full = cluster.voters.find((voter) => !empty.includes(voter))!
      for (const voter of empty) renameSync(voter.directory, `${voter.directory}.away`)
      if (third === 'slow') {
        full.known = null
        full.start()
      }
      for (const voter of empty) voter.start()
      for (const voter of empty) {
        await eventually('it says what is wrong', () =>
          detailOf(voter).startsWith(
            `etcd ran on ${voter.name} before, but its directory is empty`,
          ),
        )
        expect(voter.etcdPids()).toEqual([])
      }
      for (const voter of empty) {
        await voter.stop()
        rmSync(voter.directory, { recursive: true })
        renameSync(`${voter.directory}.away`, voter.directory)
        voter.start()
      }
      await allRunning(empty)
      full.known = []
      if (!full.hasAgent()) full.start()
      await allRunning(cluster.voters)
      expect((await cluster.connect().read(5000)).lease?.value.sequence).toBe(7)
      expect((await calls.status(full.endpoint, 2000)).clusterId).toBe(clusterId)
    },
  )

  it('the folders of two nodes are new, the third only has data → nothing is founded', async () => {
    cluster = await makeVoters(3)
    const [first, second, third] = cluster.voters
    third!.known = ['promise', 'data']
    for (const voter of cluster.voters) voter.start()
    for (const voter of [first!, second!, third!]) {
      await eventually('it says why', () =>
        detailOf(voter).includes('n2 has a promise and has data'),
      )
      expect(voter.etcdPids()).toEqual([])
    }
  })

  it('members of two foundings with the same voters → never one store, and it is said', async () => {
    cluster = await makeVoters(3)
    const [first, ...others] = cluster.voters
    for (const voter of cluster.voters) voter.start()
    await allRunning(cluster.voters)
    const old = await calls.status(first!.endpoint, 2000)
    for (const voter of cluster.voters) await voter.stop()
    renameSync(path.dirname(first!.directory), `${path.dirname(first!.directory)}.away`)
    for (const voter of others) rmSync(path.dirname(voter.directory), { recursive: true })

    for (const voter of cluster.voters) voter.start()
    await allRunning(cluster.voters)
    await writeSequence(cluster, 9)
    const next = await calls.status(others[0]!.endpoint, 2000)
    expect(next.clusterId).not.toBe(old.clusterId)
    await first!.stop()
    rmSync(path.dirname(first!.directory), { recursive: true })
    renameSync(`${path.dirname(first!.directory)}.away`, path.dirname(first!.directory))
    first!.start()
    await eventually('it says that they are two', () =>
      detailOf(first!).includes('is of another etcd cluster than that of n1, n2'),
    )
    expect(first!.state().kind).toBe('failed')
    expect((await cluster.connect().read(5000)).lease?.value.sequence).toBe(9)
  })

  it('killed in the middle of a founding → goes on under the same token', async () => {
    cluster = await makeVoters(3)
    const [first, ...others] = cluster.voters
    for (const voter of others) voter.known = null
    for (const voter of cluster.voters) voter.start()
    await eventually('it waits', () => detailOf(first!).includes('from n1, n2'))
    for (const voter of others) voter.known = []
    await eventually('it has begun', () => first!.member().foundingToken() !== null)
    const token = first!.member().foundingToken()
    await first!.stop()
    rmSync(first!.directory, { recursive: true })
    first!.start()
    await allRunning(cluster.voters)
    expect(first!.member().foundingToken()).toBe(token)
  })

  it('a single voter → founds at once', async () => {
    cluster = await makeVoters(1)
    cluster.voters[0]!.start()
    await allRunning(cluster.voters)
    await writeSequence(cluster, 1)
  })
})

describe('the agent killed with SIGKILL', () => {
  let cluster: TestVoters
  let killAgent: () => Promise<void>

  afterEach(async () => {
    await killAgent()
    await cluster.stop()
  })

  it('its etcd ends with it; the next agent has it running again on its data', async () => {
    cluster = await makeVoters(1)
    const [voter] = cluster.voters
    killAgent = await voter!.startApart()
    await writeSequence(cluster, 1)
    const before = voter!.etcdPids()
    expect(before).toHaveLength(1)

    await killAgent()
    killAgent = await voter!.startApart()
    const after = voter!.etcdPids()
    expect(after).toHaveLength(1)
    expect(after).not.toEqual(before)
    expect((await cluster.connect().read(5000)).lease?.value.sequence).toBe(1)

    await killAgent()
    await eventually('no etcd is left', () => voter!.etcdPids().length === 0)
  })
})

/** Overwrites the middle of the newest write-ahead log, as a dying disk would. */
function damageLog(directory: string): void {
  const names = readdirSync(directory).filter((name) => name.endsWith('.wal'))
  const file = openSync(path.join(directory, names.sort().at(-1)!), 'r+')
  writeSync(file, Buffer.alloc(64, 0xa5), 0, 64, 300)
  closeSync(file)
}
