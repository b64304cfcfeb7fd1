// A PostgreSQL server without pgherd: what the managed one is compared with, and what the ledger itself
// is tested on. It dies with us.

import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import { chown, mkdir, readFile } from 'node:fs/promises'
import path from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { findBinaries } from '../src/adapters/postgres/binaries.ts'
import { type DatabaseUser, resolveDatabaseUser } from '../src/adapters/postgres/database-user.ts'
import { runTool, toolEnvironment } from '../src/adapters/postgres/tools.ts'
import { endDirectoryProcesses, resolveDataDirectory } from '../src/host/process-table.ts'
import { interrupts } from './interrupts.ts'
import { type Target, withClient } from './writers.ts'

export type Programs = {
  /** Folder of PostgreSQL's programs. */
  readonly directory: string
  readonly runAs: DatabaseUser | null
}

export type Settings = Readonly<Record<string, string | number>>

/** The PostgreSQL that pgherd would take, and whom it would run it as. */
export async function findPrograms(): Promise<Programs> {
  const { directory } = await findBinaries({ binDir: null, version: null })
  return { directory, runAs: await resolveDatabaseUser() }
}

/** Makes a folder that the database user owns. */
export async function makeFolder(programs: Programs, folder: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const { runAs } = programs
  if (runAs !== null) await chown(folder, runAs.uid, runAs.gid)
}

/** A new database system whose superuser `postgres` is trusted on this machine. */
export async function initialise(programs: Programs, directory: string): Promise<void> {
  await makeFolder(programs, directory)
  await runTool({
    program: path.join(programs.directory, 'initdb'),
    args: ['-D', directory, '-U', 'postgres', '--auth=trust', '--data-checksums', '--no-sync'],
    runAs: programs.runAs,
    signal: AbortSignal.timeout(120_000),
  })
}

export class PlainServer {
  readonly target: Target
  readonly #directory: string
  readonly #child: ChildProcess

  private constructor(target: Target, directory: string, child: ChildProcess) {
    this.target = target
    this.#directory = directory
    this.#child = child
  }

  /**
   * Starts a server on an initialised directory and resolves when it answers.
   * @param settings over those of the directory
   * @throws Error with the last lines of its log when it ends or does not answer within 60 s
   */
  static async start(
    programs: Programs,
    directory: string,
    target: Target,
    settings: Settings,
  ): Promise<PlainServer> {
    const options = Object.entries({
      ...settings,
      port: target.port,
      listen_addresses: target.host,
    })
    const logFile = `${directory}.log`
    const log = openSync(logFile, 'a')
    const { runAs } = programs
    const child = spawn(
      'setpriv',
      [
        ...(runAs === null ? [] : [`--reuid=${runAs.uid}`, `--regid=${runAs.gid}`]),
        ...(runAs === null ? [] : ['--clear-groups']),
        '--pdeathsig=QUIT',
        path.join(programs.directory, 'postgres'),
        '-D',
        directory,
        ...options.flatMap(([name, value]) => ['-c', `${name}=${value}`]),
      ],
      { cwd: '/', env: toolEnvironment(), stdio: ['ignore', log, log] },
    )
    closeSync(log)
    const server = new PlainServer(target, directory, child)
    const forget = interrupts.undoLater(() => server.kill())
    child.once('exit', forget)
    try {
      await server.#waitUntilItAnswers()
    } catch (error) {
      await server.kill()
      const words = (await readFile(logFile, 'utf8')).slice(-2000)
      throw new Error(`PostgreSQL in ${directory} does not start:\n${words}`, { cause: error })
    }
    return server
  }

  /** Clean stop. */
  async stop(): Promise<void> {
    await this.#end('SIGINT')
  }

  /** SIGKILL to the postmaster and to what it leaves behind. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL')
  }

  async #end(signal: 'SIGINT' | 'SIGKILL'): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      const gone = once(this.#child, 'exit')
      this.#child.kill(signal)
      await gone
    }
    await endDirectoryProcesses(resolveDataDirectory(this.#directory), 100, 10_000)
  }

  async #waitUntilItAnswers(): Promise<void> {
    const endsAtMs = performance.now() + 60_000
    for (;;) {
      try {
        await withClient(this.target, async () => undefined)
        return
      } catch (error) {
        if (this.#child.exitCode !== null || performance.now() > endsAtMs) throw error
        await pause(50)
      }
    }
  }
}
