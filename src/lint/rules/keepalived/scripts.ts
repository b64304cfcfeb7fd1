// L2xx: whether the scripts that Keepalived runs can tell that HAProxy is dead.

import { perTrackScript } from '../../frames.ts'
import { type Rule, faultAt } from '../../rule.ts'

/** A HAProxy that is dead for longer than this should have lost the address. */
const detectionMaxS = 10

const realCheckFix =
  'script "/usr/bin/curl -fsS -m 1 -o /dev/null http://127.0.0.1:8404/health", a page of HAProxy'

export const keepalivedScriptRules: readonly Rule[] = [
  {
    id: 'L217',
    severity: 'error',
    title: 'a check that cannot fail',
    why: 'It is as well when HAProxy is dead, so the address never moves.',
    fix: realCheckFix,
    check: perTrackScript(({ name, command, place }) =>
      cannotFail(command)
        ? [faultAt(place, `script ${name} is well even when HAProxy is not`, { script: name })]
        : [],
    ),
  },
  {
    id: 'L218',
    severity: 'info',
    title: 'the check only looks whether a process exists',
    why: 'A HAProxy that hangs, or that lost its port or all servers, keeps the address.',
    fix: realCheckFix,
    check: perTrackScript(({ name, command, place }) =>
      asksForProcess(command) && /haproxy/.test(command)
        ? [faultAt(place, `script ${name} only looks for a process haproxy`, { script: name })]
        : [],
    ),
  },
  {
    id: 'L219',
    severity: 'warning',
    title: 'a dead HAProxy is found late',
    why: 'Until the check has failed often enough, the address stays where nobody answers.',
    fix: 'interval 1 and fall 2 in the vrrp_script',
    check: perTrackScript(({ name, place, intervalS, fall }) => {
      if (intervalS * fall <= detectionMaxS) return []
      const message =
        `script ${name} needs ${intervalS * fall} s to find a failure ` +
        `(interval ${intervalS}, fall ${fall})`
      return [faultAt(place, message, { script: name, intervalS, fall })]
    }),
  },
]

function asksForProcess(command: string): boolean {
  return /\b(killall|pidof|pgrep|pkill|systemctl)\b/.test(command)
}

function cannotFail(command: string): boolean {
  const bare = command.trim()
  const isTrue = /^(\/usr)?(\/bin\/)?true$|^exit 0$|^:$/.test(bare)
  const endsTrue = /\|\|\s*(\/bin\/)?true\b|;\s*exit 0\s*$/.test(bare)
  const asksForItself =
    /\b(killall|pidof|pgrep|pkill|systemctl)\b.*\bkeepalived\b/.test(bare) && !/haproxy/.test(bare)
  return isTrue || endsTrue || asksForItself
}
