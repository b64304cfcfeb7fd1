// The etcd member of one voter: started as a child of the agent, started again when it ends, built anew
// when its directory is worthless. Implements ports/store-member.ts.

import { lookup } from 'node:dns/promises'
import { Agent } from 'node:http'
import type { ClusterLayout } from '../../core/cluster-layout.ts'
import { nodeIn } from '../../core/cluster-layout.ts'
import type { NodeName } from '../../core/names.ts'
import type { FileOwner } from '../../host/files.ts'
import { messageOf } from '../../lib/errors.ts'
import type { Journal } from '../../ports/journal.ts'
import type { FirstRecords, SeenRecords } from '../../core/store-recovery.ts'
import type { StoreCopy, StoreMember, StoreMemberState } from '../../ports/store-member.ts'
import type { NodeAnswer } from './first-start.ts'
import { findStore, prepareStart } from './member-admission.ts'
import type { MemberCalls } from './member-calls.ts'
import { createMemberCalls } from './member-calls.ts'
import type { MemberDirectory } from './member-directory.ts'
import { createMemberDirectory } from './member-directory.ts'
import type { VoterAddress } from './member-flags.ts'
import { isAddress, renderFlags, voterAddresses } from './member-flags.ts'
import { foundInNursery, readOwnCopy } from './member-founding.ts'
import type { EtcdProcess } from './member-process.ts'
import { rotateLog, startEtcdProcess } from './member-process.ts'
import { classifyTrouble, isWorthless, restartDelayMs } from './member-trouble.ts'
import { keepSmall } from './member-upkeep.ts'
import { rest } from './rest.ts'

export type EtcdMemberOptions = {
  readonly layout: ClusterLayout
  readonly node: NodeName
  /** The member's own, absolute; made when missing. */
  readonly directory: string
  /** Says that this node has been part of the store; outside of `directory`, which may be lost. */
  readonly markerFile: string
  readonly logFile: string
  /** The etcd program, by name or path. */
  readonly program: string
  /** Whom etcd runs as; null: as ourselves. */
  readonly runAs: FileOwner | null
  /**
   * Asks the agents of all nodes that keep anything, voters or not, this one too, each with a deadline;
   * one answer for each of them.
   */
  readonly askNodes: () => Promise<readonly NodeAnswer[]>
  readonly log: Journal['log']
}

/**
 * Between two looks at a member that is not ready yet, and at one that is: the latter is for status, the
 * size of its database and its log; the end of the process is told at once.
 */
const startingLookMs = 50
const runningLookMs = 3000
const lookTimeoutMs = 2000
/** Between two looks at which etcd cluster the others belong to, while there is no leader. */
const compareMs = 1000
const waitsForMajority = 'waits for a majority of the store'
/** A member that says nothing about itself for this long is ended and started again. */
const silentMaxMs = 15_000
/** One that ran for this long was not failing. */
const soundRunMs = 10_000
/** How long SIGTERM may take before SIGKILL. */
const stopGraceMs = 3000

/** The member of `options.node`; one that does nothing when that node does not vote. */
export function createEtcdMember(options: EtcdMemberOptions): StoreMember {
  return nodeIn(options.layout, options.node).isVoter ? new EtcdMember(options) : noMember
}

const noMember: StoreMember = {
  start: () => undefined,
  state: () => ({ kind: 'none' }),
  hasEverRun: () => false,
  foundingToken: () => null,
  moveLeadershipAway: async () => undefined,
  stop: async () => undefined,
  ownCopy: async () => null,
  giveUpCopy: async () => undefined,
  foundAnew: async () => {
    throw new Error('this node does not vote: no store can begin here')
  },
}

