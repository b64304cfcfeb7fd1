import { describe, expect, test } from 'vitest'
import {
  type RuleExamples,
  describeRules,
  lintTexts,
  placesOf,
} from '../../../test/support/lint-examples.ts'
import { envRules } from './env.ts'

const good = { '.env': 'POSTGRES_USER=app\nPOSTGRES_PASSWORD=f3c1b2a4d5e69788\n' }

const examples: RuleExamples = {
  L401: { bad: { '.env': 'A=1\nREPMGR_PASSWORD=repmgrpassword\n' }, at: '.env:2', good },
  L402: { bad: { '.env': 'POSTGRES_PASSWORD=x8Kq2\n' }, at: '.env:1', good },
  L403: { bad: { '.env': 'POSTGRES_PASSWORD=\n' }, at: '.env:1', good },
  L404: { bad: { '.env': 'A=1\nB=1\nA=2\n' }, at: '.env:3', good },
  L405: {
    bad: { '.env': 'A=value \n' },
    at: '.env:1',
    good: { '.env': 'A="a value" # why\r\nB=\'x\'\r\n' },
  },
  L406: {
    bad: {
      'docker-compose.yml':
        'services:\n  a:\n    environment:\n      PGPASSWORD: f3c1b2a4d5e69788\n',
    },
    at: 'docker-compose.yml:4',
    good: {
      'docker-compose.yml': 'services:\n  a:\n    environment:\n      PGPASSWORD: ${PASSWORD:?}\n',
    },
  },
}

describeRules(envRules, examples)

test.each(['postgres', 'Password123', '123456', '1111', 'changeme', 'admin_1', 'app'])(
  'L401: %s is tried first',
  (value) => {
    expect(placesOf('L401', { '.env': `DB_USER=app\nDB_PASSWORD=${value}\n` })).toHaveLength(1)
  },
)

test.each([
  ['a file with the password', 'POSTGRES_PASSWORD_FILE=/run/secrets/postgres'],
  ['a path', 'PGPASSFILE=postgres'],
  ['no password', 'POSTGRES_DB=postgres'],
  ['from elsewhere', 'DB_PASSWORD=${OTHER}'],
])('L401: %s → not found', (_title, line) => {
  expect(placesOf('L401', { '.env': `${line}\n` })).toEqual([])
})

test('a default in the compose file counts where nothing else is set, and is told once', () => {
  const file = 'services:\n  a: &a\n    environment: ["PGPASSWORD=${P:-postgres}"]\n  b: *a\n'
  expect(placesOf('L401', { 'docker-compose.yml': file })).toEqual(['docker-compose.yml:3'])
  const files = { 'docker-compose.yml': file, '.env': 'P=f3c1b2a4d5e69788\n' }
  expect(placesOf('L401', files)).toEqual([])
})

test('L401: the password of the statistics page', () => {
  expect(placesOf('L401', { 'haproxy.cfg': 'listen s\n  stats auth admin:admin\n' })).toEqual([
    'haproxy.cfg:2',
  ])
})

test('L401: a user of HAProxy', () => {
  const userlist = (password: string) => ({
    'haproxy.cfg': `userlist ops\n  group all\n  user admin insecure-password ${password} groups all\n`,
  })
  expect(placesOf('L401', userlist('admin'))).toEqual(['haproxy.cfg:3'])
  expect(lintTexts(userlist('f3c1b2a4d5e69788'))).toEqual([])
  expect(lintTexts(userlist('"$OPS_PASSWORD"'))).toEqual([])
})

