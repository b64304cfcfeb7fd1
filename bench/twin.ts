// The same PostgreSQL without pgherd: a copy of a stopped cluster's data directories, run with the same
// programs, settings, standbys, slots and synchronous list, and nobody who watches it.

import { execFile } from 'node:child_process'
import { appendFile, readFile, writeFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import path from 'node:path'
import { nodePathsOf } from '../src/adapters/postgres/options.ts'
import { freePorts } from '../test/support/free-ports.ts'
import { type Programs, makeFolder, PlainServer } from './plain-server.ts'
import { waitFor } from './cluster.ts'
import { type Target, withClient } from './writers.ts'

export type TwinSource = {
  /** Folder of one managed data node. */
  readonly nodeDirectory: string
  /** Under which it streams; the synchronous list names it. */
  readonly applicationName: string
  readonly isPrimary: boolean
}

type Member = {
  readonly source: TwinSource
  readonly directory: string
  readonly settings: Readonly<Record<string, string | number>>
  readonly target: Target
}

export class Twin {
  readonly target: Target
  readonly #programs: Programs
  readonly #members: readonly Member[]
  readonly #standbyCount: number
  #servers: readonly PlainServer[] = []

  private constructor(programs: Programs, members: readonly Member[], primary: Member) {
    this.#programs = programs
    this.#members = members
    this.#standbyCount = members.length - 1
    this.target = primary.target
  }

  /**
   * Copies the data of stopped servers below `folder`.
   * @param application database and user of the load; trusted in the copy
   * @param syncSetting what the managed primary had as synchronous_standby_names
   */
  static async copy(
    programs: Programs,
    folder: string,
    sources: readonly TwinSource[],
    application: Target,
    syncSetting: string,
  ): Promise<Twin> {
    await makeFolder(programs, folder)
    const ports = await freePorts(sources.length)
    const primaryIndex = sources.findIndex((source) => source.isPrimary)
    const primaryPort = ports[primaryIndex] ?? 0
    const members: Member[] = []
    for (const [index, source] of sources.entries()) {
      const directory = path.join(folder, `twin-${index}`)
      const port = ports[index] ?? 0
      members.push({
        source,
        directory: path.join(directory, 'pgdata'),
        target: { ...application, host: '127.0.0.1', port },
        settings: await copyMember(programs, source, directory, primaryPort, syncSetting),
      })
    }
    const primary = members[primaryIndex]
    if (primary === undefined) throw new Error('none of the copied servers was the primary')
    return new Twin(programs, members, primary)
  }

  /** Resolves when all standbys stream. */
  async start(): Promise<void> {
    // The standbys' replication needs the primary, but a start does not.
    this.#servers = await Promise.all(
      this.#members.map((member) =>
        PlainServer.start(this.#programs, member.directory, member.target, member.settings),
      ),
    )
    await waitFor(
      () => 'the standbys of the twin stream',
      () => this.#areAllStreaming(),
      60_000,
      100,
    )
  }

  /** Clean, the primary first, so that nothing is left to stream. */
  async stop(): Promise<void> {
    const servers = this.#servers
    this.#servers = []
    await Promise.all(servers.map((server) => server.stop()))
  }

  async #areAllStreaming(): Promise<boolean> {
    return withClient(this.target, async (client) => {
      const { rows } = await client.query<{ count: number }>(
        `select count(*)::int as count from pg_stat_replication`,
      )
      return rows[0]?.count === this.#standbyCount
    })
  }
}

async function copyMember(
  programs: Programs,
  source: TwinSource,
  directory: string,
  primaryPort: number,
  syncSetting: string,
): Promise<Member['settings']> {
  const from = nodePathsOf(source.nodeDirectory)
  const to = nodePathsOf(directory)
  await makeFolder(programs, directory)
  // With owners and modes, which PostgreSQL insists on.
  await promisify(execFile)('cp', ['-a', from.data, from.configuration, directory])
  await writeFile(
    to.hba,
    'local all all trust\nhost all all 127.0.0.1/32 trust\nhost replication all 127.0.0.1/32 trust\n',
  )
  // The last line wins: what pgherd changes with the role of a node is fixed here.
  const conninfo = `host=127.0.0.1 port=${primaryPort} user=postgres application_name=${source.applicationName}`
  await appendFile(
    to.dynamic,
    source.isPrimary
      ? `\nsynchronous_standby_names = '${syncSetting}'\nprimary_conninfo = ''\n`
      : `\nprimary_conninfo = '${conninfo}'\n`,
  )
  const commandLine = await readFile(path.join(to.data, 'postmaster.opts'), 'utf8')
  return { ...parseSettings(commandLine), ...ownPlaces(to) }
}

const ownPlaces = (to: ReturnType<typeof nodePathsOf>): Member['settings'] => ({
  config_file: to.settings,
  hba_file: to.hba,
  unix_socket_directories: '',
})

/** The `-c name=value` of a postmaster.opts: what the managed server was started with last. */
export function parseSettings(commandLine: string): Readonly<Record<string, string>> {
  const settings: Record<string, string> = {}
  for (const [, name, value] of commandLine.matchAll(/"-c" "([a-z_]+)=([^"]*)"/g)) {
    if (name !== undefined) settings[name] = value ?? ''
  }
  return settings
}
