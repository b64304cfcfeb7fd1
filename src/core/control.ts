// Wishes of operators, kept in the store so that any agent can take them and they survive a crash.

import type { NodeName, WallClockMs } from './names.ts'

export type SwitchoverRequest = {
  readonly id: string
  /** Null: the most advanced listed standby. */
  readonly to: NodeName | null
  readonly requestedAtMs: WallClockMs
}

export type ControlRecord = {
  readonly switchover: SwitchoverRequest | null
  /** Automation off: no promotion and no fencing except by the lease itself. */
  readonly paused: { readonly reason: string; readonly sinceMs: WallClockMs } | null
}

export const noControl: ControlRecord = { switchover: null, paused: null }
