// Services that extend others: of the same file, of one that was given, of one that was not.

import { describe, expect, test } from 'vitest'
import { type Files, finish, placesOf } from '../../test/support/lint-examples.ts'
import { extendedFilesOf } from './compose-bases.ts'
import { readDeployment } from './deployment.ts'

const extending = (file: string) =>
  `services:\n  pg-0:\n    extends: { file: ${file}, service: base }\n    image: postgres:16.4\n`

const base =
  'services:\n  base:\n    restart: always\n    env_file: base.env\n' +
  '    volumes: ["data:/var/lib/postgresql/data"]\n'

function servicesOf(files: Files) {
  const texts = Object.entries(files).map(([path, text]) => ({ path, text }))
  return finish(readDeployment(texts)).compose.flatMap(({ file, services }) =>
    services.map((service) => ({ file, ...service })),
  )
}

describe('a service of another file', () => {
  test('its volumes, its restarts and the variables of its files are those of who extends it', () => {
    const files = {
      'h1/compose.yml': extending('../shared/base.yml'),
      'shared/base.yml': base,
      'shared/base.env': 'A=1\n',
    }
    const [service, ...others] = servicesOf(files)
    expect(others).toEqual([])
    expect(service).toMatchObject({ name: 'pg-0', isWhole: true, restart: { value: 'always' } })
    expect(service?.mounts[0]?.place).toEqual({ file: 'shared/base.yml', line: 5 })
    expect(service?.environment.get('A')?.value).toBe('1')
    expect([...placesOf('L302', files), ...placesOf('L306', files)]).toEqual([])
  })
  test('what it extends itself belongs to it, and neither is a node of its own', () => {
    const files = {
      'compose.yml': extending('common.yml'),
      'common.yml':
        'services:\n  base: { extends: root }\n  root: { image: "postgres:15", restart: always }\n',
    }
    const services = servicesOf(files)
    expect(services.map(({ name, file }) => `${file} ${name}`)).toEqual(['compose.yml pg-0'])
    expect(services[0]?.restart?.value).toBe('always')
  })
  test('in a file that Compose takes by itself it is a node all the same', () => {
    const files = {
      'docker-compose.yml': 'services:\n  base:\n    image: postgres:16.4\n',
      'docker-compose.test.yml': extending('docker-compose.yml'),
    }
    expect(placesOf('L302', files)).toEqual(['docker-compose.test.yml:2', 'docker-compose.yml:2'])
  })
  test('its variables come from the .env file of who extends it', () => {
    const files = {
      'h1/compose.yml': extending('../common/base.yml'),
      'h1/.env': 'RESTART=always\n',
      'common/base.yml': base
        .replace('always', '${RESTART}')
        .replace('volumes', 'image: a\n    volumes'),
    }
    expect(placesOf('L310', files)).toEqual([])
    expect(servicesOf(files)[0]?.restart?.value).toBe('always')
  })
})

describe('a service that was not given', () => {
  test.each([
    ['no such file', { 'compose.yml': extending('gone.yml') }],
    [
      'no such service',
      { 'compose.yml': extending('base.yml'), 'base.yml': 'services:\n  a: {}\n' },
    ],
    [
      'a file that is broken',
      { 'compose.yml': extending('base.yml'), 'base.yml': 'services: {\n' },
    ],
  ])('%s: told, and nothing is said of what may be there', (_title, files: Files) => {
    expect(placesOf('L318', files)).toEqual(['compose.yml:3'])
    const silent = ['L302', 'L306', 'L307', 'L308', 'L309']
    expect(silent.flatMap((rule) => placesOf(rule, files))).toEqual([])
  })
  test('services that extend each other in two files end', () => {
    const one = 'services:\n  base:\n    extends: { file: b.yml, service: base }\n    image: a\n'
    expect(servicesOf({ 'a.yml': one, 'b.yml': one.replace('b.yml', 'a.yml') })).toEqual([])
  })
})

test('files that are extended are named as seen from where the file is seen', () => {
  const text = extending('../shared/base.yml') + '  pg-1: { extends: pg-0 }\n'
  expect(extendedFilesOf({ path: 'deploy/h1/compose.yml', text })).toEqual([
    'deploy/shared/base.yml',
  ])
  expect(extendedFilesOf({ path: 'compose.yml', text: extending('${X}/a.yml') })).toEqual([])
})

test('a long text that extends nothing is looked through in time', () => {
  expect(extendedFilesOf({ path: 'compose.yml', text: 'extends '.repeat(60_000) })).toEqual([])
})
