// How a member comes into the store: asks every node and the etcd of the voters, founds or joins, or
// waits and says for what. The decision itself is in first-start.ts.

import { randomBytes } from 'node:crypto'
import { messageOf } from '../../lib/errors.ts'
import type { NodeAnswer } from './first-start.ts'
import { decideFirstStart } from './first-start.ts'
import type { MemberCalls } from './member-calls.ts'
import type { MemberDirectory } from './member-directory.ts'
import type { InitialCluster, VoterAddress } from './member-flags.ts'
import { renderFounders, renderMembers, urlOf } from './member-flags.ts'
import type { ListedMember } from './messages.ts'
import { rest } from './rest.ts'

const askAgainMs = 250
const listTimeoutMs = 1000
const changeTimeoutMs = 5000

export type AdmissionOptions = {
  readonly self: VoterAddress
  readonly others: readonly VoterAddress[]
  readonly directory: MemberDirectory
  readonly calls: MemberCalls
  readonly askNodes: () => Promise<readonly NodeAnswer[]>
  /** Told what is done or waited for. */
  readonly say: (detail: string) => void
}

/** The store's list of members, and who gave it. */
export type FoundStore = {
  readonly voter: VoterAddress
  readonly members: readonly ListedMember[]
}

/**
 * Waits until it is clear how to start, and takes what steps that needs; null when `signal` aborts
 * first. Killed anywhere in between, it is simply run again.
 */
export async function prepareStart(
  options: AdmissionOptions,
  signal: AbortSignal,
): Promise<InitialCluster | null> {
  const { self, others, directory } = options
  const voters = [...others, self].sort(byNode)
  while (!signal.aborted) {
    // Looked at each time: a volume may be mounted while we wait. etcd goes on with what is there, and
    // could found nothing if it were gone by now.
    if (!directory.isFresh()) return { state: 'existing', members: renderFounders(voters) }
    const [answers, found] = await Promise.all([
      options.askNodes(),
      findStore(options.calls, others),
    ])
    const decision = decideFirstStart({
      self: self.node,
      ownPeerUrl: urlOf(self.peer),
      hasEverRunHere: directory.hasEverRun(),
      ownToken: directory.foundingToken(),
      answers,
      voters: voters.map((voter) => voter.node),
      members: found?.members ?? null,
    })
    if (decision.kind === 'found') return await foundStore(options, voters, decision.token)
    if (decision.kind === 'wait') options.say(decision.detail)
    else if (found !== null) {
      try {
        if (decision.kind === 'join') return await join(options, found.voter, decision.replaces)
        await directory.discardFragments()
        return { state: 'existing', members: renderMembers(found.members, decision.id, self.node) }
      } catch (error) {
        options.say(`cannot join the store yet: ${messageOf(error)}`)
      }
    }
    await rest(askAgainMs, signal)
  }
  return null
}

/**
 * Founds the store with `voters` as its members. Whoever may decide that a store is to be founded comes
 * through here: the token is on disk before etcd can have written anything.
 * @param token of the founding that another voter began; null draws a new one
 */
async function foundStore(
  { directory }: AdmissionOptions,
  voters: readonly VoterAddress[],
  token: string | null,
): Promise<InitialCluster> {
  const agreed = token ?? randomBytes(16).toString('hex')
  await directory.markFounding(agreed)
  await directory.discardFragments()
  return { state: 'new', members: renderFounders(voters), token: agreed }
}

/**
 * Takes a former self out of the store and is added anew. Killed in between, the entry that has no name
 * yet is found as a former self the next time.
 */
async function join(
  { self, directory, calls, say }: AdmissionOptions,
  voter: VoterAddress,
  replaces: readonly ListedMember[],
): Promise<InitialCluster> {
  say(`joins the store through ${voter.node}`)
  for (const former of replaces) await calls.remove(voter.client, former.id, changeTimeoutMs)
  const added = await calls.add(voter.client, urlOf(self.peer), changeTimeoutMs)
  await directory.discardFragments()
  return { state: 'existing', members: renderMembers(added.members, added.id, self.node) }
}

/** The store's list by the first of `voters` that reaches a majority and belongs to this cluster. */
export async function findStore(
  calls: MemberCalls,
  voters: readonly VoterAddress[],
): Promise<FoundStore | null> {
  const lists = voters.map(async (voter) => {
    const members = await calls.list(voter.client, listTimeoutMs)
    // Another store may listen there: it would not know this voter by its address.
    const knowsItself = members.some((member) => member.peerUrls.includes(urlOf(voter.peer)))
    if (!knowsItself) throw new Error(`the store at ${urlOf(voter.client)} is another one`)
    return { voter, members }
  })
  return Promise.any(lists).catch(() => null)
}

const byNode = (left: VoterAddress, right: VoterAddress): number =>
  left.node < right.node ? -1 : 1
