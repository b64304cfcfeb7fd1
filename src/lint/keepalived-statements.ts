// Takes keepalived.conf apart into statements and blocks: its variables are filled in, its includes are
// followed into files that were given as well. What the statements mean is no concern here.

import {
  type LintFile,
  type Place,
  type ReadProblem,
  folderOf,
  joinPath,
  linesOf,
} from './source-text.ts'

export type KeepalivedStatement = {
  readonly words: readonly string[]
  readonly place: Place
  /** Empty for a statement without a block. */
  readonly children: readonly KeepalivedStatement[]
}

export type KeepalivedReading = {
  /** Every file that an include may mean. */
  readonly files: readonly LintFile[]
  readonly problems: ReadProblem[]
  /** Files that were read, the first one among them. */
  readonly included: Set<string>
  readonly variables: Map<string, string>
}

type Token = { readonly text: string; readonly isBrace: boolean }

/** Words, quoted texts and braces of a line; `!` and `#` start a comment. */
function tokensOf(line: string): readonly Token[] {
  const tokens: Token[] = []
  for (const [text, double, single] of line.matchAll(
    /"([^"]*)"?|'([^']*)'?|[!#].*$|[{}]|(?:\$\{\w+\}|[^\s"'!#{}])+/g,
  )) {
    if (/^[!#]/.test(text)) break
    tokens.push({ text: double ?? single ?? text, isBrace: text === '{' || text === '}' })
  }
  return tokens
}

/** Longer values come from a variable that holds itself again and again. */
const valueLengthMax = 1000

/** Variables whose value is not known stay as they are. */
function fillIn(text: string, variables: ReadonlyMap<string, string>): string {
  const filled = text.replaceAll(
    /\$(?:\{(\w+)\}|(\w+))/g,
    (all, braced: string | undefined, plain: string | undefined) =>
      variables.get(braced ?? plain ?? '') ?? all,
  )
  return filled.length > text.length + valueLengthMax ? text : filled
}

/** `@lb1 priority 150` holds on one host only, and nobody knows here which one that is. */
function withoutCondition(words: readonly string[], opensBlock: boolean): readonly string[] {
  const [condition = '', first = '', ...values] = words
  if (!condition.startsWith('@') || words.length < 2) return words
  return [first, ...(opensBlock ? values : values.map(() => `«${condition}»`))]
}

function includedBy(file: LintFile, pattern: string, files: readonly LintFile[]): LintFile[] {
  // A copy of that folder stands for the folder of the host.
  const wanted = joinPath(folderOf(file.path), pattern.replace(/^\/etc\/keepalived\//, ''))
  const regExp = new RegExp(
    `^${wanted
      .replaceAll(/[.+^${}()|[\]\\]/g, String.raw`\$&`)
      .replaceAll(/\*+/g, '[^/]*')
      .replaceAll('?', '[^/]')}$`,
  )
  return files.filter(({ path }) => regExp.test(path))
}

type Open = { words: readonly string[]; place: Place; children: KeepalivedStatement[] }

/** Never throws; what is wrong goes into `reading.problems`. */
export function readStatements(
  file: LintFile,
  reading: KeepalivedReading,
): readonly KeepalivedStatement[] {
  reading.included.add(file.path)
  const root: Open = { words: [], place: { file: file.path, line: 1 }, children: [] }
  const stack: Open[] = [root]
  const parentOf = () => stack.at(-1) ?? root
  const add = (words: readonly string[], place: Place) => {
    if (words.length === 0) return
    const others = /^include[a-z]?$/.test(words[0] ?? '')
      ? includedBy(file, words[1] ?? '', reading.files)
      : []
    if (others.length === 0)
      parentOf().children.push({ words: withoutCondition(words, false), place, children: [] })
    // Each is read once, for files may include each other.
    for (const other of others.filter(({ path }) => !reading.included.has(path)))
      for (const statement of readStatements(other, reading)) parentOf().children.push(statement)
  }
  for (const [index, text] of linesOf(file.text).entries()) {
    const place = { file: file.path, line: index + 1 }
    const [, name, value = ''] = /^\s*\$(\w+)\s*=\s*([^!#]*)/.exec(text) ?? []
    if (name !== undefined) {
      reading.variables.set(name, fillIn(value.trim(), reading.variables))
      continue
    }
    let words: string[] = []
    const tokens = tokensOf(text).map((token) => ({
      ...token,
      text: fillIn(token.text, reading.variables),
    }))
    for (const token of tokens) {
      if (!token.isBrace) words.push(token.text)
      else if (token.text === '{') {
        // A brace on a line of its own belongs to the statement before it.
        const before = words.length === 0 ? parentOf().children.pop() : undefined
        const opened: Open = {
          words: before?.words ?? withoutCondition(words, true),
          place: before?.place ?? place,
          children: [],
        }
        parentOf().children.push(opened)
        stack.push(opened)
        words = []
      } else {
        add(words, place)
        words = []
        if (stack.length > 1) stack.pop()
        else reading.problems.push({ place, message: 'a block is closed that was never opened' })
      }
    }
    add(words, place)
  }
  const [, unclosed] = stack
  if (unclosed !== undefined) {
    const name = unclosed.words.join(' ')
    reading.problems.push({ place: unclosed.place, message: `the block "${name}" is never closed` })
  }
  return root.children
}
