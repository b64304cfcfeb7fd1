// pgherd render: the files of HAProxy and Keepalived for a balancer host that pgherd does not run on.

import { chmod, mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { loadSpec } from '../../config/load.ts'
import type { LoadedSpec } from '../../config/load.ts'
import { readBalancerPassword } from '../../config/secrets.ts'
import { balancersOf, nodeIn } from '../../core/cluster-layout.ts'
import type { NodeName } from '../../core/names.ts'
import { messageOf, PgherdError } from '../../lib/errors.ts'
import type { FileCheck, RenderedFile } from '../../ports/rendered-file.ts'
import type { Command } from '../command.ts'
import { type CommandContext, openCluster, printJson } from '../context.ts'
import { namedNode } from '../named-node.ts'
import { tellNext } from '../next-line.ts'
import { octal, renderInstall } from '../render-install.ts'

export const renderCommand: Command = {
  name: 'render',
  group: 'More',
  summary: 'write the files of a balancer that runs without an agent',
  description: [
    'Makes haproxy.cfg and, when the balancers share a VIP, keepalived.conf, its check script and a drop-in ' +
      'for its systemd unit, for a host where the packages run them and no agent of pgherd does. They depend on the spec alone. With ' +
      '--out they are written there, otherwise printed with the password hidden.',
    'It ends with the commands that install, check and load them on the host; nothing is done there. ' +
      'HAProxy and Keepalived are asked whether they accept the files, when they are installed here. A file ' +
      'that is there and does not come from pgherd is only replaced with --force.',
  ],
  arguments: [
    {
      name: 'balancer',
      description: 'a node of role balancer',
      isRequired: true,
      completes: 'balancer',
    },
  ],
  options: [
    { flags: '--out <dir>', description: 'write the files into this folder', completes: 'file' },
    { flags: '--force', description: 'replace files that do not come from pgherd' },
  ],
  examples: [
    { line: 'pgherd render lb-0 --spec cluster.yaml', note: 'look at them' },
    { line: 'pgherd render lb-0 --spec cluster.yaml --out lb-0', note: 'to copy them to the host' },
  ],
  exits: ['configuration', 'system'],
  run: async (context, input) => {
    const { loaded, specFile } = await specOf(context)
    const node = namedBalancer(loaded, input.argument('balancer') ?? '')
    const secrets = path.join(path.dirname(path.resolve(specFile)), 'secrets')
    const statsPassword = await readBalancerPassword(secrets)
    const { services, terminal } = context
    const { files, checks } = await services.renderBalancer({ loaded, node, statsPassword })
    const out = input.text('out')
    const written = out === null ? [] : await writeFiles(files, out, input.isSet('force'))
    const shown = files.map((file) => ({ ...file, text: masked(file.text, statsPassword) }))
    if (context.isJson) {
      const listed = shown.map((file) => ({ ...file, mode: octal(file.mode) }))
      printJson(context, { version: 1, node, files: listed, checks, written })
      return 'done'
    }
    tellChecks(context, loaded, checks, statsPassword)
    if (out === null) {
      terminal.print(...shown.flatMap(printedLines))
      // What was printed has no password: it is not for the host.
      tellSteps(context, node, files, 'the folder that --out writes')
      tellNext(terminal, `pgherd render ${node} ${selectionOf(context)}--out DIR`)
      return 'done'
    }
    tellWritten(context, node, { out, written })
    tellSteps(context, node, files, 'the folder of these files')
    return 'done'
  },
}

async function specOf(
  context: CommandContext,
): Promise<{ readonly loaded: LoadedSpec; readonly specFile: string }> {
  const specFile = context.selection.specFile ?? (await openCluster(context)).specFile
  return { loaded: await loadSpec(specFile), specFile }
}

/** @throws PgherdError PGHERD_NODE_UNKNOWN, PGHERD_NOT_A_BALANCER */
function namedBalancer({ layout }: LoadedSpec, text: string): NodeName {
  const name = namedNode(layout, text)
  const { role } = nodeIn(layout, name)
  if (role === 'balancer') return name
  const names = balancersOf(layout).map((node) => node.name)
  throw new PgherdError({
    code: 'PGHERD_NOT_A_BALANCER',
    reason: 'usage',
    message: `${name} is a ${role} node, and only balancers have such files`,
    because: names.length === 0 ? 'the spec has no balancer' : `balancers: ${names.join(', ')}`,
    hint: 'name a balancer, or add one to the spec: { name: lb-0, role: balancer, host: … }',
  })
}

const mark = 'Written by pgherd'

/** Writes what differs; nothing when one file is in the way. @returns names of what was written */
async function writeFiles(
  files: readonly RenderedFile[],
  folder: string,
  isForced: boolean,
): Promise<readonly string[]> {
  const changed: RenderedFile[] = []
  for (const file of files) {
    const known = await readFile(path.join(folder, file.name), 'utf8').catch(() => null)
    if (known === file.text) continue
    const isOurs = known === null || known.split('\n', 2).some((line) => line.includes(mark))
    if (!isOurs && !isForced) throw foreignError(path.join(folder, file.name))
    changed.push(file)
  }
  try {
    await mkdir(folder, { recursive: true })
    for (const { name, text, mode } of changed) {
      const fresh = path.join(folder, `.${name}.${String(process.pid)}`)
      await writeFile(fresh, text, { mode })
      await chmod(fresh, mode)
      await rename(fresh, path.join(folder, name))
    }
  } catch (error) {
    throw new PgherdError({
      code: 'PGHERD_FILE_UNWRITABLE',
      reason: 'system',
      message: `cannot write to ${folder}`,
      because: messageOf(error),
      hint: 'name another folder with --out',
      cause: error,
    })
  }
  return changed.map((file) => file.name)
}

function foreignError(file: string): PgherdError {
  return new PgherdError({
    code: 'PGHERD_FILE_FOREIGN',
    reason: 'configuration',
    message: `${file} is there and does not come from pgherd`,
    hint: 'name another folder with --out, or replace the file with --force',
  })
}

function masked(text: string, password: string | null): string {
  return password === null ? text : text.replaceAll(password, '********')
}

function printedLines({ place, mode, text }: RenderedFile): readonly string[] {
  return [`# ==> ${place} (mode ${octal(mode)})`, text]
}

function selectionOf({ selection }: CommandContext): string {
  if (selection.specFile !== null) return `--spec ${selection.specFile} `
  return selection.cluster === null ? '' : `--cluster ${selection.cluster} `
}

function tellChecks(
  { terminal }: CommandContext,
  { warnings }: LoadedSpec,
  checks: readonly FileCheck[],
  statsPassword: string | null,
): void {
  const { messageStyle: style } = terminal
  const warn = (text: string) => terminal.tell(`${style.warn(style.symbols.warning)} ${text}`)
  for (const warning of warnings) warn(warning)
  if (statsPassword === null) {
    warn(
      'HAProxy shows no statistics: there is no secrets/balancer.password beside the spec (pgherd secrets).',
    )
  }
  for (const { program, uncheckedBecause } of checks) {
    if (uncheckedBecause === null) {
      terminal.tell(`${style.good(style.symbols.done)} ${program} accepts its configuration.`)
    } else {
      warn(`${program} was not asked whether it accepts its configuration: ${uncheckedBecause}.`)
    }
  }
}

function tellWritten(
  { terminal }: CommandContext,
  node: NodeName,
  { out, written }: { readonly out: string; readonly written: readonly string[] },
): void {
  const { messageStyle: style } = terminal
  const sentence =
    written.length === 0
      ? `Nothing to write: the files of ${node} are in ${out} already.`
      : `Wrote ${written.join(', ')} to ${out}.`
  terminal.tell(`${style.good(style.symbols.done)} ${sentence}`)
}

function tellSteps(
  { terminal }: CommandContext,
  node: NodeName,
  files: readonly RenderedFile[],
  where: string,
): void {
  terminal.tell('', `On the host of ${node}, as root, in ${where}:`)
  terminal.tell(...renderInstall(files).map((line) => `  ${line}`))
}
