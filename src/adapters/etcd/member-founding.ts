// A store that begins anew after the former one was lost: made on one volume, at an address that nobody
// else knows, and opened to the others only after its first records are in it. And what a volume's copy
// of a store without a majority still holds.

import type { Agent } from 'node:http'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import type { ClusterLayout } from '../../core/cluster-layout.ts'
import type { ClusterName } from '../../core/names.ts'
import type { FirstRecords, SeenRecords } from '../../core/store-recovery.ts'
import type { FileOwner } from '../../host/files.ts'
import { createEtcdClusterStore } from './cluster-store.ts'
import { codecs } from './codec.ts'
import type { Endpoint } from './endpoint.ts'
import { postJson } from './http.ts'
import { keysOf } from './keys.ts'
import type { MemberCalls } from './member-calls.ts'
import type { VoterAddress } from './member-flags.ts'
import { renderFlags, urlOf } from './member-flags.ts'
import type { EtcdProcess } from './member-process.ts'
import { startEtcdProcess } from './member-process.ts'
import { parseTransactionAnswer, rangeOperation } from './messages.ts'
import { rest } from './rest.ts'
import { viewOf } from './view.ts'

const readyMaxMs = 20_000
const lookMs = 50
const lookTimeoutMs = 1000
const writeTimeoutMs = 5000
const stopGraceMs = 3000

export type Nursery = {
  readonly layout: ClusterLayout
  readonly voter: VoterAddress
  /** An empty directory. */
  readonly nursery: string
  readonly bindHost: string
  readonly program: string
  readonly runAs: FileOwner | null
  readonly logFile: string
}

/**
 * Makes a store of one member in the nursery that holds exactly `records`, and ends it again.
 * @returns the id of its only member
 * @throws Error when etcd does not come up or does not take the records
 */
export async function foundInNursery(
  place: Nursery,
  calls: MemberCalls,
  records: FirstRecords,
): Promise<string> {
  assertReadable(records)
  const [clientPort, peerPort] = await freePorts(place.bindHost)
  const client: Endpoint = { host: place.bindHost, port: clientPort }
  const { program, runAs, logFile } = place
  const flags = nurseryFlags(place, client, { host: place.bindHost, port: peerPort })
  const running = await startEtcdProcess({ program, flags, runAs, logFile })
  try {
    const memberId = await untilServing(running, calls, client)
    await writeFirst(place.layout, client, records)
    return memberId
  } finally {
    await end(running)
  }
}

/** @throws RecordError when an agent could not read one of them again */
function assertReadable({ lease, sync, cluster, control }: FirstRecords): void {
  codecs.lease.parse('lease', codecs.lease.render(lease))
  codecs.sync.parse('sync', codecs.sync.render(sync))
  codecs.cluster.parse('cluster', codecs.cluster.render(cluster))
  if (control !== null) codecs.control.parse('control', codecs.control.render(control))
}

/** As the member will run, but for where it listens; and no former store can be taken for this one. */
function nurseryFlags(
  { layout, voter, nursery, bindHost }: Nursery,
  client: Endpoint,
  peer: Endpoint,
): readonly string[] {
  const token = crypto.randomUUID()
  const initial = { state: 'new', members: `${voter.node}=${urlOf(voter.peer)}`, token } as const
  const replaced: Readonly<Record<string, string>> = {
    '--listen-client-urls': urlOf(client),
    '--advertise-client-urls': urlOf(client),
    '--listen-peer-urls': urlOf(peer),
  }
  return renderFlags(layout, voter, nursery, bindHost, initial).map((flag) => {
    const [name = ''] = flag.split('=', 1)
    const value = replaced[name]
    return value === undefined ? flag : `${name}=${value}`
  })
}

async function untilServing(
  running: EtcdProcess,
  calls: MemberCalls,
  client: Endpoint,
): Promise<string> {
  const over = new AbortController()
  const ended = running.exited.then(({ reason }) => {
    over.abort()
    return reason
  })
  const endsAtMs = performance.now() + readyMaxMs
  while (!over.signal.aborted && performance.now() < endsAtMs) {
    try {
      await calls.probe(client, lookTimeoutMs)
      return (await calls.status(client, lookTimeoutMs)).memberId
    } catch {
      // Not up yet; why it never comes up is in its last words.
    }
    await rest(lookMs, over.signal)
  }
  throw new Error(
    over.signal.aborted
      ? `the new store did not start: ${await ended}`
      : `the new store did not answer within ${readyMaxMs / 1000} s`,
  )
}

async function writeFirst(
  layout: ClusterLayout,
  client: Endpoint,
  { lease, sync, cluster, control }: FirstRecords,
): Promise<void> {
  const store = createEtcdClusterStore({
    cluster: layout.cluster,
    endpoints: [client],
    plan: layout.plan,
  })
  try {
    const put = { lease, sync, cluster, ...(control === null ? {} : { control }) }
    const transaction = { expect: { lease: 0, sync: 0, cluster: 0 }, put }
    const result = await store.transact(transaction, writeTimeoutMs)
    if (result.kind !== 'committed') throw new Error('the new store is not empty')
  } finally {
    store.close()
  }
}

async function end(running: EtcdProcess): Promise<void> {
  const over = new AbortController()
  running.signal('SIGTERM')
  void rest(stopGraceMs, over.signal).then(() => {
    if (!over.signal.aborted) running.signal('SIGKILL')
  })
  await running.exited
  over.abort()
}

/** Two ports that nobody uses now. */
async function freePorts(host: string): Promise<readonly [number, number]> {
  const servers = [createServer(), createServer()] as const
  try {
    const [first, second] = await Promise.all(
      servers.map(
        (server) =>
          new Promise<number>((resolve, reject) => {
            server.once('error', reject)
            server.listen(0, host, () => resolve((server.address() as AddressInfo).port))
          }),
      ),
    )
    if (first === undefined || second === undefined) throw new Error('no port is free')
    return [first, second]
  } finally {
    for (const server of servers) server.close()
  }
}

/**
 * What the member at `endpoint` holds, asked of it alone: it needs no majority for that, and may be behind.
 * @throws EtcdError, RecordError
 */
export async function readOwnCopy(
  agent: Agent,
  endpoint: Endpoint,
  cluster: ClusterName,
  timeoutMs: number,
): Promise<SeenRecords> {
  const keys = keysOf(cluster)
  const success = keys.view.map((range) => rangeOperation(range, { serializable: true }))
  const body = { compare: [], success, failure: [] }
  const answer = parseTransactionAnswer(
    await postJson(agent, endpoint, '/v3/kv/txn', body, { timeoutMs, connectMs: timeoutMs }),
  )
  const kvs = answer.ranges.flatMap((range) => range.kvs)
  const { lease, sync, cluster: record, control } = viewOf(keys, answer.revision, kvs)
  return {
    lease: lease?.value ?? null,
    sync: sync?.value ?? null,
    cluster: record?.value ?? null,
    control: control?.value ?? null,
  }
}
