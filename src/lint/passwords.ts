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

/** Shorter ones are found by trying. */
export const passwordLengthMin = 12

/** Keepalived drops what an auth_pass has beyond this. */
export const authPassLength = 8

/** Whether a variable of this name holds a password, and not the path of a file with one. */
export function isPasswordName(name: string): boolean {
  const upper = name.toUpperCase()
  if (/(_FILE|_PATH|PASSFILE|_LENGTH|_ENCRYPTION|_HASH)$/.test(upper)) return false
  return /PASSWORD|PASSWD|_PASS$|^PASS$|_PWD$|PGPASS$|_PW$/.test(upper)
}
