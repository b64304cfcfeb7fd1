// Why a cluster is not healthy, in sentences with a next step, worst first; and the one sentence that
// `status` begins with. Pure: the merged facts in, text out.

import type { ClusterLayout } from './cluster-layout.ts'
import type {
  BalancerStatus,
  LeaseView,
  NodeObservation,
  NodeStatus,
  StoreStatus,
  SyncStatus,
  Verdict,
} from './cluster-status.ts'
import type { ControlRecord } from './control.ts'
import type { NodeName } from './names.ts'
import { nodeOf } from './names.ts'
import { contradictionsOf } from './one-incarnation.ts'

export type ReasonCode =
  | 'no-answer'
  | 'contradiction'
  | 'no-lease'
  | 'opening'
  | 'primary-silent'
  | 'primary-gone'
  | 'store-unreachable'
  | 'store-votes'
  | 'store-member'
  | 'paused'
  | 'node-failed'
  | 'node-stopped'
  | 'node-without-power'
  | 'node-frozen'
  | 'node-silent'
  | 'node-foreign'
  | 'not-streaming'
  | 'balancer'
  | 'vip'
  | 'durability'
  | 'record'

export type StatusReason = {
  readonly code: ReasonCode
  readonly node: NodeName | null
  /** One sentence without a full stop at its end. */
  readonly message: string
  /** A command that helps or tells more. */
  readonly next: string
}

/** A record in etcd that is missing or cannot be used. */
export type RecordTrouble = { readonly key: string; readonly why: string }

export type ReasonFacts = {
  readonly layout: ClusterLayout
  readonly observations: ReadonlyMap<NodeName, NodeObservation>
  readonly lease: LeaseView | null
  readonly nodes: readonly NodeStatus[]
  readonly balancers: readonly BalancerStatus[]
  readonly primary: NodeName | null
  readonly isOpen: boolean
  readonly sync: SyncStatus | null
  readonly records: readonly RecordTrouble[]
  readonly paused: ControlRecord['paused']
  readonly store: StoreStatus
}

/** Everything that keeps the cluster from being healthy, worst first; empty when it is. */
export function reasonsOf(facts: ReasonFacts): readonly StatusReason[] {
  const hasAnswer = [...facts.observations.values()].some((one) => one.kind === 'answered')
  if (!hasAnswer) return [noAnswer(facts)]
  return [
    ...contradictions(facts),
    ...doubleReasons(facts),
    ...causeFirst(facts, missingPrimary(facts), storeReasons(facts)),
    ...recordReasons(facts),
    ...memberReasons(facts),
    ...pausedReasons(facts),
    ...nodeReasons(facts),
    ...voteReasons(facts),
    ...durabilityReasons(facts),
  ]
}

/** Without a store nobody can hold a lease: then the store is what to look at. */
function causeFirst(
  facts: ReasonFacts,
  primary: readonly StatusReason[],
  store: readonly StatusReason[],
): readonly StatusReason[] {
  return facts.store.isReachable ? [...primary, ...store] : [...store, ...primary]
}

function noAnswer(facts: ReasonFacts): StatusReason {
  const { cluster } = facts.layout
  const states = [...facts.observations.values()].map((one) => one.process?.state)
  if (states.every((state) => state === undefined)) return noAnswerFromHosts(cluster)
  const isDown = states.length > 0 && states.every((state) => state === 'stopped')
  const dark = hostsWithoutPower(
    facts,
    facts.layout.nodes.map((node) => node.name),
  )
  const [firstDark] = dark
  if (firstDark !== undefined) {
    return {
      code: 'no-answer',
      node: null,
      message: `no agent of cluster ${cluster} answers, and these hosts have no power: ${dark.join(', ')}`,
      next: powerOnCommand(firstDark),
    }
  }
  return {
    code: 'no-answer',
    node: null,
    message: isDown
      ? `cluster ${cluster} is down, every node is stopped`
      : `no agent of cluster ${cluster} answers`,
    next: states.includes('frozen') ? 'pgherd node thaw NAME' : 'pgherd up',
  }
}

