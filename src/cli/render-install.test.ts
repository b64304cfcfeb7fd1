import { readFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import { renderInstall } from './render-install.ts'

const file = (name: string, place: string, mode: number) => ({ name, place, mode, text: '' })
const proxy = file('haproxy.cfg', '/etc/haproxy/haproxy.cfg', 0o600)
const all = [
  proxy,
  file('keepalived.conf', '/etc/keepalived/keepalived.conf', 0o640),
  file('check-haproxy.sh', '/etc/keepalived/check-haproxy.sh', 0o755),
  file('keepalived.service.conf', '/etc/systemd/system/keepalived.service.d/pgherd.conf', 0o644),
]

test('without a shared address: HAProxy alone', () => {
  expect(renderInstall([proxy])).toEqual([
    'install -D -m 0600 -o root -g root haproxy.cfg /etc/haproxy/haproxy.cfg',
    'haproxy -c -f /etc/haproxy/haproxy.cfg',
    'systemctl enable haproxy',
    'systemctl reload-or-restart haproxy',
  ])
})

test('the guide shows the very same lines, in this order', () => {
  const guide = readFileSync(
    path.resolve(import.meta.dirname, '../../docs/guides/balancers.md'),
    'utf8',
  )
  expect(guide).toContain(`\`\`\`sh\n${renderInstall(all).join('\n')}\n\`\`\`\n`)
})
