// How a person's command talks to one agent: its status, its events and the requests of operators.
// The HTTP adapter implements it with the cluster's token; `cli` gets it from wiring.ts.

import type { JournalEvent } from '../core/journal-event.ts'
import type { NodeName } from '../core/names.ts'
import type { FirstRecords, StoreEvidence } from '../core/store-recovery.ts'
import type { AgentStatus, RequestAnswer } from './agent-api.ts'

/** Where an agent listens. A NodeLayout is one. */
export type AgentAddress = { readonly host: string; readonly apiPort: number }

export type AgentSilence =
  /** Nothing listens there: the agent is not running, or the port is filtered. */
  | 'refused'
  /** It accepted the connection, or did not even do that, and the deadline passed. */
  | 'timeout'
  /** It answered something else than an agent of this cluster would: wrong token, wrong cluster. */
  | 'foreign'

/** The agent gave no usable answer. `silence` says in which way, the message in which words. */
export class AgentSilentError extends Error {
  override readonly name = 'AgentSilentError'
  readonly silence: AgentSilence
  constructor(silence: AgentSilence, message: string, options?: { cause?: unknown }) {
    super(message, options)
    this.silence = silence
  }
}

/** Every call ends by its deadline, also when the agent is frozen. */
export interface StatusClient {
  /** @throws AgentSilentError */
  status(agent: AgentAddress, deadlineMs: number): Promise<AgentStatus>
  /** The newest `countMax` events that this agent knows, oldest first. @throws AgentSilentError */
  events(
    agent: AgentAddress,
    countMax: number,
    deadlineMs: number,
  ): Promise<readonly JournalEvent[]>
  /** @throws AgentSilentError */
  requestSwitchover(
    agent: AgentAddress,
    to: NodeName | null,
    isDryRun: boolean,
    deadlineMs: number,
  ): Promise<RequestAnswer>
  /** @throws AgentSilentError */
  requestCancelSwitchover(agent: AgentAddress, deadlineMs: number): Promise<RequestAnswer>
  /** @throws AgentSilentError */
  requestPause(agent: AgentAddress, reason: string, deadlineMs: number): Promise<RequestAnswer>
  /** @throws AgentSilentError */
  requestResume(agent: AgentAddress, deadlineMs: number): Promise<RequestAnswer>
  /** @throws AgentSilentError */
  storeEvidence(agent: AgentAddress, deadlineMs: number): Promise<StoreEvidence>
  /** @throws AgentSilentError */
  yieldToRecovery(
    agent: AgentAddress,
    isFounder: boolean,
    deadlineMs: number,
  ): Promise<StoreEvidence>
  /** @throws AgentSilentError */
  foundStore(agent: AgentAddress, records: FirstRecords, deadlineMs: number): Promise<RequestAnswer>
}
