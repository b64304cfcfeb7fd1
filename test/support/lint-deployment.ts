// A balancer, its address and the nodes behind it, for the tests of rules that compare files.

import type { Files } from './lint-examples.ts'

type Balancer = {
  readonly servers?: readonly string[]
  readonly bind?: string
  readonly maxconn?: number
  readonly timeout?: string
}

/** `bind` stands on line 3, the servers begin on line 6. */
export function balancer(folder: string, { servers, bind, maxconn, timeout }: Balancer): Files {
  const lines = servers ?? ['pg-0 10.0.0.1:5433', 'pg-1 10.0.0.1:5434']
  return {
    [`${folder}/haproxy.cfg`]: [
      'listen write',
      '  mode tcp',
      `  bind ${bind ?? '*:5432'}`,
      `  maxconn ${maxconn ?? 95}`,
      `  timeout client ${timeout ?? '24h'}`,
      ...lines.map((line) => `  server ${line} check`),
      '',
    ].join('\n'),
  }
}

export function keepalived(address: string): Files {
  return {
    'lb1/keepalived.conf': `vrrp_instance write {\n  virtual_ipaddress {\n    ${address}\n  }\n}\n`,
  }
}

export const nodes: Files = {
  'docker-compose.yml': [
    'services:',
    ...['pg-0', 'pg-1'].flatMap((name, index) => [
      `  ${name}:`,
      '    image: bitnami/postgresql-repmgr:16',
      `    ports: ["${5433 + index}:5432"]`,
    ]),
    '',
  ].join('\n'),
}

export const oneNodeMore: Files = {
  'docker-compose.yml': `${nodes['docker-compose.yml']!}  pg-2:\n    image: bitnami/postgresql-repmgr:16\n`,
}

export const good = {
  ...nodes,
  ...balancer('lb1', {}),
  ...balancer('lb2', {}),
  ...keepalived('10.0.0.100'),
}
export const wrongPort = ['pg-0 10.0.0.1:5433', 'pg-1 10.0.0.1:5444']
