// pgherd lab …: what a person does to hosts and cables, on hosts that are namespaces of this machine.

import type { ExitReason } from '../../lib/errors.ts'
import { PgherdError } from '../../lib/errors.ts'
import type { CableChange, Lab, LabHostState } from '../../runtimes/runtime.ts'
import type {
  Command,
  CommandArgument,
  CommandEnd,
  CommandInput,
  CommandOption,
} from '../command.ts'
import { type CommandContext, printJson } from '../context.ts'
import { type Deed, doDeed } from '../do-deed.ts'
import { parseDelay, parsePercent, renderDelay } from '../line-quality.ts'
import { type OpenedLab, namedHost, namedHosts, openLab } from '../named-host.ts'
import { tellNext } from '../next-line.ts'
import { renderTable } from '../render-table.ts'
import { runInForeground } from '../run-in-foreground.ts'

const exits: readonly ExitReason[] = ['configuration', 'system', 'timeout']

const hostArgument: CommandArgument = {
  name: 'host',
  description:
    'name of the host, or of a node on it; `client` is where applications are, `primary` and `vip` mean ' +
    'the host that is or has it now',
  isRequired: true,
  completes: 'lab-host',
}

type Verb = {
  readonly verb: string
  readonly summary: string
  readonly description: readonly string[]
  readonly arguments?: readonly CommandArgument[]
  readonly options?: readonly CommandOption[]
  readonly example: { readonly line: string; readonly note: string }
  readonly next: (host: string) => readonly [string, string?]
  readonly act: (opened: OpenedLab, host: string, input: CommandInput) => Promise<Deed>
}

function labCommand(verb: Verb): Command {
  return {
    name: `lab ${verb.verb}`,
    group: 'Lab',
    summary: verb.summary,
    description: verb.description,
    arguments: [hostArgument, ...(verb.arguments ?? [])],
    options: verb.options ?? [],
    examples: [verb.example],
    exits,
    run: async (context, input) => {
      const opened = await openLab(context)
      const { cluster } = opened
      const host = await namedHost(opened, input.argument('host') ?? '')
      return doDeed(
        context,
        { cluster, host },
        () => verb.act(opened, host, input),
        verb.next(host),
      )
    },
  }
}

const fromOption: CommandOption = {
  flags: '--from <hosts>',
  description:
    'only between the host and these, with commas between them; `primary` and `vip` as for the host',
  completes: 'lab-hosts',
}

export const labCutCommand = labCommand({
  verb: 'cut',
  summary: 'let nothing pass between a host and others',
  description: [
    'As a failed switch port or a firewall rule does: packets vanish, nobody is told, the link stays up. ' +
      'Without --from the host is cut off from everything, the client included.',
  ],
  options: [
    fromOption,
    { flags: '--one-way', description: 'only what the host sends is lost; it hears the others' },
  ],
  example: { line: 'pgherd lab cut pg-0', note: 'the primary is alone with its clients gone' },
  next: (host) => ['pgherd status', `pgherd lab heal ${host}`],
  act: async (opened, host, input) => {
    const from = await hostsFrom(opened, input)
    const isOneWay = input.isSet('one-way')
    const change = await opened.lab.cut(host, from, isOneWay)
    const whom = from === null ? 'everybody' : from.join(', ')
    const what = isOneWay
      ? `nothing that ${host} sends reaches ${from === null ? 'anybody' : whom}`
      : `${host} is cut off from ${whom}`
    return cableDeed(host, change, change.isChanged ? what : `${what}, as before`)
  },
})

export const labHealCommand: Command = {
  name: 'lab heal',
  group: 'Lab',
  summary: 'let everything pass again',
  description: [
    'Ends what `lab cut` did; without --from also loss and delay of the host. With --all, cuts, loss and delay ' +
      'of every host end. Power is another matter: a host that was turned off stays off until `lab power-on`.',
  ],
  arguments: [{ ...hostArgument, isRequired: false }],
  options: [fromOption, { flags: '--all', description: 'every host, and so no host is named' }],
  examples: [
    { line: 'pgherd lab heal pg-0', note: 'it finds out who is primary now, and follows' },
    { line: 'pgherd lab heal --all', note: 'every cable as it was in the beginning' },
  ],
  exits,
  run: async (context, input) => {
    const name = input.argument('host')
    const isAll = input.isSet('all')
    if (isAll && (name !== null || input.text('from') !== null)) {
      throw badUsage('--all is for every host', 'leave HOST and --from out, or --all')
    }
    if (name === null && !isAll) {
      throw badUsage('pgherd lab heal needs a host, or --all', 'see pgherd help lab heal')
    }
    const opened = await openLab(context)
    const { cluster } = opened
    const next = ['pgherd status', 'pgherd lab show'] as const
    if (name === null) return doDeed(context, { cluster }, () => healAll(opened.lab), next)
    const host = await namedHost(opened, name)
    return doDeed(context, { cluster, host }, () => heal(opened, host, input), next)
  },
}

