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
  top: readonly KeepalivedStatement[],
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
  const trackers = trackersOf(name, children, top)
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
    isWatched:
      trackers.length > 0 ||
      top.some(
        (other) =>
          other.words[0] === 'vrrp_instance' &&
          (groupOf(name, top)?.includes(other.words[1] ?? '') ?? false) &&
          trackerForms.some(({ block }) => childrenOf(other.children, block).length > 0),
      ),
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

function isGroupWith(instance: string) {
  return ({ words, children }: KeepalivedStatement) =>
    words[0] === 'vrrp_sync_group' &&
    childrenOf(children, 'group').some((member) => member.words.includes(instance))
}

/** The names of those that move together with an instance, itself among them; null: it moves alone. */
function groupOf(instance: string, top: readonly KeepalivedStatement[]): readonly string[] | null {
  const group = top.find(isGroupWith(instance))
  if (group === undefined) return null
  return childrenOf(group.children, 'group').flatMap(({ words }) => words)
}

function trackersOf(
  instance: string,
  children: readonly KeepalivedStatement[],
  top: readonly KeepalivedStatement[],
): readonly Tracker[] {
  const group = top.find(isGroupWith(instance))
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