describe('L402: how long a password is', () => {
  test('is not shown', () => {
    const [finding] = lintTexts({ '.env': 'DB_PASSWORD=x8Kq2yyzz\n' })
    expect(finding?.rule).toBe('L402')
    expect(JSON.stringify(finding)).not.toMatch(/\b9\b/)
  })
  test.each(['KEEPALIVED_PASSWORD', 'VRRP_PASS', 'KEEPALIVED_AUTH_PASS'])(
    '%s: VRRP uses 8 characters, so more are not asked for',
    (name) => {
      expect(placesOf('L402', { '.env': `${name}=x8Kq2yzw\n` })).toEqual([])
      const [finding] = lintTexts({ '.env': `${name}=x8Kq2\n` })
      expect(finding).toMatchObject({ rule: 'L402', message: `${name} has less than 8 characters` })
      expect(finding?.fix).toMatch(/base64 6.* no more than 8 characters/)
      expect(lintTexts({ '.env': `${name}=1111\n` })[0]?.fix).toBe(finding?.fix)
    },
  )
})

test('L403: doors that are open', () => {
  expect(
    placesOf('L403', { '.env': 'ALLOW_EMPTY_PASSWORD=yes\nPOSTGRES_HOST_AUTH_METHOD=trust\n' }),
  ).toHaveLength(2)
})

test.each(['A= value', 'A =value', 'A="value', "A=value'"])('L405: %s', (line) => {
  expect(placesOf('L405', { '.env': `${line}\n` })).toHaveLength(1)
})

test('no finding shows a password', () => {
  const passwords = [
    'hunter2hunter',
    'repmgrpassword',
    's3cr3t',
    'kl0pfer',
    'z1tterwolf',
    'admin1234',
  ]
  const [long = '', known = '', short = '', script = '', url = '', stats = ''] = passwords
  const findings = lintTexts({
    '.env': `A_PASSWORD="${long}\nB_PASSWORD=${known}\nC_PASSWORD=${short}\nsome ${short}\nC_PASSWORD= ${short}\n`,
    'docker-compose.yml': `services:\n  a:\n    image: postgres\n    environment: {PGPASSWORD: ${long}}\n`,
    'keepalived.conf': `vrrp_instance a {\n  authentication {\n    auth_pass ${known}\n`,
    'backup.sh': `PGPASSWORD=${script} pg_dump postgresql://app:${url}@db/app\n`,
    'haproxy.cfg': `listen stats\n  bind *:1\n  stats auth admin:${stats}\n`,
  })
  expect(findings.length).toBeGreaterThan(8)
  const shown = findings
    .map(({ message, facts, fix }) => message + JSON.stringify(facts) + fix)
    .join('\n')
  for (const password of passwords) expect(shown).not.toContain(password)
})

describe('names and values that are no passwords, and some that are', () => {
  test('a password is not its own user name', () => {
    const files = { '.env': 'PGPASSWORD_SUPERUSER=8f3d9a1b7c5e2f4061728394\n' }
    expect(placesOf('L401', files)).toEqual([])
  })
  test('switches', () => {
    const files = { '.env': 'ALLOW_EMPTY_PASSWORD=no\nGF_AUTH_PASSWORD_POLICY=true\n' }
    expect(placesOf('L402', files)).toEqual([])
  })
  test('a variable that a compose file hands on as a password', () => {
    const compose = 'services:\n  a:\n    environment: { POSTGRES_PASSWORD: "${DB:?}" }\n'
    expect(placesOf('L401', { '.env': 'DB=secret\n', 'docker-compose.yml': compose })).toEqual([
      '.env:1',
    ])
  })
})

describe('quotes', () => {
  test('a value of several lines', () => {
    const files = { '.env': 'KEY="-----BEGIN\nabc def\n-----END"\nA_PASSWORD=secret\n' }
    expect(lintTexts(files).map(({ rule, line }) => `${rule}:${line}`)).toEqual(['L401:4'])
  })
  test('a quote that is closed in another value only is not closed', () => {
    expect(placesOf('L405', { '.env': 'A="b\nC="d"\n' })).toEqual(['.env:1'])
  })
  test('quotes inside of a value', () => {
    expect(placesOf('L405', { '.env': 'OPTS=-Da="b c"\nJSON={"a": "b"}\n' })).toEqual([])
  })
})
