// A file that is examined, and its lines. Templates (Jinja, Go) are read as values that nobody knows.

export type LintFile = {
  /** As it is shown to people; folders with forward slashes. */
  readonly path: string
  readonly text: string
}

/** Where something stands. */
export type Place = {
  readonly file: string
  /** Counted from 1. */
  readonly line: number
}

/** What keeps a file, or a part of it, from being read. */
export type ReadProblem = { readonly place: Place; readonly message: string }

/**
 * The lines of a text without line ends of any system. What a template would fill in becomes one word
 * in «», so that it neither breaks a line into wrong words nor opens a block.
 */
export function linesOf(text: string): readonly string[] {
  return withoutTemplates(text.replace(/^\uFEFF/, '')).split(/\r\n|\n|\r/)
}

/** The same text, line by line, with templates as values that nobody knows. */
export function withoutTemplates(text: string): string {
  return text
    .replaceAll(/\{%[^\n%]{0,300}%\}|\{#[^\n#]{0,300}#\}/g, '')
    .replaceAll(
      /\{{2,3}([^\n{}]{0,300})\}{2,3}/g,
      (_, inner: string) => `«${inner.replaceAll(/\W+/g, '_')}»`,
    )
}

/** Text may hold a few: of so many characters one. */
const charactersPerControl = 50

/** Whether it is no text at all. */
export function isBinary(text: string): boolean {
  if (text.includes('\0')) return true
  let controlCount = 0
  for (let at = 0; at < text.length; at++) if (isControl(text.charCodeAt(at))) controlCount += 1
  return controlCount * charactersPerControl > text.length
}

/** Blanks of all sorts and the beginning of a colour are none. */
function isControl(code: number): boolean {
  return code < 0x20 ? !(code >= 0x09 && code <= 0x0d) && code !== 0x1b : code === 0x7f
}

/** Whether a value still waits for a template or a variable. */
export function isOpen(value: string): boolean {
  return /[«$`]/.test(value)
}

/** A whole number, or null. */
export function parseCount(text: string | null | undefined): number | null {
  return text !== null && text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : null
}

/** A time as it stands in a message. */
export function secondsOf(durationMs: number): string {
  return `${String(Math.round(durationMs / 100) / 10)} s`
}

/** The folder of a path; empty for a bare name. */
export function folderOf(path: string): string {
  return path.includes('/') ? path.slice(0, path.lastIndexOf('/')) : ''
}

/** The last part of a path. */
export function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1)
}

/** `path` as seen from `folder`, without `.` and `..` where they can be resolved. */
export function joinPath(folder: string, path: string): string {
  const parts: string[] = []
  for (const part of (path.startsWith('/') || folder === '' ? path : `${folder}/${path}`).split(
    '/',
  )) {
    if (part === '.' || (part === '' && parts.length > 0)) continue
    if (part === '..' && parts.length > 0 && parts.at(-1) !== '..' && parts.at(-1) !== '')
      parts.pop()
    else parts.push(part)
  }
  return parts.join('/')
}
