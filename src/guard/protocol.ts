// What agent and guard say to each other: one JSON object per line over a unix socket. The agent sends
// requests (with an id: they are answered) and `extend` (without: it is confirmed by a `deadline` line).

/** Grows when a line changes its meaning; an agent does not take over a guard of another version. */
export const protocolVersion = 1

export type ServerCommand = {
  /** Absolute path of the `postgres` program. */
  readonly program: string
  readonly args: readonly string[]
  /** The whole environment: nothing is inherited. */
  readonly env: Readonly<Record<string, string>>
  /** Whom to become; null when the guard already runs as that user. */
  readonly runAs: { readonly uid: number; readonly gid: number } | null
  /** Standard output and error are appended here. */
  readonly logFile: string
  /** The log is cut beyond this; one older part is kept. */
  readonly logSizeMaxBytes: number
}

export type ServerRole = 'primary' | 'standby'

export type GuardRequest =
  | { readonly type: 'hello'; readonly id: number }
  | { readonly type: 'ping'; readonly id: number }
  | { readonly type: 'arm'; readonly id: number; readonly stopByMs: number }
  | { readonly type: 'disarm'; readonly id: number }
  | {
      readonly type: 'start'
      readonly id: number
      readonly as: ServerRole
      readonly command: ServerCommand
    }
  | { readonly type: 'stop'; readonly id: number; readonly mode: 'fast' | 'immediate' }
  | { readonly type: 'reload'; readonly id: number }
  /** Exits when no PostgreSQL runs; otherwise refused. */
  | { readonly type: 'quit'; readonly id: number }

export type GuardMessage = GuardRequest | { readonly type: 'extend'; readonly stopByMs: number }

export type ServerEndKind = 'exited' | 'killed' | 'fenced' | 'stopped'

export type ServerEnd = {
  readonly kind: ServerEndKind
  readonly exitCode: number | null
  readonly signal: string | null
  /** Processes that had to be killed after the postmaster was gone. */
  readonly orphanCount: number
}

export type GuardState = {
  readonly version: number
  readonly guardPid: number
  readonly server: { readonly pid: number; readonly as: ServerRole } | null
  readonly stopByMs: number | null
  /** Number of servers that have ended under this guard, and how the last one did. */
  readonly endCount: number
  readonly lastEnd: ServerEnd | null
  /** How long the last write and fsync took, or for how long the present one has hung. */
  readonly diskProbeMs: number
}

export type GuardReply =
  | { readonly type: 'answer'; readonly id: number; readonly state: GuardState }
  | { readonly type: 'refusal'; readonly id: number; readonly why: string }
  | { readonly type: 'deadline'; readonly stopByMs: number | null; readonly diskProbeMs: number }
  /** The deadline has passed, the server is being stopped. `gone` follows. */
  | { readonly type: 'fencing'; readonly stopByMs: number; readonly lateMs: number }
  | { readonly type: 'gone'; readonly end: ServerEnd; readonly endCount: number }
  /** Another agent has connected; this connection will be closed. */
  | { readonly type: 'replaced' }

const lineMaxCharacters = 256 * 1024

/**
 * Collects chunks of text into parsed lines. Both sides trust each other (the socket is private to one
 * user), so the caller says of which type they are.
 * @returns a function that takes a chunk and returns the messages that it completed
 * @throws SyntaxError on a line that is no JSON, RangeError on one without end
 */
export function createLineParser(): (chunk: string) => readonly unknown[] {
  let rest = ''
  return (chunk) => {
    const lines = (rest + chunk).split('\n')
    rest = lines.pop() ?? ''
    if (rest.length > lineMaxCharacters) throw new RangeError('a line of the guard has no end')
    return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as unknown)
  }
}

export function renderLine(message: GuardMessage | GuardReply): string {
  return `${JSON.stringify(message)}\n`
}
