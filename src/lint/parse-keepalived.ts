// Reads keepalived.conf into VRRP instances and what they track. It judges nothing and never throws.

import { type LintFile, type Place, type ReadProblem, linesOf, parseCount } from './source-text.ts'

export type KeepalivedStatement = {
  readonly words: readonly string[]
  readonly place: Place
  /** Empty for a statement without a block. */
  readonly children: readonly KeepalivedStatement[]
}

export type Tracker = {
  readonly kind: 'script' | 'process' | 'file'
  readonly name: string
  /** Added to or taken from the priority; 0: a failure takes the instance out. */
  readonly weight: number
  readonly isDefined: boolean
  readonly place: Place
  /** Where its weight stands. */
  readonly weightPlace: Place
}

export type VrrpScript = {
  readonly name: string
  readonly command: string
  /** Seconds. */
  readonly intervalS: number
  readonly fall: number
  readonly place: Place
}

export type Value<T> = { readonly value: T; readonly place: Place }

export type VrrpInstance = {
  readonly name: string
  readonly place: Place
  readonly state: Value<string> | null
  readonly interface: Value<string> | null
  readonly routerId: Value<number> | null
  readonly priority: Value<number>
  /** Seconds. */
  readonly advertS: Value<number>
  readonly nopreempt: Place | null
  readonly authType: Value<string> | null
  readonly authPass: Value<string> | null
  /** Without prefix length. */
  readonly addresses: readonly Value<string>[]
  readonly unicastSource: Value<string> | null
  readonly unicastPeers: readonly Value<string>[]
  readonly trackers: readonly Tracker[]
  readonly version: 2 | 3
}

export type KeepalivedFile = {
  readonly file: string
  readonly instances: readonly VrrpInstance[]
  readonly scripts: readonly VrrpScript[]
  readonly includes: readonly Value<string>[]
  /** Where strict conformity to the protocol is switched on. */
  readonly strict: Place | null
  readonly problems: readonly ReadProblem[]
}

/** Keepalived's own defaults. */
const priorityDefault = 100
const advertDefaultS = 1

export function parseKeepalived(file: LintFile): KeepalivedFile {
  const problems: ReadProblem[] = []
  const top = readStatements(file, problems)
  const global = childrenOf(top, 'global_defs')
  const version = childOf(global, 'vrrp_version')?.words[1] === '3' ? 3 : 2
  return {
    file: file.path,
    instances: top
      .filter(({ words }) => words[0] === 'vrrp_instance')
      .map((statement) => readInstance(statement, top, version)),
    scripts: top.filter(({ words }) => words[0] === 'vrrp_script').map(readScript),
    includes: top
      .filter(({ words }) => /^include[a-z]?$/.test(words[0] ?? ''))
      .map(({ words, place }) => ({ value: words[1] ?? '', place })),
    strict: childOf(global, 'vrrp_strict')?.place ?? null,
    problems,
  }
}

type Token = { readonly text: string; readonly isBrace: boolean }

