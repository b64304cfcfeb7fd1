// Ctrl-C and SIGTERM during a bench: what it has brought up is undone, the latest first, before it ends.
// Nothing is heeded before `heed`.

import { constants } from 'node:os'

export type Interruption = 'SIGINT' | 'SIGTERM'

/** Takes something away again that was brought up. @param signal what the person sent */
export type Undo = (signal: Interruption) => Promise<void>

/** What to do to the process, and how to say so. */
export type Ending = {
  readonly say: (line: string) => void
  readonly exit: (code: number) => void
}

export class Interrupts {
  readonly #controller = new AbortController()
  readonly #undos = new Set<Undo>()

  /** Aborts when the person wants the bench to end; nothing new is to be brought up then. */
  get signal(): AbortSignal {
    return this.#controller.signal
  }

  /** @returns forgets it, when it was taken away otherwise */
  undoLater(undo: Undo): () => void {
    this.#undos.add(undo)
    return () => {
      this.#undos.delete(undo)
    }
  }

  /** Ends the process with 130 or 143 when everything is undone. A second signal changes nothing. */
  heed(source: NodeJS.EventEmitter, ending: Ending): void {
    for (const name of ['SIGINT', 'SIGTERM'] as const) {
      source.on(name, () => {
        if (this.signal.aborted) return
        this.#controller.abort(new Error(`interrupted by ${name}`))
        void this.#end(name, ending)
      })
    }
  }

  async #end(name: Interruption, { say, exit }: Ending): Promise<void> {
    say(`\nInterrupted by ${name}: destroying what was brought up, which takes some seconds.`)
    for (const undo of [...this.#undos].reverse()) {
      try {
        await undo(name)
      } catch (error) {
        // The others are to go all the same.
        say(`not destroyed: ${error instanceof Error ? error.message : String(error)}`)
      }
    }
    say('Everything that could be destroyed is gone.')
    exit(128 + constants.signals[name])
  }
}

/** Those of this process. */
export const interrupts = new Interrupts()
