// Reads keepalived.conf into VRRP instances and what they track. It judges nothing and never throws.

import {
  type KeepalivedReading,
  type KeepalivedStatement,
  readStatements,
} from './keepalived-statements.ts'
import { type LintFile, type Place, type ReadProblem, isOpen, parseCount } from './source-text.ts'

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

/** Null: a template or a variable fills it in. */
export type Count = Value<number | null>

export type VrrpInstance = {
  readonly name: string
  readonly place: Place
  readonly state: Value<string> | null
  readonly interface: Value<string> | null
  readonly routerId: Count | null
  readonly priority: Count
  /** Seconds. */
  readonly advertS: Count
  readonly nopreempt: Place | null
  readonly authType: Value<string> | null
  readonly authPass: Value<string> | null
  /** Without prefix length. */
  readonly addresses: readonly Value<string>[]
  readonly unicastSource: Value<string> | null
  readonly unicastPeers: readonly Value<string>[]
  readonly trackers: readonly Tracker[]
  /** Its own trackers or those of an instance that moves together with it. */
  readonly isWatched: boolean
  readonly version: 2 | 3
}

export type KeepalivedFile = {
  readonly file: string
  readonly instances: readonly VrrpInstance[]
  readonly scripts: readonly VrrpScript[]
  /** Those of no file that was given. */
  readonly includes: readonly Value<string>[]
  /** Itself, and files that were read as parts of it. */
  readonly included: readonly string[]
  /** Whether it spreads connections itself, without HAProxy. */
  readonly hasVirtualServers: boolean
  /** Where strict conformity to the protocol is switched on. */
  readonly strict: Place | null
  readonly problems: readonly ReadProblem[]
}

/** Keepalived's own defaults. */
const priorityDefault = 100
const advertDefaultS = 1

/** @param files where included ones are looked for */
export function parseKeepalived(file: LintFile, files: readonly LintFile[] = []): KeepalivedFile {
  const reading: KeepalivedReading = {
    files,
    problems: [],
    included: new Set(),
    variables: new Map(),
  }
  const top = readStatements(file, reading)
  const surroundings = surroundingsOf(top)
  const global = childrenOf(top, 'global_defs')
  const version = childOf(global, 'vrrp_version')?.words[1] === '3' ? 3 : 2
  return {
    file: file.path,
    instances: top
      .filter(({ words }) => words[0] === 'vrrp_instance')
      .map((statement) => readInstance(statement, surroundings, version)),
    scripts: top.filter(({ words }) => words[0] === 'vrrp_script').map(readScript),
    includes: top
      .filter(({ words }) => /^include[a-z]?$/.test(words[0] ?? ''))
      .map(({ words, place }) => ({ value: words[1] ?? '', place })),
    included: [...reading.included],
    hasVirtualServers: top.some(({ words }) => words[0] === 'virtual_server'),
    strict: childOf(global, 'vrrp_strict')?.place ?? null,
    problems: reading.problems,
  }
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
  surroundings: Surroundings,
  version: 2 | 3,
): VrrpInstance {
  const name = words[1] ?? ''
  const text = (from: readonly KeepalivedStatement[], key: string): Value<string> | null => {
    const found = childOf(from, key)
    const value = found?.words[1]
    return found === undefined || value === undefined ? null : { value, place: found.place }
  }
  const count = (key: string): Count | null => {
    const found = text(children, key)
    if (found === null) return null
    const value = isOpen(found.value) ? null : Number(found.value)
    return Number.isNaN(value) ? null : { value, place: found.place }
  }
  const ownVersion = childOf(children, 'version')?.words[1]
  const authentication = childrenOf(children, 'authentication')
  const addresses = childrenOf(children, 'virtual_ipaddress').map(firstWord).map(withoutPrefix)
  // Version 2 has no IPv6.
  const isVersion6 = addresses.length > 0 && addresses.every(({ value }) => value.includes(':'))
  const group = surroundings.groups.get(name)
  const trackers = trackersOf(children, group, surroundings)
  return {
    name,
    place,
    state: text(children, 'state'),
    interface: text(children, 'interface'),
    routerId: count('virtual_router_id'),
    priority: count('priority') ?? { value: priorityDefault, place },
    advertS: count('advert_int') ?? { value: advertDefaultS, place },
    nopreempt: childOf(children, 'nopreempt')?.place ?? null,
    authType: text(authentication, 'auth_type'),
    authPass: text(authentication, 'auth_pass'),
    addresses,
    unicastSource: text(children, 'unicast_src_ip'),
    unicastPeers: childrenOf(children, 'unicast_peer').map(firstWord),
    trackers,
    isWatched: trackers.length > 0 || (group !== undefined && surroundings.watched.has(group)),
    version: isVersion6 ? 3 : ownVersion === '2' ? 2 : ownVersion === '3' ? 3 : version,
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

/** What instances of a file have in common. */
type Surroundings = {
  /** The sync group of an instance: what is in it moves together. */
  readonly groups: ReadonlyMap<string, KeepalivedStatement>
  /** Groups of which an instance has a tracker of its own. */
  readonly watched: ReadonlySet<KeepalivedStatement>
  /** What can be tracked, by keyword and name. */
  readonly definitions: ReadonlyMap<string, KeepalivedStatement>
}

function surroundingsOf(top: readonly KeepalivedStatement[]): Surroundings {
  const named = (keyword: string) => top.filter(({ words }) => words[0] === keyword)
  const groups = new Map(
    // Of several the first one counts, so it comes last.
    named('vrrp_sync_group')
      .toReversed()
      .flatMap((group) =>
        childrenOf(group.children, 'group')
          .flatMap(({ words }) => words)
          .map((instance) => [instance, group] as const),
      ),
  )
  const watched = named('vrrp_instance')
    .filter(({ children }) =>
      trackerForms.some(({ block }) => childrenOf(children, block).length > 0),
    )
    .flatMap(({ words }) => groups.get(words[1] ?? '') ?? [])
  const definitions = new Map(
    top.toReversed().map((one) => [`${one.words[0] ?? ''} ${one.words[1] ?? ''}`, one] as const),
  )
  return { groups, watched: new Set(watched), definitions }
}

function trackersOf(
  children: readonly KeepalivedStatement[],
  group: KeepalivedStatement | undefined,
  surroundings: Surroundings,
): readonly Tracker[] {
  return trackerForms.flatMap((form) =>
    [...childrenOf(children, form.block), ...childrenOf(group?.children ?? [], form.block)].map(
      (entry) => readTracker(form, entry, surroundings, group !== undefined),
    ),
  )
}

function readTracker(
  form: TrackerForm,
  { words, place }: KeepalivedStatement,
  { definitions }: Surroundings,
  isInGroup: boolean,
): Tracker {
  const name = words[0] ?? ''
  const [definition] = form.definitions.flatMap(
    (keyword) => definitions.get(`${keyword} ${name}`) ?? [],
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
