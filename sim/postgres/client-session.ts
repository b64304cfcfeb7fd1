// One session of a client on a primary, and what its backend does when the postmaster dies under it.

import type { SimServer } from './server.ts'
import type { Commit, WalEntry } from './wal.ts'

/**
 * `refused`: the server is a standby and takes no writes. `lost`: the connection broke before the
 * answer; the commit may be there or not.
 */
export type CommitOutcome = 'acknowledged' | 'refused' | 'lost'

export class ClientSession {
  readonly server: SimServer
  /** A commit is under way. */
  isWriting = false
  readonly #onEnd: () => void
  #isOver = false
  /** Goes on without a postmaster. */
  #isAlone = false

  constructor(server: SimServer, onEnd: () => void) {
    this.server = server
    this.#onEnd = onEnd
  }

  /** Commits one row; `onOutcome` is called when the backend has answered or ended. */
  commit(onOutcome: (outcome: CommitOutcome) => void): void {
    // A backend that waits for its client's next statement notices the death of its postmaster.
    if (this.server.role === 'orphaned') {
      // In the middle of something long, its client is still waiting for that.
      if (!this.#isAlone) this.#endAlone()
      return
    }
    if (this.server.role === 'standby') onOutcome('refused')
    else this.#commit(onOutcome)
  }

  #commit(onOutcome: (outcome: CommitOutcome) => void): void {
    const { server } = this
    const { node, epoch } = server
    const commit: Commit = { id: server.world.nextCommitId(), epoch, promisedIn: null }
    this.isWriting = true
    const settle = (outcome: 'done' | 'lost'): void => {
      this.isWriting = false
      if (outcome === 'done') this.#acknowledge(commit, entry)
      onOutcome(outcome === 'done' ? 'acknowledged' : 'lost')
    }
    const entry: WalEntry = server.write('commit', commit, {
      flushed: () => server.sync.enter({ entry, settle }),
      lost: () => settle('lost'),
    })
    server.world.emit({ kind: 'written', node, epoch })
  }

  /** The connection is closed, by whomever. */
  end(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.server.sessions.delete(this)
    this.#onEnd()
  }

  /**
   * The postmaster is dead and this backend is in the middle of something long: it commits and answers
   * its client once more, or a few times (a procedure that loops), before it notices.
   */
  goOnAlone(): void {
    const { server } = this
    this.#isAlone = true
    server.process.schedule(server.random.between(5, 2500), () => {
      if (this.#isOver) return
      // A commit that would have to wait notices the death instead and answers nobody.
      if (server.sync.isDefined) {
        this.#endAlone()
        return
      }
      this.#commit(() => {
        if (server.random.chance(0.6)) this.goOnAlone()
        else this.#endAlone()
      })
    })
  }

  #endAlone(): void {
    this.end()
    this.server.orphanEnded()
  }

  #acknowledge(commit: Commit, entry: WalEntry): void {
    const { node, epoch, world } = this.server
    world.emit({ kind: 'acknowledged', node, epoch, commit, entry })
  }
}