class EtcdMember implements StoreMember {
  readonly #options: EtcdMemberOptions
  readonly #self: VoterAddress
  readonly #others: readonly VoterAddress[]
  readonly #directory: MemberDirectory
  readonly #agent = new Agent({ keepAlive: true, maxFreeSockets: 1 })
  readonly #calls: MemberCalls
  readonly #stopping = new AbortController()
  #state: StoreMemberState = { kind: 'starting', detail: 'not started yet' }
  #running: EtcdProcess | null = null
  #supervising: Promise<void> | null = null
  /** Aborted when the present run is to end for work on the directory. */
  #turn = new AbortController()
  /** One run, or one piece of work on the directory, at a time. */
  #alone: Promise<unknown> = Promise.resolve()

  constructor(options: EtcdMemberOptions) {
    const voters = voterAddresses(options.layout)
    const self = voters.find((voter) => voter.node === options.node)
    if (self === undefined) throw new RangeError(`${options.node} is no voter`)
    this.#options = options
    this.#self = self
    this.#others = voters.filter((voter) => voter !== self)
    this.#directory = createMemberDirectory(options.directory, options.markerFile, options.runAs)
    this.#calls = createMemberCalls(this.#agent)
  }

  start(): void {
    this.#supervising ??= this.#supervise()
  }

  state(): StoreMemberState {
    return this.#state
  }

  hasEverRun(): boolean {
    return this.#directory.hasEverRun()
  }

  foundingToken(): string | null {
    return this.#directory.foundingToken()
  }

