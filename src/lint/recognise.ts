// Which kind of file this is: by its name, and failing that by what stands in it.

import { type LintFile, isBinary, nameOf } from './source-text.ts'

export type FileKind = 'haproxy' | 'keepalived' | 'compose' | 'env' | 'script' | 'postgres'

/** The kinds as people know them. */
export const fileKindNames: Readonly<Record<FileKind, string>> = {
  haproxy: 'haproxy.cfg',
  keepalived: 'keepalived.conf',
  compose: 'docker-compose.yml',
  env: '.env',
  script: 'shell scripts (*.sh)',
  postgres: 'postgresql.conf',
}

const byName: readonly (readonly [RegExp, FileKind])[] = [
  [/haproxy.*\.(cfg|conf)$/, 'haproxy'],
  [/keepalived.*\.conf$/, 'keepalived'],
  [/^(docker-)?compose.*\.ya?ml$/, 'compose'],
  [/^\.env(\..+)?$|\.env$/, 'env'],
  [/\.(sh|bash)$/, 'script'],
  [/^postgresql.*\.conf$/, 'postgres'],
]

const byContent: readonly (readonly [RegExp, FileKind])[] = [
  [/^#!.*\b(ba|da|k|z)?sh\b/, 'script'],
  [
    /^[ \t]*(vrrp_(instance|script|sync_group|track_process|track_file)[ \t]+\S+|global_defs)\s*\{/m,
    'keepalived',
  ],
  [
    /^(listen|frontend|backend)[ \t]+\S[^\n]*\n(?:[ \t][^\n]*\n|#[^\n]*\n|\n)*?[ \t]+(bind|server)[ \t]/m,
    'haproxy',
  ],
  [/^services:[ \t]*(#.*)?\n[\s\S]*?\n[ \t]+(image|build):\s/m, 'compose'],
  [/^[ \t]*(archive_command|max_connections|wal_level|shared_buffers)[ \t]*=/m, 'postgres'],
]

/** @returns null for what lint knows nothing about, binary files among them */
export function recogniseKind(file: LintFile): FileKind | null {
  if (isBinary(file.text)) return null
  // Templates keep the name of what they make: haproxy.cfg.j2.
  const name = nameOf(file.path)
    .toLowerCase()
    .replace(/\.(j2|jinja2?|tmpl|tpl|template|erb|in)$/, '')
  const named = byName.find(([pattern]) => pattern.test(name))
  if (named !== undefined) return named[1]
  const text = file.text.replaceAll('\r', '')
  return byContent.find(([pattern]) => pattern.test(text))?.[1] ?? null
}

/** Whether a file of this name is worth reading when a folder is searched. */
export function isLikelyName(path: string): boolean {
  const name = nameOf(path).toLowerCase()
  return (
    byName.some(([pattern]) => pattern.test(name)) ||
    /\.(cfg|conf|ya?ml|j2|jinja2?|tmpl|tpl|template)$/.test(name) ||
    !name.includes('.')
  )
}