/** Processes that cannot be seen run on other hosts, where `pgherd up` does not start them. */
function noAnswerFromHosts(cluster: string): StatusReason {
  return {
    code: 'no-answer',
    node: null,
    message: `no agent of cluster ${cluster} answers from its host`,
    next: agentCommand('NAME'),
  }
}

/** Hosts of a lab that these nodes are on and that have no power, each once. */
function hostsWithoutPower(facts: ReasonFacts, nodes: readonly NodeName[]): readonly string[] {
  const hosts = nodes.map((node) => facts.observations.get(node)?.process?.hostWithoutPower ?? null)
  return [...new Set(hosts.filter((host) => host !== null))]
}

/** What brings a host of a lab back, and its nodes with it. */
function powerOnCommand(host: string): string {
  return `pgherd lab power-on ${host}`
}

/** Where to look first when these nodes are missing. */
function lookAt(facts: ReasonFacts, missing: readonly NodeName[]): string {
  const [dark] = hostsWithoutPower(facts, missing)
  if (dark !== undefined) return powerOnCommand(dark)
  const stopped = missing.find((name) => facts.observations.get(name)?.process?.state === 'stopped')
  return stopped === undefined ? `pgherd logs ${missing.join(' ')}` : `pgherd node start ${stopped}`
}

/** What starts a node on its own host. */
function agentCommand(node: string): string {
  return `pgherd agent --spec FILE --node ${node}`
}

function contradictions(facts: ReasonFacts): StatusReason[] {
  return facts.nodes
    .filter((node) => node.isContradiction)
    .map((node) => ({
      code: 'contradiction',
      node: node.name,
      message:
        `${node.name} runs as primary, but ` +
        (facts.lease === null
          ? 'no lease is known'
          : `the lease of epoch ${facts.lease.epoch} belongs to ${facts.lease.holder}`) +
        '; it is not trusted and gets no writes',
      next: `pgherd events --node ${node.name}`,
    }))
}

/** Two of one identity: what either has acknowledged the other may lack. */
function doubleReasons(facts: ReasonFacts): StatusReason[] {
  const views = [...facts.observations.values()].flatMap((one) =>
    one.kind === 'answered' ? [one.view] : [],
  )
  const told = views.flatMap((view) => view.reports)
  // What a node says itself is newer than what it has published.
  const reports = new Map(
    [...told, ...views.map(({ report }) => report)].map((one) => [one.name, one]),
  )
  const primary = views.find((view) => view.node === facts.primary)
  return contradictionsOf(reports.values(), primary?.walsenders ?? []).map(
    ({ incarnation, message }) => ({
      code: 'contradiction',
      node: nodeOf(incarnation),
      message: `${message}; neither is counted on`,
      next: 'pgherd help PGHERD_DIRECTORY_FOREIGN',
    }),
  )
}

function missingPrimary(facts: ReasonFacts): StatusReason[] {
  const { lease } = facts
  if (facts.isOpen) return silentPrimary(facts)
  if (lease === null || lease.state === 'released' || lease.remainingMs === 0) {
    const last = lease === null ? '' : ` (last: ${lease.holder}, epoch ${lease.epoch})`
    return [
      {
        code: 'no-lease',
        node: null,
        message: `nobody holds the lease${last}, so no node may take writes`,
        next: 'pgherd events',
      },
    ]
  }
  if (facts.observations.get(lease.holder)?.process?.isAnythingLeft === false) {
    return [
      {
        code: 'primary-gone',
        node: lease.holder,
        message:
          `${lease.holder} was primary and none of its processes is left; ` +
          `its lease runs out in ${lease.remainingMs} ms`,
        next: 'pgherd status --watch',
      },
    ]
  }
  const holder = facts.nodes.find((node) => node.name === lease.holder)
  return [
    {
      code: 'opening',
      node: lease.holder,
      message:
        `${lease.holder} holds the lease of epoch ${lease.epoch} and is ` +
        `${holder?.state ?? 'unknown'}; writes are not open yet`,
      next: 'pgherd events --follow',
    },
  ]
}

