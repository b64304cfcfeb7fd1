// The script by which Keepalived asks HAProxy whether it can serve. It needs bash alone, and is the truth
// when the agent is dead.

/**
 * Ends with 0 when HAProxy answers 200 within a second. Keepalived's own bound covers the rest.
 * @param healthPort on 127.0.0.1
 */
export function renderCheckScript(healthPort: number): string {
  return `#!/bin/bash
# Written by pgherd. Changes are overwritten.
# Whether HAProxy on this host can serve: it runs, and some server takes reads or writes.
exec 2> /dev/null
exec 3<> /dev/tcp/127.0.0.1/${String(healthPort)} || exit 1
printf 'GET /health HTTP/1.0\\r\\n\\r\\n' >&3 || exit 1
read -r -t 1 _ status _ <&3 || exit 1
[ "$status" = 200 ]
`
}
