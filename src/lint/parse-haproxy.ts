// Reads haproxy.cfg into proxies, servers and listeners, as HAProxy 2.4 to 3.0 would take them apart. It
// judges nothing and never throws.

import { type LintFile, type Place, linesOf, parseCount } from './source-text.ts'

export type HaproxyDirective = { readonly words: readonly string[]; readonly place: Place }

export type HaproxyServer = {
  readonly name: string
  readonly host: string
  readonly port: number | null
  /** Options of `default-server` lines first, so that the last one counts. */
  readonly words: readonly string[]
  readonly place: Place
}

export type HaproxyBind = {
  /** `*` for every address. */
  readonly host: string
  readonly port: number | null
  readonly words: readonly string[]
  readonly place: Place
}

export type HaproxyProxy = {
  readonly kind: 'listen' | 'frontend' | 'backend'
  readonly name: string
  readonly place: Place
  readonly binds: readonly HaproxyBind[]
  readonly servers: readonly HaproxyServer[]
  /** What stands in the section itself. */
  readonly own: readonly HaproxyDirective[]
  /** What its `defaults` section says. */
  readonly inherited: readonly HaproxyDirective[]
}

/** Somebody whose password stands in the file in clear. */
export type HaproxyUser = {
  readonly name: string
  readonly password: string
  readonly place: Place
}

export type HaproxyFile = {
  readonly file: string
  /** Of every userlist. */
  readonly users: readonly HaproxyUser[]
  readonly global: readonly HaproxyDirective[]
  readonly proxies: readonly HaproxyProxy[]
}

type Section = {
  readonly kind: string
  readonly words: readonly string[]
  readonly place: Place
  readonly directives: HaproxyDirective[]
}

const sectionKinds = new Set([
  ...['global', 'defaults', 'frontend', 'backend', 'listen', 'peers', 'resolvers', 'userlist'],
  ...['mailers', 'program', 'cache', 'http-errors', 'ring', 'log-forward', 'crt-store'],
])

export function parseHaproxy(file: LintFile): HaproxyFile {
  const sections = readSections(file)
  const proxies: HaproxyProxy[] = []
  const namedDefaults = new Map<string, Section>()
  let latest: Section | null = null
  for (const section of sections) {
    const parent = section.words[section.words.indexOf('from') + 1]
    const named = section.words.includes('from') ? namedDefaults.get(parent ?? '') : undefined
    const base: Section | null = named ?? latest
    const { kind } = section
    if (kind === 'defaults') {
      // Defaults start from those that they name, and from nothing when they name none.
      const directives: HaproxyDirective[] = [...(named?.directives ?? []), ...section.directives]
      latest = { ...section, directives }
      namedDefaults.set(section.words[1] ?? '', latest)
    } else if (kind === 'listen' || kind === 'frontend' || kind === 'backend') {
      proxies.push(readProxy(kind, section, base))
    }
  }
  const global = sections.filter((section) => section.kind === 'global')
  const userlists = sections.filter((section) => section.kind === 'userlist')
  return {
    file: file.path,
    users: userlists.flatMap(({ directives }) => directives.flatMap(readUser)),
    global: global.flatMap(({ directives }) => directives),
    proxies,
  }
}

function readSections(file: LintFile): readonly Section[] {
  const sections: Section[] = []
  for (const [index, text] of linesOf(file.text).entries()) {
    const words = splitWords(text)
    const [kind] = words
    if (kind === undefined) continue
    const place = { file: file.path, line: index + 1 }
    if (sectionKinds.has(kind)) sections.push({ kind, words, place, directives: [] })
    else sections.at(-1)?.directives.push({ words, place })
  }
  return sections
}

/** The words of a line: quotes of both sorts, backslash before a blank, and `#` for a comment. */
export function splitWords(text: string): readonly string[] {
  const words: string[] = []
  let word: string | null = null
  let quote = ''
  for (let at = 0; at < text.length; at++) {
    const character = text[at] ?? ''
    if (quote === '' && character === '#') break
    if (quote === '' && /\s/.test(character)) {
      if (word !== null) words.push(word)
      word = null
    } else if (character === '\\' && quote !== "'") {
      at += 1
      word = (word ?? '') + (text[at] ?? '')
    } else if (character === quote) {
      quote = ''
    } else if (quote === '' && (character === '"' || character === "'")) {
      quote = character
      word ??= ''
    } else {
      word = (word ?? '') + character
    }
  }
  if (word !== null) words.push(word)
  return words
}