/** Words, quoted texts and braces of a line; `!` and `#` start a comment. */
function tokensOf(line: string): readonly Token[] {
  const tokens: Token[] = []
  for (const [text, double, single] of line.matchAll(
    /"([^"]*)"?|'([^']*)'?|[!#].*$|[{}]|[^\s"'!#{}]+/g,
  )) {
    if (/^[!#]/.test(text)) break
    tokens.push({ text: double ?? single ?? text, isBrace: text === '{' || text === '}' })
  }
  return tokens
}

type Open = { words: string[]; place: Place; children: KeepalivedStatement[] }

function readStatements(file: LintFile, problems: ReadProblem[]): readonly KeepalivedStatement[] {
  const root: Open = { words: [], place: { file: file.path, line: 1 }, children: [] }
  const stack: Open[] = [root]
  const parentOf = () => stack.at(-1) ?? root
  for (const [index, text] of linesOf(file.text).entries()) {
    const place = { file: file.path, line: index + 1 }
    let words: string[] = []
    const finish = () => {
      if (words.length > 0) parentOf().children.push({ words, place, children: [] })
      words = []
    }
    for (const token of tokensOf(text)) {
      if (!token.isBrace) words.push(token.text)
      else if (token.text === '{') {
        // A brace on a line of its own belongs to the statement before it.
        const before = words.length === 0 ? parentOf().children.pop() : undefined
        const opened: Open = {
          words: before === undefined ? words : [...before.words],
          place: before?.place ?? place,
          children: [],
        }
        parentOf().children.push(opened)
        stack.push(opened)
        words = []
      } else {
        finish()
        if (stack.length > 1) stack.pop()
        else problems.push({ place, message: 'a block is closed that was never opened' })
      }
    }
    finish()
  }
  const [, unclosed] = stack
  if (unclosed !== undefined) {
    const name = unclosed.words.join(' ')
    problems.push({ place: unclosed.place, message: `the block "${name}" is never closed` })
  }
  return root.children
}

function childOf(
  statements: readonly KeepalivedStatement[],
  name: string,
): KeepalivedStatement | undefined {
  return statements.findLast(({ words }) => words[0] === name)
}

/** What stands in all blocks of that name. */
function childrenOf(
  statements: readonly KeepalivedStatement[],
  name: string,
): readonly KeepalivedStatement[] {
  return statements.filter(({ words }) => words[0] === name).flatMap(({ children }) => children)
}

function readScript({ words, place, children }: KeepalivedStatement): VrrpScript {
  const value = (name: string) => childOf(children, name)?.words[1]
  return {
    name: words[1] ?? '',
    command: childOf(children, 'script')?.words.slice(1).join(' ') ?? '',
    intervalS: parseCount(value('interval')) ?? 1,
    fall: parseCount(value('fall')) ?? 1,
    place: childOf(children, 'script')?.place ?? place,
  }
}

function readInstance(
  { words, place, children }: KeepalivedStatement,
  top: readonly KeepalivedStatement[],
  version: 2 | 3,
): VrrpInstance {
  const name = words[1] ?? ''
  const text = (from: readonly KeepalivedStatement[], key: string): Value<string> | null => {
    const found = childOf(from, key)
    const value = found?.words[1]
    return found === undefined || value === undefined ? null : { value, place: found.place }
  }
  const count = (key: string): Value<number> | null => {
    const found = text(children, key)
    const value = Number(found?.value)
    return found === null || Number.isNaN(value) ? null : { value, place: found.place }
  }
  const global = childrenOf(top, 'global_defs')
  const ownVersion = childOf(children, 'version')?.words[1]
  const authentication = childrenOf(children, 'authentication')
  const common = text(global, 'default_interface')
  return {
    name,
    place,
    state: text(children, 'state'),
    interface: text(children, 'interface') ?? common,
    routerId: count('virtual_router_id'),
    priority: count('priority') ?? { value: priorityDefault, place },
    advertS: count('advert_int') ?? { value: advertDefaultS, place },
    nopreempt: childOf(children, 'nopreempt')?.place ?? null,
    authType: text(authentication, 'auth_type'),
    authPass: text(authentication, 'auth_pass'),
    addresses: childrenOf(children, 'virtual_ipaddress').map(firstWord).map(withoutPrefix),
    unicastSource: text(children, 'unicast_src_ip'),
    unicastPeers: childrenOf(children, 'unicast_peer').map(firstWord),
    trackers: trackersOf(name, children, top),
    version: ownVersion === '2' ? 2 : ownVersion === '3' ? 3 : version,
  }
}

function firstWord({ words, place }: KeepalivedStatement): Value<string> {
  return { value: words[0] ?? '', place }
}

function withoutPrefix({ value, place }: Value<string>): Value<string> {
  return { value: value.replace(/\/\d+$/, ''), place }
}

type TrackerForm = {
  readonly kind: Tracker['kind']
  /** The block of an instance that names it. */
  readonly block: string
  /** The statements that define it. */
  readonly definitions: readonly string[]
  /** What keepalived takes when nobody writes a weight. */
  readonly weightDefault: number
}

const trackerForms: readonly TrackerForm[] = [
  { kind: 'script', block: 'track_script', definitions: ['vrrp_script'], weightDefault: 0 },
  {
    kind: 'process',
    block: 'track_process',
    definitions: ['vrrp_track_process'],
    weightDefault: 1,
  },
  {
    kind: 'file',
    block: 'track_file',
    definitions: ['track_file', 'vrrp_track_file'],
    weightDefault: 1,
  },
]

function trackersOf(
  instance: string,
  children: readonly KeepalivedStatement[],
  top: readonly KeepalivedStatement[],
): readonly Tracker[] {
  const group = top.find(
    ({ words, children: inside }) =>
      words[0] === 'vrrp_sync_group' &&
      childrenOf(inside, 'group').some((member) => member.words.includes(instance)),
  )
  return trackerForms.flatMap((form) =>
    [...childrenOf(children, form.block), ...childrenOf(group?.children ?? [], form.block)].map(
      (entry) => readTracker(form, entry, top, group !== undefined),
    ),
  )
}

function readTracker(
  form: TrackerForm,
  { words, place }: KeepalivedStatement,
  top: readonly KeepalivedStatement[],
  isInGroup: boolean,
): Tracker {
  const name = words[0] ?? ''
  const definition = top.find(
    (one) => form.definitions.includes(one.words[0] ?? '') && one.words[1] === name,
  )
  const configured = childOf(definition?.children ?? [], 'weight')
  const own = words[words.indexOf('weight') + 1]
  const text = words.includes('weight') ? own : configured?.words[1]
  const weight = Number(text ?? form.weightDefault)
  return {
    kind: form.kind,
    name,
    // In a sync group keepalived sets weights to 0 by itself.
    weight: isInGroup || Number.isNaN(weight) ? 0 : weight,
    isDefined: definition !== undefined,
    place,
    weightPlace: words.includes('weight') ? place : (configured?.place ?? place),
  }
}
