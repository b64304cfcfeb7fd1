// Watches a switchover from the request to its end: the events as steps, and how long writes paused.

import type { ClusterStatus } from '../core/cluster-status.ts'
import type { JournalEvent } from '../core/journal-event.ts'
import type { NodeName } from '../core/names.ts'
import type { AgentStatus } from '../ports/agent-api.ts'
import type { Clock } from '../ports/clock.ts'
import { AgentSilentError, type StatusClient } from '../ports/status-client.ts'
import type { RuntimeCluster } from '../runtimes/runtime.ts'
import { gatherEvents, observeCluster } from './observe-cluster.ts'

export type SwitchoverEnd =
  | { readonly kind: 'done'; readonly to: NodeName; readonly after: ClusterStatus }
  | { readonly kind: 'cancelled'; readonly why: string }
  | { readonly kind: 'timeout' }
  | { readonly kind: 'interrupted' }

export type SwitchoverCourse = {
  readonly end: SwitchoverEnd
  readonly steps: readonly JournalEvent[]
  /**
   * From the last moment at which the old primary was seen open to the first at which the new one was;
   * null when either was missed. Not shorter than the real pause by more than one poll.
   */
  readonly pausedMs: number | null
}

/** Short enough to measure a pause of some hundred milliseconds, long enough not to lengthen it. */
const pollMs = 25
const eventPeriodMs = 250
const eventCountMax = 60
const pollDeadlineMs = 200

export type FollowInput = {
  readonly cluster: RuntimeCluster
  readonly client: StatusClient
  readonly clock: Clock
  readonly from: NodeName
  /** Events that were there before the request. */
  readonly known: ReadonlySet<string>
  readonly timeoutMs: number
  readonly signal: AbortSignal
  readonly onStep: (event: JournalEvent) => void
}

/** Follows until somebody else is open for writes, the request is gone, or the time is over. */
export async function followSwitchover(input: FollowInput): Promise<SwitchoverCourse> {
  const { clock, from, timeoutMs, signal } = input
  const deadlineMs = clock.monotonicMs() + timeoutMs
  const steps: JournalEvent[] = []
  const pause = new PauseMeter(from)
  let nextEventsAtMs: number = clock.monotonicMs()
  let end: SwitchoverEnd | null = null
  while (end === null) {
    const answers = await pollAgents(input, pause.isOpenAtSource)
    const nowMs = clock.monotonicMs()
    pause.observe(answers, nowMs)
    if (nowMs >= nextEventsAtMs || pause.openedBy !== null) {
      steps.push(...(await newSteps(input, steps)))
      nextEventsAtMs = clock.monotonicMs() + eventPeriodMs
    }
    const cancelled = steps.find((event) => event.kind === 'switchover-cancelled')
    if (pause.openedBy !== null) end = await completed(input, pause.openedBy)
    else if (cancelled !== undefined) end = { kind: 'cancelled', why: cancelled.message }
    else if (nowMs >= deadlineMs) end = { kind: 'timeout' }
    else if (signal.aborted) end = { kind: 'interrupted' }
    else await clock.sleep(pollMs, signal)
  }
  if (end.kind === 'done') steps.push(...(await newSteps(input, steps)))
  return { end, steps, pausedMs: pause.pausedMs() }
}

/** Learns from polls when the old primary was last open and the new one first. */
class PauseMeter {
  readonly #from: NodeName
  #lastOpenMs: number | null = null
  #firstOpenMs: number | null = null
  /** The old primary was open at the last look. */
  isOpenAtSource = true
  openedBy: NodeName | null = null

  constructor(from: NodeName) {
    this.#from = from
  }

  observe(answers: readonly AgentStatus[], nowMs: number): void {
    this.isOpenAtSource = answers.some(
      (answer) => answer.node === this.#from && answer.role.isPrimary,
    )
    for (const answer of answers) {
      if (!answer.role.isPrimary) continue
      if (answer.node === this.#from) this.#lastOpenMs = nowMs
      else if (this.openedBy === null) {
        this.openedBy = answer.node
        this.#firstOpenMs = nowMs
      }
    }
  }

  pausedMs(): number | null {
    if (this.#lastOpenMs === null || this.#firstOpenMs === null) return null
    return Math.round(this.#firstOpenMs - this.#lastOpenMs)
  }
}

/** While the old primary is open nobody else can be: only it is asked. */
async function pollAgents(
  input: FollowInput,
  isSourceOnly: boolean,
): Promise<readonly AgentStatus[]> {
  const { cluster, client, from } = input
  const answers = await Promise.all(
    cluster.layout.nodes
      .filter((node) => node.role === 'data' && (!isSourceOnly || node.name === from))
      .map(async (node) => {
        try {
          return await client.status(node, pollDeadlineMs)
        } catch (error) {
          if (error instanceof AgentSilentError) return null
          throw error
        }
      }),
  )
  return answers.filter((answer) => answer !== null)
}

async function newSteps(
  input: FollowInput,
  steps: readonly JournalEvent[],
): Promise<readonly JournalEvent[]> {
  const events =
    (await gatherEvents(input.cluster, input.client, pollDeadlineMs * 2, eventCountMax)) ?? []
  const seen = new Set(steps.map((event) => event.id))
  const news = events.filter((event) => !input.known.has(event.id) && !seen.has(event.id))
  for (const event of news) input.onStep(event)
  return news
}

/** The former primary comes back as a standby; its return belongs to the picture, but not for long. */
async function completed(input: FollowInput, to: NodeName): Promise<SwitchoverEnd> {
  const { clock, cluster, client, signal } = input
  const deadlineMs = clock.monotonicMs() + 10_000
  for (;;) {
    const { status } = await observeCluster(cluster, client)
    const isOver = status.verdict === 'healthy' || clock.monotonicMs() >= deadlineMs
    if (isOver || signal.aborted) return { kind: 'done', to, after: status }
    await clock.sleep(pollMs * 5, signal)
  }
}