async function heal(opened: OpenedLab, host: string, input: CommandInput): Promise<Deed> {
  const change = await opened.lab.heal(host, await hostsFrom(opened, input))
  const done = change.hasPower
    ? `${host} is connected again`
    : `the cable of ${host} is whole again`
  return cableDeed(host, change, change.isChanged ? done : `${host} was not cut off`)
}

async function healAll(lab: Lab): Promise<Deed> {
  const { isChanged, withoutPower } = await lab.healAll()
  const done = isChanged ? 'every cable is whole again' : 'nothing was wrong with any cable'
  const [first] = withoutPower
  const dark =
    first === undefined
      ? ''
      : `; without power, as before: ${withoutPower.join(', ')} (pgherd lab power-on ${first})`
  return { isChanged, message: done + dark }
}

export const labPowerOffCommand = labCommand({
  verb: 'power-off',
  summary: 'pull the plug of a host',
  description: [
    'The cable goes dead first and every process is killed after it, so that nobody gets so much as a ' +
      'reset. The disk stays. The host stays off until `lab power-on`.',
  ],
  example: {
    line: 'pgherd lab power-off lb-0',
    note: 'the virtual address moves to the other balancer',
  },
  next: (host) => ['pgherd status', `pgherd lab power-on ${host}`],
  act: async ({ lab }, host) => {
    const count = await lab.powerOff(host)
    return {
      isChanged: count > 0,
      message: `${host} has no power${count > 0 ? `: ${String(count)} processes gone` : ''}`,
    }
  },
})

export const labPowerOnCommand = labCommand({
  verb: 'power-on',
  summary: 'give a host its power back',
  description: ['Starts the agents of the host, as its boot would, and returns when they answer.'],
  example: { line: 'pgherd lab power-on lb-0', note: 'it comes back without taking the address' },
  next: () => ['pgherd status', 'pgherd lab show'],
  act: async ({ lab }, host) => {
    const isChanged = await lab.powerOn(host)
    return { isChanged, message: isChanged ? `${host} runs` : `${host} had power and ran already` }
  },
})

export const labLossCommand = labCommand({
  verb: 'loss',
  summary: 'let a share of the packets of a host get lost',
  description: ['In both directions, at random. 0 ends it, and so does `lab heal`.'],
  arguments: [{ name: 'percent', description: '0 to 100, as 5 or 0.25', isRequired: true }],
  example: { line: 'pgherd lab loss pg-1 10', note: 'every tenth packet of pg-1 is lost' },
  next: (host) => ['pgherd status', `pgherd lab heal ${host}`],
  act: async ({ lab }, host, input) => {
    const percent = percentOf(input.argument('percent') ?? '')
    const change = await lab.setLoss(host, percent)
    return cableDeed(host, change, `${host} loses ${String(percent)} % of its packets`)
  },
})

export const labDelayCommand = labCommand({
  verb: 'delay',
  summary: 'let every packet of a host take longer',
  description: [
    'In both directions, so that an answer takes twice as long. 0 ends it, and so does `lab heal`. The ' +
      'kernel needs its module sch_netem.',
  ],
  arguments: [{ name: 'time', description: 'as 20ms', isRequired: true }],
  example: { line: 'pgherd lab delay pg-1 20ms', note: 'pg-1 is 20 ms away' },
  next: (host) => ['pgherd status', `pgherd lab heal ${host}`],
  act: async ({ lab }, host, input) => {
    const delayMs = delayOf(input.argument('time') ?? '')
    const change = await lab.setDelay(host, delayMs)
    return cableDeed(host, change, `packets of ${host} take ${renderDelay(delayMs)} longer`)
  },
})

export const labShowCommand: Command = {
  name: 'lab show',
  group: 'Lab',
  summary: 'list the hosts of the lab, and what is wrong with them',
  description: [
    'Shows the addresses that each host has now, the virtual one too, power and cuts. While the cluster is ' +
      'down, every host is off.',
  ],
  arguments: [],
  options: [],
  examples: [{ line: 'pgherd lab show', note: 'where is the virtual address?' }],
  exits,
  run: async (context) => {
    const { cluster, lab } = await openLab(context)
    const [hosts, isDown] = [await lab.hosts(), await lab.isDown()]
    if (context.isJson) {
      printJson(context, { version: 1, cluster, isDown, hosts })
      return 'done'
    }
    const { terminal } = context
    const rows = hosts.map((host) => [
      host.name,
      host.nodes.join(', ') || '–',
      [host.address, ...host.extraAddresses].join(', '),
      host.hasPower ? 'on' : 'off',
      String(host.processCount),
      troubleOf(host, hosts.length),
    ])
    const header = ['Host', 'Nodes', 'Addresses', 'Power', 'Processes', 'Network']
    const columns = header.map((title) => ({ title }))
    terminal.print(...renderTable(columns, rows, terminal.width, terminal.style))
    if (isDown) tellNext(terminal, 'pgherd up')
    return 'done'
  },
}

