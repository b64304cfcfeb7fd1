// haproxy.cfg with one proxy, for the tests of rules.

import type { Files } from './lint-examples.ts'

/** A file whose proxy `postgres` begins on line 6. */
export function proxy(...lines: readonly string[]): Files {
  const defaults = ['timeout connect 2s', 'timeout client 24h', 'timeout server 24h']
  return {
    'haproxy.cfg': [
      'defaults',
      '  mode tcp',
      ...defaults.map((line) => `  ${line}`),
      'listen postgres',
      ...lines.map((line) => `  ${line}`),
      '',
    ].join('\n'),
  }
}

export function named(name: string, ...lines: readonly string[]): Files {
  const text = proxy(...lines, ...servers)['haproxy.cfg'] ?? ''
  return { 'haproxy.cfg': text.replace('listen postgres', `listen ${name}`) }
}

export const servers = ['server pg-0 10.0.0.1:5432 check', 'server pg-1 10.0.0.2:5432 check']
export const roleCheck = ['option httpchk OPTIONS /primary', 'default-server port 8008']
export const cut = 'default-server on-marked-down shutdown-sessions'
