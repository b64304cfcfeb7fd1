// Which passwords everybody tries first. The passwords themselves are never shown.

const wellKnown = new Set([
  ...[
    'postgres',
    'postgresql',
    'password',
    'passwd',
    'pass',
    'secret',
    'admin',
    'root',
    'test',
    'user',
  ],
  ...['repmgr', 'repmgrpassword', 'repmgrpass', 'adminpassword', 'custompassword', 'rootpassword'],
  ...['userpass', 'userpassword', 'dbpassword', 'mypassword', 'mysecretpassword', 'my_password'],
  ...[
    'changeme',
    'change_me',
    'change-me',
    'changeit',
    'changethis',
    'bitnami',
    'example',
    'default',
  ],
  ...[
    'replicator',
    'replication',
    'replpassword',
    'replicationpassword',
    'pgpool',
    'haproxy',
    'keepalived',
  ],
  ...[
    'qwerty',
    'qwertyuiop',
    'letmein',
    'welcome',
    'abc123',
    'iloveyou',
    'p@ssw0rd',
    'passw0rd',
    'toor',
  ],
])

const passwordWords =
  /^(pass|passwd|password|postgres|postgresql|admin|repmgr|root|test|user|pg|db|secret)[\W_\d]{0,6}$/
const digitRow = /^(0?12345678?9?0?|0?123456?7?|1234|4321|654321|87654321|987654321|(\d)\2{2,})$/

export function isDefaultPassword(value: string): boolean {
  const bare = value.toLowerCase()
  return wellKnown.has(bare) || passwordWords.test(bare) || digitRow.test(bare)
}

/** Keepalived drops what an auth_pass has beyond this. */
export const authPassLength = 8

/** Shorter ones are found by trying. */
const lengthMin = 12

/** What is possible where only 8 characters count. */
const vrrpFix = `write what \`openssl rand -base64 6\` prints: VRRP uses no more than ${authPassLength} characters`

function isForVrrp(name: string): boolean {
  return /KEEPALIVED|VRRP|AUTH_?PASS/i.test(name)
}

/** How long a password of this name has to be. */
export function passwordLengthMin(name: string): number {
  return isForVrrp(name) ? authPassLength : lengthMin
}

/** What to write in its place, where a rule's own advice is too long for it. */
export function passwordFix(name: string): string | undefined {
  return isForVrrp(name) ? vrrpFix : undefined
}

/** Whether a variable of this name holds a password, and not the path of a file with one. */
export function isPasswordName(name: string): boolean {
  const upper = name.toUpperCase()
  if (/(_FILE|_PATH|PASSFILE|_LENGTH|_ENCRYPTION|_HASH)$/.test(upper)) return false
  return /PASSWORD|PASSWD|_PASS$|^PASS$|_PWD$|PGPASS$|_PW$/.test(upper)
}
