// `status --watch`: looks twice a second and draws in the alternate screen. The terminal is given back
// as it was, however the command ends. In a pipe it prints one document, or one verdict, per change.

import type { ExitReason } from '../lib/errors.ts'
import { messageOf } from '../lib/errors.ts'
import type { StatusClient } from '../ports/status-client.ts'
import type { RuntimeCluster } from '../runtimes/runtime.ts'
import type { CommandContext } from './context.ts'
import { type Screen, openScreen } from './screen.ts'
import {
  eventCountMax,
  gatherEvents,
  mergeEvents,
  observeCluster,
  statusDeadlineMs,
} from './observe-cluster.ts'
import { planText, requestOfCluster } from './request.ts'
import { type WatchView, renderFrame } from './watch-frame.ts'

const periodMs = 500
/** More than that does not happen between two looks, or is soon looked at again. */
const newEventCountMax = 60
/** How long an answer stands in the place of the keys. */
const messageMs = 6_000

/** Runs until q or Ctrl-C. */
export async function watchCluster(
  context: CommandContext,
  cluster: RuntimeCluster,
  client: StatusClient,
): Promise<ExitReason> {
  if (context.isJson || !context.terminal.isStdoutTty || !context.terminal.canAnimate) {
    return streamStatus(context, cluster, client)
  }
  const screen = openScreen(process.stdout, process.stdin)
  try {
    await new Watch(context, cluster, client, screen).run()
    return 'done'
  } finally {
    screen.close()
  }
}

/** Without a screen: a document per look, or a line per new verdict. */
async function streamStatus(
  context: CommandContext,
  cluster: RuntimeCluster,
  client: StatusClient,
): Promise<ExitReason> {
  const { terminal, signal } = context
  const { clock } = context.services
  let last = ''
  while (!signal.aborted) {
    const { status } = await observeCluster(cluster, client)
    if (context.isJson) terminal.print(JSON.stringify(status))
    else if (status.summary !== last) {
      terminal.print(`${new Date(clock.wallClockMs()).toISOString()}  ${status.summary}`)
    }
    last = status.summary
    await clock.sleep(periodMs, signal)
  }
  return 'done'
}

class Watch {
  readonly #context: CommandContext
  readonly #cluster: RuntimeCluster
  readonly #client: StatusClient
  readonly #screen: Screen
  readonly #stop = new AbortController()
  #view: WatchView
  #isAsking = false
  #messageSinceMs = 0

  constructor(
    context: CommandContext,
    cluster: RuntimeCluster,
    client: StatusClient,
    screen: Screen,
  ) {
    this.#context = context
    this.#cluster = cluster
    this.#client = client
    this.#screen = screen
    this.#view = {
      status: null,
      events: [],
      lookedAtMs: context.services.clock.wallClockMs(),
      isPaused: false,
      isHelpShown: false,
      message: null,
    }
  }

  async run(): Promise<void> {
    const { clock } = this.#context.services
    const signal = AbortSignal.any([this.#stop.signal, this.#context.signal])
    this.#screen.onKey((key) => {
      this.#press(key)
    })
    this.#screen.onResize(() => {
      this.#draw()
    })
    this.#draw()
    while (!signal.aborted) {
      const startedAtMs = clock.monotonicMs()
      if (!this.#view.isPaused) await this.#look()
      const tookMs = clock.monotonicMs() - startedAtMs
      await clock.sleep(Math.max(50, periodMs - tookMs), signal)
    }
  }

  /** Looks at everything; what does not answer is part of the picture. */
  async #look(): Promise<void> {
    const [{ status }, events] = await Promise.all([
      observeCluster(this.#cluster, this.#client),
      gatherEvents(this.#cluster, this.#client, statusDeadlineMs, newEventCountMax),
    ])
    if (this.#view.isPaused) return
    const isOld = this.#nowMs() - this.#messageSinceMs > messageMs
    this.#show({
      ...(isOld && !this.#isAsking ? { message: null } : {}),
      status,
      // An agent that is cut off knows only its own events: the story so far is not forgotten.
      events: mergeEvents([...this.#view.events, ...(events ?? [])]).slice(-eventCountMax),
      lookedAtMs: this.#context.services.clock.wallClockMs(),
    })
  }

  #nowMs(): number {
    return this.#context.services.clock.monotonicMs()
  }

  #show(change: Partial<WatchView>): void {
    if (change.message !== undefined) this.#messageSinceMs = this.#nowMs()
    this.#view = { ...this.#view, ...change }
    this.#draw()
  }

  #draw(): void {
    const { style } = this.#context.terminal
    this.#screen.draw(renderFrame(this.#view, this.#screen.size(), style))
  }

  #press(key: string): void {
    if (this.#isAsking) {
      this.#isAsking = false
      if (key === 'y') void this.#switchover()
      else this.#show({ message: null })
      return
    }
    switch (key) {
      case 'q':
      case '\u0003':
        this.#stop.abort()
        break
      case 'p':
        this.#show({ isPaused: !this.#view.isPaused, message: null })
        break
      case '?':
        this.#show({ isHelpShown: !this.#view.isHelpShown })
        break
      case 's':
        void this.#askForSwitchover()
        break
      default:
        this.#show({ message: null })
    }
  }

  /** The plan is asked for first, so that a refusal comes before the question. */
  async #askForSwitchover(): Promise<void> {
    this.#show({ message: 'asking whether a switchover is possible...', isHelpShown: false })
    const plan = await this.#request(true)
    if (plan === null) return
    this.#isAsking = true
    this.#show({ message: `${planText(plan).replace(/\.$/, '')}. Do it? y/N` })
  }

  async #switchover(): Promise<void> {
    this.#show({ message: 'switchover requested' })
    const plan = await this.#request(false)
    if (plan !== null) this.#show({ message: 'switchover under way, see the events' })
  }

  /** @returns null when it was refused or failed; the message says so */
  async #request(isDryRun: boolean): Promise<string | null> {
    try {
      const accepted = await requestOfCluster(this.#cluster, this.#client, (agent, deadlineMs) =>
        this.#client.requestSwitchover(agent, null, isDryRun, deadlineMs),
      )
      return accepted.message
    } catch (error) {
      this.#show({ message: messageOf(error) })
      return null
    }
  }
}