  async moveLeadershipAway(deadlineMs: number): Promise<void> {
    const endsAtMs = performance.now() + deadlineMs
    const leftMs = (): number => Math.max(1, endsAtMs - performance.now())
    const own = await this.#calls.status(this.#self.client, leftMs())
    if (own.leaderId !== own.memberId) return
    const answers = await Promise.allSettled(
      this.#others.map((voter) => this.#calls.status(voter.client, leftMs() / 2)),
    )
    const [best] = answers
      .flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : []))
      .filter((status) => status.leaderId === own.memberId)
      .sort((left, right) => right.raftIndex - left.raftIndex)
    if (best === undefined) throw new Error('no other store member follows this one')
    await this.#calls.moveLeader(this.#self.client, best.memberId, leftMs())
  }

  async stop(): Promise<void> {
    // etcd hands leadership over by itself, but only after its streams have ended; this is sooner.
    if (this.#running !== null) await this.moveLeadershipAway(500).catch(() => undefined)
    this.#stopping.abort()
    await this.#supervising
    this.#agent.destroy()
    this.#state = { kind: 'starting', detail: 'stopped' }
  }

  async ownCopy(): Promise<StoreCopy | null> {
    const hasData = !this.#directory.isFresh()
    if (!hasData) return { hasData, raftIndex: null, records: null }
    const [raftIndex, records] = await Promise.all([
      this.#calls.status(this.#self.client, lookTimeoutMs).then(
        (status) => status.raftIndex,
        () => null,
      ),
      this.#readRecords(),
    ])
    return { hasData, raftIndex, records }
  }

  /** What cannot be read is no evidence, and no reason to stop: other nodes may know. */
  #readRecords(): Promise<SeenRecords | null> {
    const { cluster } = this.#options.layout
    return readOwnCopy(this.#agent, this.#self.client, cluster, lookTimeoutMs).catch(() => null)
  }

  giveUpCopy(): Promise<void> {
    return this.#withoutRun(async () => {
      // Without the mark an empty volume would take itself for a new one, and found.
      if (!this.#directory.hasEverRun()) await this.#directory.markServed('0')
      if (this.#directory.isFresh()) return
      const aside = await this.#directory.setAside()
      this.#options.log('warn', 'the copy of the lost store is put aside', { aside })
    })
  }

  foundAnew(records: FirstRecords): Promise<void> {
    const { layout, program, runAs, logFile } = this.#options
    return this.#withoutRun(async () => {
      await this.#directory.ensure()
      await this.#directory.endLeftovers()
      const nursery = await this.#directory.makeNursery()
      const bindHost = await resolveHost(this.#self.client.host)
      const memberId = await foundInNursery(
        { layout, voter: this.#self, nursery, bindHost, program, runAs, logFile },
        this.#calls,
        records,
      )
      await this.#directory.markServed(memberId)
      await this.#directory.adoptNursery()
      this.#options.log('warn', 'a new store begins here', { epoch: records.lease.epoch })
    })
  }

  /** Ends the present run, does `work` on the directory, and goes on. */
  #withoutRun<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#oneAtATime(work)
    this.#turn.abort()
    return done
  }

  #oneAtATime<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#alone.then(work)
    this.#alone = result.catch(() => undefined)
    return result
  }

  async #supervise(): Promise<void> {
    const stopping = this.#stopping.signal
    let failureCount = 0
    while (!stopping.aborted) {
      this.#turn = new AbortController()
      const signal = AbortSignal.any([stopping, this.#turn.signal])
      const startedAtMs = performance.now()
      const reason = await this.#oneAtATime(() => this.#runOnce(signal)).catch((error: unknown) =>
        messageOf(error),
      )
      if (isAborted(stopping)) return
      if (isAborted(signal)) {
        failureCount = 0
        continue
      }
      const isSound = performance.now() - startedAtMs > soundRunMs
      failureCount = isSound ? 1 : failureCount + 1
      this.#options.log('warn', `the store member ended: ${reason}`, { failureCount })
      await this.#mend(reason, failureCount).catch((error: unknown) => {
        this.#options.log('warn', `the store member cannot be mended: ${messageOf(error)}`)
      })
      await rest(restartDelayMs(failureCount), signal)
    }
  }

  /** From nothing to the end of one run. Returns why it ended; throws when it could not begin. */
  async #runOnce(signal: AbortSignal): Promise<string> {
    const directory = this.#directory
    await directory.ensure()
    await directory.endLeftovers()
    const admission = {
      self: this.#self,
      others: this.#others,
      directory,
      calls: this.#calls,
      askNodes: this.#options.askNodes,
      say: (detail: string) => this.#starting(detail),
    }
    const initial = await prepareStart(admission, signal)
    if (initial === null) return 'stopped'
    const { layout, program, runAs, logFile } = this.#options
    const bindHost = await resolveHost(this.#self.client.host)
    const flags = renderFlags(layout, this.#self, directory.dataDirectory, bindHost, initial)
    this.#running = await startEtcdProcess({ program, flags, runAs, logFile })
    try {
      return await this.#attend(this.#running, signal)
    } finally {
      this.#running = null
    }
  }

  /** Looks after a running etcd until it has ended, and ends it when asked to stop. */
  async #attend(running: EtcdProcess, signal: AbortSignal): Promise<string> {
    const over = new AbortController()
    const end = (): void => {
      running.signal('SIGTERM')
      void rest(stopGraceMs, over.signal).then(() => {
        if (!over.signal.aborted) running.signal('SIGKILL')
      })
    }
    signal.addEventListener('abort', end, { once: true })
    if (signal.aborted) end()
    const looking = this.#lookAfter(running, over.signal)
    const { reason } = await running.exited
    over.abort()
    signal.removeEventListener('abort', end)
    await looking
    return reason
  }

  async #lookAfter(running: EtcdProcess, over: AbortSignal): Promise<void> {
    let answeredAtMs = performance.now()
    let compareAtMs = answeredAtMs + compareMs
    let isServing = false
    this.#starting(waitsForMajority)
    while (!over.aborted) {
      // etcd answers no client before it has a leader, but its peers.
      if (!isServing && performance.now() >= compareAtMs) {
        compareAtMs = performance.now() + compareMs * 2
        // Not waited for: hosts that are cut off answer late, and this member may serve meanwhile.
        void this.#findForeignMembers().then((detail) => {
          if (isServing || over.aborted) return
          if (detail !== null) this.#state = { kind: 'failed', detail }
          else if (this.#state.kind === 'failed') this.#starting(waitsForMajority)
        })
      }
      try {
        const status = await this.#calls.status(this.#self.client, lookTimeoutMs)
        answeredAtMs = performance.now()
        if (!isServing && status.leaderId !== '0') {
          await this.#calls.probe(this.#self.client, lookTimeoutMs)
          await this.#directory.markServed(status.memberId)
          isServing = true
        }
        if (isServing) {
          const trouble = await keepSmall(this.#calls, this.#self.client, status)
          await rotateLog(this.#options.logFile)
          const isLeader = status.leaderId === status.memberId
          this.#state =
            trouble === null
              ? { kind: 'running', isLeader, databaseBytes: status.databaseBytes }
              : { kind: 'failed', detail: trouble }
        }
      } catch (error) {
        if (isAborted(over)) return
        if (isServing) this.#starting(`does not answer: ${messageOf(error)}`)
        if (performance.now() - answeredAtMs > silentMaxMs) running.signal('SIGKILL')
      }
      await rest(isServing ? runningLookMs : startingLookMs, over)
    }
  }

  /**
   * Says when others belong to another etcd cluster than this member: etcd itself keeps them apart, but
   * tells it in its log only. Null: none does, as far as they answer.
   */
  async #findForeignMembers(): Promise<string | null> {
    const own = await this.#calls.clusterIdAtPeer(this.#self.peer, compareMs).catch(() => null)
    if (own === null) return null
    const answers = await Promise.all(
      this.#others.map(async (voter) => {
        const [clusterId, leaderId] = await Promise.all([
          this.#calls.clusterIdAtPeer(voter.peer, compareMs).catch(() => null),
          this.#calls.status(voter.client, compareMs).then(
            (status) => status.leaderId,
            () => '0',
          ),
        ])
        return { voter, clusterId, leaderId }
      }),
    )
    const foreign = answers.filter(({ clusterId }) => clusterId !== null && clusterId !== own)
    if (foreign.length === 0) return null
    const names = foreign.map(({ voter }) => voter.node).join(', ')
    const isOtherRunning = foreign.some(({ leaderId }) => leaderId !== '0')
    const detail = `the directory ${this.#options.directory} is of another etcd cluster than that of ${names}`
    const wayOut = isOtherRunning
      ? 'if the one that runs is the right one, stop this node and move the directory away: it joins then'
      : 'stop the nodes and put the right directories back'
    return `${detail}; they refuse each other; ${wayOut}`
  }

  /** After a failed run: says what is wrong, and puts a worthless directory aside. */
  async #mend(reason: string, failureCount: number): Promise<void> {
    const trouble = classifyTrouble(reason)
    const hint = trouble.kind === 'outside' ? trouble.hint : 'the log of etcd says more'
    if (failureCount < 3) this.#starting(reason)
    else this.#state = { kind: 'failed', detail: `${reason}; ${hint}; it is tried again` }
    if (this.#directory.isFresh() || !isWorthless(trouble, failureCount, false)) return

    const id = this.#directory.servedAs()
    const found = await findStore(this.#calls, this.#others)
    // Without a majority of the others this directory may be the store's last good copy.
    if (found === null) return
    const isListed = found.members.some((member) => member.id === id)
    if (!isWorthless(trouble, failureCount, isListed)) return
    const aside = await this.#directory.setAside()
    this.#options.log('warn', `the store member is built anew (${trouble.kind})`, { aside, reason })
  }

  #starting(detail: string): void {
    const isEmpty = this.#directory.isFresh()
    this.#state = { kind: 'starting', detail, ...(isEmpty ? { isEmpty } : {}) }
  }
}

/** A function, because the compiler believes that a property once read stays as it was. */
function isAborted(signal: AbortSignal): boolean {
  return signal.aborted
}

async function resolveHost(host: string): Promise<string> {
  return isAddress(host) ? host : (await lookup(host)).address
}
