// A switchover as the agents would show it, on a clock of our own.

import { describe, expect, test } from 'vitest'
import { makeClient, makeCluster, makeEvent } from '../../test/support/cluster-double.ts'
import type { JournalEvent } from '../core/journal-event.ts'
import { asEpoch, asMonotonic, asNodeName } from '../core/names.ts'
import type { AgentStatus } from '../ports/agent-api.ts'
import { AgentSilentError, type StatusClient } from '../ports/status-client.ts'
import { type SwitchoverCourse, followSwitchover } from './follow-switchover.ts'

const pg0 = asNodeName('pg-0')

type Script = {
  /** When pg-0 closes and pg-1 opens; never: Infinity. */
  readonly closesAtMs: number
  readonly opensAtMs: number
  readonly events?: readonly { readonly atMs: number; readonly event: JournalEvent }[]
  readonly abortAtMs?: number
}

const lease = {
  holder: asNodeName('pg-1'),
  epoch: asEpoch(4),
  state: 'serving',
  remainingMs: 900,
} as const

function viewAt(view: AgentStatus, script: Script, nowMs: number): AgentStatus {
  const isPrimary =
    view.node === pg0
      ? nowMs < script.closesAtMs
      : view.node === 'pg-1' && nowMs >= script.opensAtMs
  const isOver = nowMs >= script.opensAtMs
  return {
    ...view,
    role: { ...view.role, isPrimary },
    ...(isOver ? { lease } : {}),
    report: { ...view.report, isPrimary, epoch: isPrimary ? asEpoch(isOver ? 4 : 3) : null },
  }
}

async function follow(script: Script): Promise<SwitchoverCourse & { shown: readonly string[] }> {
  let nowMs = 1_000
  const controller = new AbortController()
  const base = makeClient()
  const client: StatusClient = {
    ...base,
    status: async (agent, deadlineMs) => {
      const view = await base.status(agent, deadlineMs)
      // A primary that is being stopped is too busy to answer for a while.
      if (view.node === pg0 && nowMs > script.closesAtMs && nowMs < script.opensAtMs) {
        throw new AgentSilentError('timeout', 'busy')
      }
      return viewAt(view, script, nowMs)
    },
    events: async () =>
      (script.events ?? []).filter(({ atMs }) => atMs <= nowMs).map(({ event }) => event),
  }
  const shown: string[] = []
  const course = await followSwitchover({
    cluster: makeCluster(client),
    client,
    clock: {
      monotonicMs: () => asMonotonic(nowMs),
      wallClockMs: () => nowMs as never,
      sleep: async (durationMs) => {
        nowMs += durationMs
        if (nowMs >= (script.abortAtMs ?? Number.POSITIVE_INFINITY)) controller.abort()
      },
    },
    from: pg0,
    known: new Set(['old']),
    timeoutMs: 5_000,
    signal: controller.signal,
    onStep: (event) => shown.push(event.id),
  })
  return { ...course, shown }
}

describe('how it ends', () => {
  test('done: the pause is known to one poll, each step is shown once', async () => {
    const opened = makeEvent({ id: 'new', kind: 'opened' })
    const course = await follow({
      closesAtMs: 2_000,
      opensAtMs: 2_412,
      events: [
        { atMs: 0, event: makeEvent({ id: 'old' }) },
        { atMs: 2_400, event: opened },
      ],
    })
    expect(course.end).toMatchObject({ kind: 'done', to: 'pg-1' })
    expect(course.pausedMs).toBeGreaterThanOrEqual(412)
    expect(course.pausedMs).toBeLessThanOrEqual(412 + 2 * 25)
    expect(course.shown).toEqual(['new'])
    expect(course.steps.map((step) => step.id)).toEqual(['new'])
  })

  test('cancelled by the primary', async () => {
    const cancelled = makeEvent({
      kind: 'switchover-cancelled',
      message: 'pg-1 is too far behind.',
    })
    const course = await follow({
      closesAtMs: Infinity,
      opensAtMs: Infinity,
      events: [{ atMs: 2_000, event: cancelled }],
    })
    expect(course.end).toEqual({ kind: 'cancelled', why: 'pg-1 is too far behind.' })
  })

  test('nothing happens: the time is over', async () => {
    const course = await follow({ closesAtMs: Infinity, opensAtMs: Infinity })
    expect(course.end).toEqual({ kind: 'timeout' })
    expect(course.pausedMs).toBeNull()
  })

  test('Ctrl-C: it goes on without the person', async () => {
    const course = await follow({ closesAtMs: Infinity, opensAtMs: Infinity, abortAtMs: 1_500 })
    expect(course.end).toEqual({ kind: 'interrupted' })
  })
})
