// The alternate screen of a terminal: only lines that changed are written, keys come one by one, and
// everything is put back in `close`, which also runs when the process ends without asking.

import type { FrameSize } from './watch-frame.ts'

export type Screen = {
  size(): FrameSize
  draw(lines: readonly string[]): void
  onKey(listener: (key: string) => void): void
  onResize(listener: () => void): void
  /** Idempotent. */
  close(): void
}

const enter = '\u001b[?1049h\u001b[?25l\u001b[2J'
const leave = '\u001b[?25h\u001b[?1049l'

type Output = {
  write(text: string): unknown
  readonly columns?: number
  readonly rows?: number
  on(event: 'resize', listener: () => void): unknown
  off(event: 'resize', listener: () => void): unknown
}

type Input = {
  readonly isTTY?: boolean
  setRawMode?(isRaw: boolean): unknown
  resume(): unknown
  pause(): unknown
  on(event: 'data', listener: (data: Buffer | string) => void): unknown
  off(event: 'data', listener: (data: Buffer | string) => void): unknown
}

/** What has to be written to turn one picture into the next. Pure, for its test. */
export function frameDifference(before: readonly string[], after: readonly string[]): string {
  return after
    .map((line, index) => (line === before[index] ? '' : `\u001b[${index + 1};1H${line}\u001b[K`))
    .join('')
}

export function openScreen(output: Output, input: Input): Screen {
  let shown: readonly string[] = []
  let isOpen = true
  const resizeListeners: (() => void)[] = []
  const keyListeners: ((key: string) => void)[] = []
  const onData = (data: Buffer | string) => {
    for (const key of String(data)) for (const listener of keyListeners) listener(key)
  }
  const onResize = () => {
    // What is on the screen after a resize is anybody's guess.
    shown = []
    output.write('\u001b[2J')
    for (const listener of resizeListeners) listener()
  }
  const close = () => {
    if (!isOpen) return
    isOpen = false
    process.off('exit', close)
    output.off('resize', onResize)
    input.off('data', onData)
    input.setRawMode?.(false)
    input.pause()
    output.write(leave)
  }
  output.write(enter)
  process.on('exit', close)
  output.on('resize', onResize)
  if (input.isTTY === true) {
    input.setRawMode?.(true)
    input.resume()
    input.on('data', onData)
  }
  return {
    size: () => ({ columns: output.columns ?? 80, rows: output.rows ?? 24 }),
    draw: (lines) => {
      if (!isOpen) return
      const change = frameDifference(shown, lines)
      shown = lines
      if (change !== '') output.write(change)
    },
    onKey: (listener) => keyListeners.push(listener),
    onResize: (listener) => resizeListeners.push(listener),
    close,
  }
}