export const labExecCommand: Command = {
  name: 'lab exec',
  group: 'Lab',
  summary: 'run a program on a host of the lab',
  description: [
    'The program sees the network of that host and the files of this machine. Its exit code is passed on; ' +
      'of one that a signal ended, 128 and the number of the signal.',
  ],
  arguments: [
    hostArgument,
    {
      name: 'command',
      description: 'program and its words; write -- before it',
      isRequired: true,
      isVariadic: true,
    },
  ],
  options: [],
  takesForeignOptions: true,
  examples: [
    {
      line: 'pgherd lab exec client -- ping -c 3 10.77.0.100',
      note: 'from where applications are',
    },
  ],
  exits,
  run: async (context, input) => {
    const opened = await openLab(context)
    const host = await namedHost(opened, input.argument('host') ?? '')
    return runOn(context, opened.lab, host, input.rest('command'))
  },
}

export const labShellCommand: Command = {
  name: 'lab shell',
  group: 'Lab',
  summary: 'open a shell on a host of the lab',
  description: [
    'It sees the network of that host and the files of this machine. Its exit code is passed on.',
  ],
  arguments: [hostArgument],
  options: [],
  examples: [{ line: 'pgherd lab shell lb-0', note: 'then: ip address; ss -tn' }],
  exits,
  run: async (context, input) => {
    const opened = await openLab(context)
    const host = await namedHost(opened, input.argument('host') ?? '')
    return runOn(context, opened.lab, host, [context.environment['SHELL'] ?? '/bin/sh'])
  },
}

export const labCommands: readonly Command[] = [
  labShowCommand,
  labCutCommand,
  labHealCommand,
  labPowerOffCommand,
  labPowerOnCommand,
  labLossCommand,
  labDelayCommand,
  labShellCommand,
  labExecCommand,
]

/** How the program ended is for whoever called it, as if there were no pgherd in between. */
async function runOn(
  context: CommandContext,
  lab: Lab,
  host: string,
  words: readonly string[],
): Promise<CommandEnd> {
  const environment = { ...context.environment, PGHERD_LAB_HOST: host }
  return { exitCode: await runInForeground(context, [...lab.enter(host), ...words], environment) }
}

async function hostsFrom(
  opened: OpenedLab,
  input: CommandInput,
): Promise<readonly string[] | null> {
  const text = input.text('from')
  return text === null ? null : namedHosts(opened, text)
}

/** A cable can be changed while its host is off; then nobody notices yet. */
function cableDeed(host: string, { isChanged, hasPower }: CableChange, message: string): Deed {
  const later = `; it has no power, so nothing passes before: pgherd lab power-on ${host}`
  return { isChanged, message: hasPower ? message : message + later }
}

function troubleOf(host: LabHostState, hostCount: number): string {
  const { unheardBy, lossPercent, delayMs } = host
  const cut =
    unheardBy.length >= hostCount - 1 ? 'nobody hears it' : `unheard by ${unheardBy.join(', ')}`
  return (
    [
      unheardBy.length > 0 ? cut : null,
      lossPercent > 0 ? `loses ${String(lossPercent)} %` : null,
      delayMs > 0 ? `${renderDelay(delayMs)} late` : null,
    ]
      .filter((each) => each !== null)
      .join(', ') || (host.hasPower ? 'ok' : '–')
  )
}

function percentOf(text: string): number {
  const percent = parsePercent(text)
  if (percent !== null) return percent
  throw badUsage(
    `${JSON.stringify(text)} is no percentage`,
    'write a number from 0 to 100 with at most two decimals, as 5 or 0.25',
  )
}

function delayOf(text: string): number {
  const delayMs = parseDelay(text)
  if (delayMs !== null) return delayMs
  throw badUsage(`${JSON.stringify(text)} is no delay`, 'write a time up to 10s, as 20ms')
}

function badUsage(message: string, hint: string): PgherdError {
  return new PgherdError({ code: 'PGHERD_USAGE', reason: 'usage', message, hint })
}