function silentPrimary(facts: ReasonFacts): StatusReason[] {
  if (facts.primary === null) return []
  if (facts.observations.get(facts.primary)?.kind === 'answered') return []
  return [
    {
      code: 'primary-silent',
      node: facts.primary,
      message:
        `${facts.primary} holds the lease for another ${facts.lease?.remainingMs ?? 0} ms, ` +
        'but its agent does not answer',
      next: 'pgherd status --watch',
    },
  ]
}

function storeReasons(facts: ReasonFacts): StatusReason[] {
  const { store, observations } = facts
  const cutOff = [...observations]
    .filter(([, one]) => one.kind === 'answered' && !one.view.isStoreReachable)
    .map(([name]) => name)
  if (cutOff.length === 0) return []
  const voters = store.voters.map((voter) => voter.name).join(', ')
  const lost = votersWithoutCopy(facts)
  if (!store.isReachable && store.voters.length - lost.length <= store.voters.length / 2) {
    return [
      {
        code: 'store-unreachable',
        node: null,
        message:
          `the store is lost: ${lost.join(' and ')} hold${lost.length === 1 ? 's' : ''} no copy of it ` +
          'any more, so no majority can come back',
        next: recoverCommand,
      },
    ]
  }
  // Voters that are down are where to look first.
  const missing = store.voters
    .filter((voter) => observations.get(voter.name)?.kind !== 'answered')
    .map((voter) => voter.name)
  return [
    {
      code: 'store-unreachable',
      node: null,
      message: store.isReachable
        ? `the store does not answer ${cutOff.join(', ')}`
        : `the store does not answer: no failover is possible until a majority of ${voters} runs`,
      next: lookAt(facts, missing.length > 0 ? missing : cutOff),
    },
  ]
}

/** Voters that answer and have nothing of the store on their disks. */
function votersWithoutCopy({ store, observations }: ReasonFacts): readonly NodeName[] {
  // Before the first start there is nothing that could be lost.
  const hasData = [...observations.values()].some(
    (one) => one.kind === 'answered' && one.view.report.systemId !== null,
  )
  if (!hasData) return []
  return store.voters
    .map((voter) => voter.name)
    .filter((name) => {
      const one = observations.get(name)
      return one?.kind === 'answered' && one.view.storeMember.isEmpty === true
    })
}

/** What a member of the store fails with; while the store is out of reach also what one waits for. */
function memberReasons(facts: ReasonFacts): StatusReason[] {
  const { store, observations } = facts
  const nodesOf = new Map<string, NodeName[]>()
  for (const { name, state } of store.voters) {
    const observation = observations.get(name)
    if (observation?.kind !== 'answered') continue
    const { detail } = observation.view.storeMember
    const isTold = state === 'failed' || (state === 'starting' && !store.isReachable)
    if (isTold && detail !== undefined) nodesOf.set(detail, [...(nodesOf.get(detail) ?? []), name])
  }
  return [...nodesOf].map(([detail, names]) => ({
    code: 'store-member',
    node: names[0] ?? null,
    message: `etcd on ${names.join(', ')}: ${detail}`,
    next: `pgherd logs ${names.join(' ')}`,
  }))
}

