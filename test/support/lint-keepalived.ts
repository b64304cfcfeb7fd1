// keepalived.conf of one balancer or two, for the tests of rules.

import type { Files } from './lint-examples.ts'

type Settings = {
  readonly script?: string
  readonly weight?: string
  readonly state?: string
  readonly priority?: number
  readonly routerId?: number
  readonly address?: string
  readonly tracked?: string
  readonly more?: string
}

/** The script is on line 2, its weight on line 4, the instance begins on line 7. */
export function balancer(settings: Settings): string {
  return `vrrp_script check {
  script "${settings.script ?? '/usr/bin/curl -fsS http://127.0.0.1:8404/health'}"
  interval 1
  weight ${settings.weight ?? '0'}
}

vrrp_instance write {
  state ${settings.state ?? 'BACKUP'}
  interface eth0
  virtual_router_id ${settings.routerId ?? 51}
  priority ${settings.priority ?? 100}
  virtual_ipaddress {
    ${settings.address ?? '10.0.0.100/24'}
  }
  track_script {
    ${settings.tracked ?? 'check'}
  }
${settings.more ?? ''}
}
`
}

export function one(settings: Settings): Files {
  return { 'keepalived.conf': balancer(settings) }
}

export function pair(first: Settings, second: Settings): Files {
  return {
    'lb1/keepalived.conf': balancer({ priority: 110, ...first }),
    'lb2/keepalived.conf': balancer(second),
  }
}

export function bare(...lines: readonly string[]): Files {
  return { 'keepalived.conf': ['vrrp_instance write {', ...lines, '}', ''].join('\n') }
}

export const good = pair({}, {})