function readProxy(
  kind: HaproxyProxy['kind'],
  section: Section,
  base: Section | null,
): HaproxyProxy {
  const own = section.directives
  const inherited = base?.directives ?? []
  const defaultServer = [...inherited, ...own]
    .filter(({ words }) => words[0] === 'default-server')
    .flatMap(({ words }) => words.slice(1))
  return {
    kind,
    name: section.words[1] ?? '',
    place: section.place,
    binds: own.filter(({ words }) => words[0] === 'bind').flatMap(readBinds),
    servers: own.flatMap((directive) => readServer(directive, defaultServer)),
    own,
    inherited,
  }
}

function readUser({ words, place }: HaproxyDirective): readonly HaproxyUser[] {
  const [keyword, name] = words
  const at = words.indexOf('insecure-password')
  const password = words[at + 1]
  if (keyword !== 'user' || name === undefined || at < 0 || password === undefined) return []
  return [{ name, password, place }]
}

function readServer(
  { words, place }: HaproxyDirective,
  defaultServer: readonly string[],
): readonly HaproxyServer[] {
  const [keyword, name, second, third] = words
  const isTemplate = keyword === 'server-template'
  const address = isTemplate ? third : second
  if ((keyword !== 'server' && !isTemplate) || name === undefined || address === undefined)
    return []
  const options = words.slice(isTemplate ? 4 : 3)
  return [{ name, ...splitAddress(address), words: [...defaultServer, ...options], place }]
}

function readBinds({ words, place }: HaproxyDirective): readonly HaproxyBind[] {
  return (words[1] ?? '').split(',').map((address) => {
    const { host, port } = splitAddress(address)
    return { host: host === '' ? '*' : host, port, words: words.slice(2), place }
  })
}

/** `10.0.0.1:5432`, `[::1]:5432`, `ipv4@*:5432`, `/run/socket`, `name`. */
export function splitAddress(text: string): { host: string; port: number | null } {
  const bare = text.replace(/^(ipv4|ipv6|tcp4?|tcp6)@/, '')
  if (bare.startsWith('/') || /^(unix|abns|fd|sockpair)@/.test(bare))
    return { host: bare, port: null }
  const colon = bare.lastIndexOf(':')
  if (colon < 0) return { host: bare, port: null }
  const host = bare.slice(0, colon).replace(/^\[|\]$/g, '')
  return {
    host: host === '' || host === '::' ? '*' : host,
    port: parseCount(bare.slice(colon + 1)),
  }
}

/** Whether only programs of the same machine reach it. */
export function isLoopback(host: string): boolean {
  return /^127\.|^localhost$|^::1$/.test(host)
}

/**
 * What counts for a proxy: the last line of its own that starts with these words, or of its defaults.
 * @returns null when nothing says it
 */
export function settingOf(
  proxy: HaproxyProxy,
  ...start: readonly string[]
): HaproxyDirective | null {
  const isSuch = ({ words }: HaproxyDirective) =>
    start.every((word, index) => words[index] === word)
  return proxy.own.findLast(isSuch) ?? proxy.inherited.findLast(isSuch) ?? null
}

/** The value of an option of a server; null when it is not set. */
export function serverOption(server: HaproxyServer, name: string): string | null {
  const at = server.words.lastIndexOf(name)
  return at < 0 ? null : (server.words[at + 1] ?? null)
}

/** Whether a server has an option without value, as `check` or `backup`. */
export function hasFlag(server: HaproxyServer, name: string): boolean {
  return server.words.lastIndexOf(name) > server.words.lastIndexOf(`no-${name}`)
}

const unitsMs: Readonly<Record<string, number>> = {
  us: 0.001,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
}

/** A time as HAProxy writes it, `50000` or `30m`, in milliseconds; null when it is none. */
export function parseHaproxyTimeMs(text: string | null | undefined): number | null {
  const match = /^(\d{1,15})(us|ms|s|m|h|d)?$/.exec(text ?? '')
  return match === null ? null : Number(match[1]) * (unitsMs[match[2] ?? 'ms'] ?? 1)
}