/** Said after the nodes that are missing, for they are the cause. */
function voteReasons(facts: ReasonFacts): StatusReason[] {
  const { voters, isReachable } = facts.store
  const missing = voters.filter((voter) => voter.state !== 'running').map((voter) => voter.name)
  const runningCount = voters.filter((voter) => voter.state === 'running').length
  const neededCount = Math.floor(voters.length / 2) + 1
  if (!isReachable || runningCount === voters.length || runningCount > neededCount) return []
  return [
    {
      code: 'store-votes',
      node: null,
      message:
        `the store runs on ${runningCount} of ${voters.length} voters; ` +
        'if one more of them is lost, no failover is possible',
      next: lookAt(facts, missing),
    },
  ]
}

function pausedReasons(facts: ReasonFacts): StatusReason[] {
  if (facts.paused === null) return []
  return [
    {
      code: 'paused',
      node: null,
      message: `automation is paused (${facts.paused.reason}): nobody is promoted by itself`,
      next: 'pgherd resume',
    },
  ]
}

function nodeReasons(facts: ReasonFacts): StatusReason[] {
  const nodes = facts.nodes.flatMap((node) => {
    const observation = facts.observations.get(node.name)
    if (observation?.kind !== 'answered') return [silentNode(node, observation)]
    const reason = answeringNode(node)
    return reason === null ? [] : [reason]
  })
  const balancers = facts.balancers.flatMap((one) => balancerReasons(one, facts))
  return [...nodes, ...balancers, ...vipReasons(facts)]
}

/** One of the balancers has the address, and only one. Silent ones may have it. */
function vipReasons({ layout, balancers }: ReasonFacts): StatusReason[] {
  const { vip } = layout
  const holders = balancers.filter((one) => one.hasVip === true).map((one) => one.name)
  const isUnknown = balancers.some((one) => one.hasVip === null)
  if (vip === null || holders.length === 1 || (holders.length === 0 && isUnknown)) return []
  const names = balancers.map((one) => one.name)
  return [
    {
      code: 'vip',
      node: null,
      message:
        holders.length === 0
          ? `no balancer has the address ${vip.address}, applications do not get through`
          : `${holders.join(' and ')} both have the address ${vip.address}`,
      next: `pgherd logs ${holders[0] ?? names[0] ?? 'NAME'}`,
    },
  ]
}

function balancerReasons(balancer: BalancerStatus, facts: ReasonFacts): StatusReason[] {
  const { name, state, detail } = balancer
  const observation = facts.observations.get(name)
  if (observation?.kind !== 'answered') {
    const silent = silentNode(balancer, observation)
    const isLast = facts.balancers.every(
      (one) => facts.observations.get(one.name)?.kind !== 'answered',
    )
    const cut = isLast ? '; no other balancer answers, applications may not get through' : ''
    return [{ ...silent, message: `${silent.message}${cut}` }]
  }
  if (state === 'running') {
    if (detail === null) return blindBalancer(balancer, facts)
    return [
      {
        code: 'balancer',
        node: name,
        message: `balancer ${name} needs attention: ${detail}`,
        next: `pgherd logs ${name}`,
      },
    ]
  }
  const because = detail === null ? '' : `: ${detail}`
  return [
    {
      code: 'balancer',
      node: name,
      message: `balancer ${name} is ${state}, applications may not get through${because}`,
      next: `pgherd logs ${name}`,
    },
  ]
}

/** Whoever connects through it gets no further, although there is a primary. */
function blindBalancer({ name }: BalancerStatus, facts: ReasonFacts): StatusReason[] {
  const observation = facts.observations.get(name)
  const balancing = observation?.kind === 'answered' ? observation.view.report.balancing : null
  if (!facts.isOpen || balancing?.writesTo !== null) return []
  return [
    {
      code: 'balancer',
      node: name,
      message: `balancer ${name} knows no way to the primary`,
      next: `pgherd logs ${name}`,
    },
  ]
}

