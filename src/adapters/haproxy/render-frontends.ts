// The two small HTTP frontends of HAProxy's configuration: statistics for people and Prometheus, and the
// question of Keepalived whether this HAProxy can serve.

import { bindAddress } from './bind-address.ts'

/** Whom HAProxy asks for at its statistics. */
export const statsUser = 'pgherd'

/** Where the health frontend is asked, `http://127.0.0.1:PORT/health`: 200 or 503, without a password. */
export const healthPath = '/health'
export const healthHost = '127.0.0.1'

/** Nobody needs many of these; a client that hangs must not keep them. */
const connectionsMax = 50

/**
 * Page at `/`, metrics at `/metrics`; both with the password, and nothing can be changed there.
 * @param host null: every address of the machine
 */
export function renderStats(
  host: string | null,
  port: number,
  isIpv6: boolean,
  password: string,
): readonly string[] {
  return [
    '',
    'userlist operators',
    `  user ${statsUser} insecure-password ${password}`,
    '',
    'frontend stats',
    ...renderHttp(bindAddress(host, port, isIpv6)),
    '  http-request auth realm pgherd unless { http_auth(operators) }',
    '  http-request use-service prometheus-exporter if { path /metrics }',
    '  stats enable',
    '  stats uri /',
    '  stats refresh 5s',
    '  stats hide-version',
  ]
}

/** Fails while no server may be used, neither for writes nor for reads. */
export function renderHealth(
  port: number,
  primaryProxy: string,
  readProxy: string,
): readonly string[] {
  return [
    '',
    'frontend health',
    ...renderHttp(bindAddress(healthHost, port, false)),
    `  monitor-uri ${healthPath}`,
    `  monitor fail if { nbsrv(${primaryProxy}) lt 1 } { nbsrv(${readProxy}) lt 1 }`,
    '  http-request deny',
  ]
}

function renderHttp(address: string): readonly string[] {
  return [
    '  mode http',
    `  bind ${address}`,
    `  maxconn ${String(connectionsMax)}`,
    '  timeout client 10s',
    '  timeout http-request 5s',
    '  timeout http-keep-alive 10s',
  ]
}
