import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { npmInstallReason } from './npm-packages.mjs'

let root = ''
beforeEach(() => {
  root = mkdtempSync(path.join(os.tmpdir(), 'pgherd-setup-'))
})
afterEach(() => {
  rmSync(root, { recursive: true })
})

function writeLock(folder: string, name: string, packages: object): void {
  mkdirSync(path.join(root, folder), { recursive: true })
  writeFileSync(path.join(root, folder, name), JSON.stringify({ packages }))
}

const wanted = {
  '': { name: 'example' },
  'node_modules/a': { version: '1.0.0', integrity: 'x' },
  'node_modules/other-platform': { version: '1.0.0', integrity: 'y', optional: true },
}

test('npm packages: all as locked, optional ones of other platforms absent → nothing to do', () => {
  writeLock('.', 'package-lock.json', wanted)
  writeLock('node_modules', '.package-lock.json', { 'node_modules/a': wanted['node_modules/a'] })
  expect(npmInstallReason(root)).toBeNull()
})

test('npm packages: nothing installed → said so', () => {
  writeLock('.', 'package-lock.json', wanted)
  expect(npmInstallReason(root)).toBe('node_modules is missing')
})

test('npm packages: another version installed → named with both versions', () => {
  writeLock('.', 'package-lock.json', wanted)
  const installed = { 'node_modules/a': { version: '0.9.0', integrity: 'z' } }
  writeLock('node_modules', '.package-lock.json', installed)
  expect(npmInstallReason(root)).toBe('node_modules/a is 0.9.0, wanted 1.0.0')
})

test('npm packages: one missing → named', () => {
  writeLock('.', 'package-lock.json', wanted)
  writeLock('node_modules', '.package-lock.json', {})
  expect(npmInstallReason(root)).toBe('node_modules/a is missing')
})

test('npm packages: damaged lock file → an error with the next step', () => {
  writeFileSync(path.join(root, 'package-lock.json'), '{')
  expect(() => npmInstallReason(root)).toThrow('cannot install npm packages')
})