function silentNode(
  node: Pick<NodeStatus, 'name' | 'detail'>,
  observation: Extract<NodeObservation, { kind: 'silent' }> | undefined,
): StatusReason {
  const { name } = node
  const logs = `pgherd logs ${name}`
  const detail = node.detail === null ? '' : `: ${node.detail}`
  const dark = observation?.process?.hostWithoutPower ?? null
  if (dark !== null) {
    return {
      code: 'node-without-power',
      node: name,
      message: `the host of ${name} has no power`,
      next: powerOnCommand(dark),
    }
  }
  switch (observation?.process?.state) {
    case 'stopped':
      return {
        code: 'node-stopped',
        node: name,
        message: `${name} is stopped`,
        next: `pgherd node start ${name}`,
      }
    case 'frozen':
      return {
        code: 'node-frozen',
        node: name,
        message: `${name} is frozen`,
        next: `pgherd node thaw ${name}`,
      }
    case 'failed':
      return {
        code: 'node-failed',
        node: name,
        message: `the agent of ${name} gave up${detail}`,
        next: logs,
      }
    case 'restarting':
      return {
        code: 'node-silent',
        node: name,
        message: `the agent of ${name} ended and is being started again${detail}`,
        next: logs,
      }
    case 'running':
      return unexplainedSilence(name, observation.silence, logs)
    case undefined: {
      const silence = observation?.silence ?? 'refused'
      return unexplainedSilence(name, silence, silence === 'refused' ? agentCommand(name) : logs)
    }
  }
}

function unexplainedSilence(
  node: NodeName,
  silence: 'refused' | 'timeout' | 'foreign',
  next: string,
): StatusReason {
  switch (silence) {
    case 'refused':
      return {
        code: 'node-silent',
        node,
        message: `no agent listens for ${node}: it has died, or its host is off`,
        next,
      }
    case 'timeout':
      return {
        code: 'node-silent',
        node,
        message: `the agent of ${node} does not answer in time: it hangs, or the network is cut`,
        next,
      }
    case 'foreign':
      return {
        code: 'node-foreign',
        node,
        message: `what answers in the place of ${node} is no agent of this cluster`,
        next,
      }
  }
}

/** What brings a lost store back. */
const recoverCommand = 'pgherd store recover'

/** States in which a node does what it is there for. */
const settledStates: ReadonlySet<NodeStatus['state']> = new Set(['running', 'streaming'])

function answeringNode(node: NodeStatus): StatusReason | null {
  const { name } = node
  const detail = node.detail === null ? '' : `: ${node.detail}`
  if (node.state === 'failed') {
    // Data without a record of it (R302, R310): the store was lost, and that is what is to be mended.
    const isStoreLost = node.detail?.includes(recoverCommand) === true
    const next = isStoreLost ? recoverCommand : `pgherd events --node ${name}`
    return { code: 'node-failed', node: name, message: `${name} has failed${detail}`, next }
  }
  if (node.isContradiction || node.role === 'primary') return null
  if (settledStates.has(node.state)) return null
  const subject = node.state === 'stopped' ? `PostgreSQL on ${name}` : name
  return {
    code: 'not-streaming',
    node: name,
    message: `${subject} is ${node.state}${progressOf(node)}${detail}`,
    next: progressOf(node) === '' ? `pgherd logs ${name}` : 'pgherd status --watch',
  }
}

function progressOf(node: NodeStatus): string {
  const { operation } = node
  if (operation === null || operation.doneBytes === null || operation.totalBytes === null) return ''
  if (operation.totalBytes === 0) return ''
  const percent = Math.floor((operation.doneBytes / operation.totalBytes) * 100)
  return ` (${Math.min(100, percent)} %)`
}

/** What follows when a record is not there. */
const recordConsequences: Readonly<Record<string, string>> = {
  lease: 'its holder writes it again; without a holder another node takes it when its time is over',
  sync: 'no standby can be promoted until it is back',
  cluster: 'the primary writes it again',
  control: 'no pause and no switchover is in force',
}

