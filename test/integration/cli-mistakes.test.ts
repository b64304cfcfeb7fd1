// Wrong inputs at the real program, without a cluster: each ends at once, names the thing, the cause and
// the next step, has its exit code, and leaves nothing behind.

import { chmod, readdir, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:net'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { freePortBlock } from '../support/free-ports.ts'
import { type Home, makeHome } from '../support/run-pgherd.ts'

let home: Home
beforeEach(async () => {
  home = await makeHome()
})
afterEach(async () => {
  await home.remove()
})

async function specFile(text: string): Promise<string> {
  const file = path.join(home.directory, 'given.yaml')
  await writeFile(file, text)
  return file
}

describe('spec files: line and column, exit code 3, nothing started', () => {
  test.each([
    ['an unknown key', 'cluster: main\ndurabilty: strict\n', '2:1', 'did you mean "durability"'],
    ['a value out of range', 'basePort: 80\n', '1:11', '1024'],
    ['a value that is none of the choices', 'plan: slow\n', '1:7', 'fast'],
    [
      'a name given twice',
      'nodes:\n  - { name: pg-0, role: data }\n  - { name: pg-0, role: data }\n',
      '3:13',
      'already the name of nodes[0]',
    ],
    [
      'a port given twice',
      'nodes:\n  - { name: a, role: data, apiPort: 8001 }\n  - { name: b, role: data, apiPort: 8001 }\n',
      '3:37',
      '8001 is already',
    ],
    ['no YAML at all', 'cluster: [main\n', '2:1', 'not valid YAML'],
  ])('%s', async (_title, text, place, cause) => {
    const file = await specFile(text)
    for (const command of ['up', 'spec']) {
      const { exitCode, stdout, stderr } = await home.run([command, '--spec', file])
      expect(exitCode).toBe(3)
      expect(stdout).toBe('')
      expect(stderr).toContain(`${file}:${place}: `)
      expect(stderr).toContain(cause)
      expect(stderr).toContain('(PGHERD_SPEC_INVALID)')
    }
    expect(await readdir(home.directory)).toEqual(['given.yaml'])
  })

  test('all mistakes at once, and one by one with --json', async () => {
    const file = await specFile('plan: slow\nbasePort: 80\nnonsense: 1\n')
    const { exitCode, stdout } = await home.run(['up', '--spec', file, '--json'])
    expect(exitCode).toBe(3)
    const document = JSON.parse(stdout) as { error: { problems: { line: number }[] } }
    expect(document.error.problems.map((problem) => problem.line)).toEqual([1, 2, 3])
  })

  test('a file that is not there', async () => {
    const { exitCode, stderr } = await home.run(['up', '--spec', '/nowhere/cluster.yaml'])
    expect(exitCode).toBe(3)
    expect(stderr).toContain('/nowhere/cluster.yaml')
    expect(stderr).toContain('ENOENT')
  })
})

describe('nothing there yet', () => {
  test.each([
    [['status']],
    [['events']],
    [['url']],
    [['down']],
    [['node', 'stop', 'pg-0']],
    [['switchover', '--yes']],
    [['destroy', '--yes', '--cluster', 'main']],
  ])('%j names the next step', async (words) => {
    const { exitCode, stdout, stderr } = await home.run(words)
    expect(exitCode).not.toBe(0)
    expect(exitCode).not.toBe(1)
    expect(stdout).toBe('')
    expect(stderr).toContain('pgherd up')
    expect(await readdir(home.directory)).toEqual([])
  })

  test('clusters: an empty list is no error', async () => {
    const { exitCode, stdout } = await home.run(['clusters', '--json'])
    expect(exitCode).toBe(0)
    expect(JSON.parse(stdout)).toEqual({ version: 1, clusters: [] })
  })
})

describe('surroundings', () => {
  test('a home that is no absolute path', async () => {
    const { exitCode, stderr } = await home.run(['status'], {
      environment: { PGHERD_HOME: 'somewhere' },
    })
    expect(exitCode).toBe(3)
    expect(stderr).toContain('PGHERD_HOME is "somewhere"')
  })

  test('a port that somebody has: said by whom, nothing started', async () => {
    const basePort = await freePortBlock(120)
    const server = await listen(basePort + 10)
    try {
      const file = await specFile(`basePort: ${basePort}\n`)
      const { exitCode, stderr } = await home.run(['up', '--spec', file])
      expect(exitCode).toBe(6)
      expect(stderr).toContain(String(basePort + 10))
      expect(stderr).toContain(String(process.pid))
      expect(stderr).toContain('(PGHERD_PORT_TAKEN)')
    } finally {
      await new Promise((resolve) => server.close(resolve))
    }
  })

  test('a home that may not be written', async () => {
    await chmod(home.directory, 0o555)
    const file = path.join(home.directory, 'a-file')
    const { exitCode, stderr } = await home.run(['up'], {
      // Root may write anywhere; below a file nobody can.
      environment: { PGHERD_HOME: path.join('/proc/version', path.basename(file)) },
    })
    await chmod(home.directory, 0o755)
    expect(exitCode).toBe(6)
    expect(stderr).toContain('/proc/version')
    expect(stderr).toMatch(/next: +\S/)
  })

  test('a reader that goes away early is no error', async () => {
    const { exitCode, stderr } = await home.run(['help'], { onOutput: () => 'SIGPIPE' })
    expect([0, -2]).toContain(exitCode)
    expect(stderr).toBe('')
  })
})

function listen(port: number): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(port, '127.0.0.1', () => resolve(server))
  })
}
