// What an operator does with the files of a balancer on its host, as lines for a shell of root. The guide
// docs/guides/balancers.md shows the same. Pure.

import type { RenderedFile } from '../ports/rendered-file.ts'

/**
 * Put the files into their places, let both programs check them, then start or reload.
 * @param files as rendered; those of Keepalived only where an address is shared
 */
export function renderInstall(files: readonly RenderedFile[]): readonly string[] {
  const hasKeepalived = files.some((file) => file.name === 'keepalived.conf')
  const services = hasKeepalived ? ['haproxy', 'keepalived'] : ['haproxy']
  return [
    ...files.map(
      ({ name, place, mode }) => `install -D -m ${octal(mode)} -o root -g root ${name} ${place}`,
    ),
    'haproxy -c -f /etc/haproxy/haproxy.cfg',
    ...(hasKeepalived ? ['keepalived --config-test', 'systemctl daemon-reload'] : []),
    `systemctl enable ${services.join(' ')}`,
    ...services.map((service) => `systemctl reload-or-restart ${service}`),
  ]
}

/** Permission bits as `install` takes them. */
export function octal(mode: number): string {
  return mode.toString(8).padStart(4, '0')
}