function recordReasons(facts: ReasonFacts): StatusReason[] {
  return facts.records.map(({ key, why }) => ({
    code: 'record',
    node: null,
    message:
      `the record "${key}" in etcd ${why}: ` +
      (recordConsequences[key] ?? 'the node is treated as unknown until its agent reports again'),
    next: nextFor(key),
  }))
}

function nextFor(key: string): string {
  if (key === 'sync') return 'pgherd store recover'
  return key === 'control' ? 'pgherd resume' : 'pgherd events'
}

function durabilityReasons(facts: ReasonFacts): StatusReason[] {
  const { sync, layout } = facts
  if (sync === null || !sync.isDegraded || !facts.isOpen) return []
  const message =
    sync.count === 0
      ? 'durability is degraded: commits wait for no standby, so no standby may be promoted ' +
        'without loss until one has caught up'
      : `durability is reduced: commits wait for ${sync.count} of ${sync.members.length} standbys, ` +
        `the spec asks for ${layout.syncStandbys}`
  return [{ code: 'durability', node: null, message, next: 'pgherd events' }]
}

/** The first line of `status`: the verdict and what it rests on. */
export function summaryOf(
  verdict: Verdict,
  facts: ReasonFacts,
  reasons: readonly StatusReason[],
): string {
  if (verdict === 'healthy') return `Healthy: ${healthyParts(facts).join(', ')}.`
  const word = { degraded: 'Degraded', 'no-primary': 'No primary', unreachable: 'Unreachable' }
  const first = reasons[0]?.message ?? 'the reason is not known'
  return `${word[verdict]}: ${first}${furtherOf(reasons)}.`
}

/** How many further reasons the first line names. */
const namedReasonCountMax = 3

/** ` (and 2 more: lb-0, durability)`; what is more about the same node is only counted. */
function furtherOf(reasons: readonly StatusReason[]): string {
  const [first, ...further] = reasons
  if (further.length === 0) return ''
  const isNews = (reason: StatusReason) => reason.node === null || reason.node !== first?.node
  const names = [...new Set(further.filter(isNews).map((one) => one.node ?? subjects[one.code]))]
  const named = names.slice(0, namedReasonCountMax).join(', ')
  const others = names.length > namedReasonCountMax ? ' and others' : ''
  return ` (and ${further.length} more${named === '' ? '' : `: ${named}${others}`})`
}

/** What a reason is about, in a word or two, where it is about no node. */
const subjects: Readonly<Record<ReasonCode, string>> = {
  'no-answer': 'no answer',
  contradiction: 'contradiction',
  'no-lease': 'no lease',
  opening: 'not open yet',
  'primary-silent': 'silent primary',
  'primary-gone': 'dead primary',
  'store-unreachable': 'store',
  'store-votes': 'votes of the store',
  'store-member': 'etcd',
  paused: 'automation paused',
  'node-failed': 'failed node',
  'node-stopped': 'stopped node',
  'node-without-power': 'host without power',
  'node-frozen': 'frozen node',
  'node-silent': 'silent node',
  'node-foreign': 'foreign agent',
  'not-streaming': 'standby',
  balancer: 'balancer',
  vip: 'shared address',
  durability: 'durability',
  record: 'record in etcd',
}

function healthyParts(facts: ReasonFacts): string[] {
  const standbyCount = facts.nodes.filter((node) => node.role === 'standby').length
  const witnessCount = facts.nodes.filter((node) => node.role === 'witness').length
  const parts = [`${facts.primary ?? 'nobody'} is primary`]
  const { sync } = facts
  if (standbyCount > 0) {
    const waits = sync !== null && sync.count > 0 ? ` (commits wait for ${sync.count})` : ''
    parts.push(`${plural(standbyCount, 'standby', 'standbys')}${waits}`)
  }
  if (witnessCount > 0) parts.push(plural(witnessCount, 'witness', 'witnesses'))
  return parts
}

function plural(count: number, one: string, many: string): string {
  return `${count} ${count === 1 ? one : many}`
}
