// Every error code of the program, for `pgherd help CODE` and docs/errors.md. A test holds it against
// the sources in both directions.

import type { ExitReason } from '../lib/errors.ts'

export type ErrorHelp = {
  readonly code: `PGHERD_${string}`
  readonly reason: ExitReason
  /** What it means, in a sentence or two. */
  readonly meaning: string
  /** What to do, most likely first. */
  readonly remedies: readonly string[]
}

export const errorCatalogue: readonly ErrorHelp[] = [
  {
    code: 'PGHERD_BUG',
    reason: 'bug',
    meaning: 'Something happened that the program does not foresee. It is a mistake of ours.',
    remedies: ['Report it with everything that was printed.', 'Running the command again is safe.'],
  },
  {
    code: 'PGHERD_USAGE',
    reason: 'usage',
    meaning: 'The command line is not one that the program understands.',
    remedies: ['Compare with `pgherd help COMMAND`.'],
  },
  {
    code: 'PGHERD_CONFIRMATION_NEEDED',
    reason: 'usage',
    meaning: 'The command wants an answer from a person, and there is no terminal to ask at.',
    remedies: [
      'Run it at a terminal.',
      'In scripts add --yes; `destroy` wants --cluster NAME as well.',
    ],
  },
  {
    code: 'PGHERD_NOT_CONFIRMED',
    reason: 'usage',
    meaning: 'The question was not answered with yes, so nothing was changed.',
    remedies: ['Run the command again.'],
  },
  {
    code: 'PGHERD_NODE_UNKNOWN',
    reason: 'usage',
    meaning: 'The cluster has no node of that name.',
    remedies: ['See the names with `pgherd status`.', 'With several clusters add --cluster NAME.'],
  },
  {
    code: 'PGHERD_NODE_HAS_NO_DATABASE',
    reason: 'usage',
    meaning: 'The node is a witness or a balancer: there is no PostgreSQL to connect to.',
    remedies: ['Name a data node, or leave --node out to use the stable address.'],
  },
  {
    code: 'PGHERD_EVENT_UNKNOWN',
    reason: 'usage',
    meaning: 'No agent and not the store knows an event of that id. Only some hundreds are kept.',
    remedies: [
      'See the ids at the end of each line of `pgherd events`.',
      "Older ones are in each node's events.jsonl: `pgherd logs --files`.",
    ],
  },
  {
    code: 'PGHERD_SETTING_UNKNOWN',
    reason: 'usage',
    meaning: 'A spec file has no setting of that name.',
    remedies: ['See all settings with `pgherd explain`.'],
  },
  {
    code: 'PGHERD_TOPIC_UNKNOWN',
    reason: 'usage',
    meaning: 'There is neither a command nor an error code of that name.',
    remedies: ['See the commands with `pgherd help`.'],
  },
  {
    code: 'PGHERD_SPEC_INVALID',
    reason: 'configuration',
    meaning: 'The spec file has mistakes; each is named with line and column. Nothing was changed.',
    remedies: [
      'Correct the file; `pgherd spec --spec FILE` checks it without running anything.',
      'What may be set, with range and default: `pgherd explain`.',
    ],
  },
  {
    code: 'PGHERD_SPEC_UNREADABLE',
    reason: 'configuration',
    meaning: 'The spec file does not exist or may not be read.',
    remedies: ['Check the path after --spec and its permissions.'],
  },
  {
    code: 'PGHERD_NO_ENDPOINT',
    reason: 'configuration',
    meaning: 'The cluster has no balancer, and therefore no stable address.',
    remedies: ['Name a node with --node.', 'Add a node with the role balancer to the spec.'],
  },
  {
    code: 'PGHERD_PSQL_MISSING',
    reason: 'system',
    meaning: 'The program psql is not installed where it could be found.',
    remedies: ['Debian: apt-get install postgresql-client.', 'Use another client: `pgherd url`.'],
  },
  {
    code: 'PGHERD_REFUSED',
    reason: 'refused',
    meaning:
      'A safety rule said no: what was asked for could lose acknowledged commits or lead to two ' +
      'primaries, or is not possible now. The id of the rule stands in the message.',
    remedies: [
      'Follow the next step of the message.',
      'The rules with their reasons are in docs/internals/rules.md.',
    ],
  },
  {
    code: 'PGHERD_NO_PRIMARY',
    reason: 'noPrimary',
    meaning: 'No node is open for writes, so nobody can carry the request out.',
    remedies: [
      'Wait some seconds: a failover may be under way (`pgherd status --watch`).',
      'See what is in the way: `pgherd status`, `pgherd why`.',
    ],
  },
  {
    code: 'PGHERD_NO_AGENT_ANSWERS',
    reason: 'unreachable',
    meaning: 'None of the agents answered within a second.',
    remedies: [
      'Start the cluster: `pgherd up`.',
      'When it should be running: `pgherd logs`, and the firewall between here and the nodes.',
    ],
  },
  {
    code: 'PGHERD_REQUEST_UNANSWERED',
    reason: 'timeout',
    meaning: 'The agent took the request, or may have taken it, and did not answer in time.',
    remedies: ['See whether it was carried out: `pgherd events`.', 'Then ask again if it was not.'],
  },
  {
    code: 'PGHERD_NOT_HEALTHY_IN_TIME',
    reason: 'timeout',
    meaning: 'Everything was started, but the cluster did not become healthy while `up` waited.',
    remedies: [
      'See what is missing: `pgherd status`.',
      'Read what the nodes say: `pgherd logs`.',
      'Run `pgherd up` again: it goes on where it stopped.',
    ],
  },
  {
    code: 'PGHERD_SWITCHOVER_CANCELLED',
    reason: 'refused',
    meaning:
      'The primary found that handing over would not be safe or possible, and went on serving.',
    remedies: ['See the reason: `pgherd why`.', 'Ask again when the standby has caught up.'],
  },
  {
    code: 'PGHERD_SWITCHOVER_TIMEOUT',
    reason: 'timeout',
    meaning: 'The switchover is wanted, but did not happen while the command waited.',
    remedies: ['Watch it: `pgherd status --watch`.', 'Take it back: `pgherd switchover --cancel`.'],
  },
  {
    code: 'PGHERD_SECRETS',
    reason: 'configuration',
    meaning:
      'A password or the secret of the agents is missing beside the spec file, or may not be read.',
    remedies: [
      'On a further host: copy the folder secrets/ of the first one, with its permissions.',
      '`pgherd up` makes missing secrets of a new cluster by itself.',
    ],
  },
  {
    code: 'PGHERD_HOME_INVALID',
    reason: 'configuration',
    meaning: 'The environment variable PGHERD_HOME names no absolute path.',
    remedies: ['Set it to a folder such as /var/lib/pgherd, or unset it.'],
  },
  {
    code: 'PGHERD_SOCKET_PATH_TOO_LONG',
    reason: 'configuration',
    meaning: 'Unix limits the path of a socket to 107 bytes, and the folder is too deep for it.',
    remedies: ['Choose a shorter folder: PGHERD_HOME, or --socket-dir of the agent.'],
  },
  {
    code: 'PGHERD_MANAGED_PARAMETER',
    reason: 'configuration',
    meaning:
      'The spec sets a PostgreSQL parameter on which safety depends and which pgherd therefore sets itself.',
    remedies: ['Remove it from postgres.parameters; `pgherd explain` shows what decides it.'],
  },
  {
    code: 'PGHERD_NO_POSTGRES',
    reason: 'configuration',
    meaning:
      'The programs of PostgreSQL were not found, or the named folder does not hold all of them.',
    remedies: [
      'Debian: apt-get install postgresql.',
      'Name the folder that holds initdb and postgres as postgres.binDir.',
    ],
  },
  {
    code: 'PGHERD_POSTGRES_VERSION',
    reason: 'configuration',
    meaning:
      'PostgreSQL is installed, but in no version that pgherd runs or that the spec asks for.',
    remedies: ['Install that version.', 'Change postgres.version or postgres.binDir.'],
  },
  {
    code: 'PGHERD_NO_HAPROXY',
    reason: 'system',
    meaning: 'HAProxy is not installed or does not start.',
    remedies: [
      'Debian: apt-get install haproxy.',
      'Take the balancer out of the spec when another one is used.',
    ],
  },
  {
    code: 'PGHERD_HAPROXY_VERSION',
    reason: 'system',
    meaning: 'The installed HAProxy is too old for the checks and for reloading without loss.',
    remedies: ['Install HAProxy 2.4 or newer.'],
  },
  {
    code: 'PGHERD_HAPROXY_CONFIG',
    reason: 'configuration',
    meaning: 'HAProxy refused the configuration that was made for it. The old one stays in use.',
    remedies: ['Correct the balancer settings of the spec; the message names the line.'],
  },
  {
    code: 'PGHERD_NO_DATABASE_USER',
    reason: 'system',
    meaning:
      'PostgreSQL refuses to run as root, and the account that it should run as does not exist.',
    remedies: [
      'useradd --system postgres, or install the package postgresql, which makes it.',
      'Run pgherd as an ordinary user: nothing of it needs root.',
    ],
  },
  {
    code: 'PGHERD_DIRECTORY_CLOSED',
    reason: 'system',
    meaning:
      'PostgreSQL runs as another user, and that user may not enter a folder above its data.',
    remedies: [
      'Choose a place that it can reach: PGHERD_HOME, or --data-dir.',
      'Or open the folder for passing through: chmod o+x FOLDER.',
    ],
  },
  {
    code: 'PGHERD_DIRECTORY_UNWRITABLE',
    reason: 'system',
    meaning:
      'A folder could not be made: the disk is full, read-only, or belongs to somebody else.',
    remedies: [
      'Free space, or change the owner.',
      'Choose another place: PGHERD_HOME, or --data-dir.',
    ],
  },
  {
    code: 'PGHERD_PORT_TAKEN',
    reason: 'system',
    meaning: 'Another program listens on a port that the spec gives to this cluster.',
    remedies: [
      'End that program; the message names it where that can be seen.',
      'Name another port, or another basePort, in the spec.',
    ],
  },
  {
    code: 'PGHERD_BUSY',
    reason: 'system',
    meaning:
      'Another command changes this cluster at this moment; two at once would disturb each other.',
    remedies: ['Wait until it has finished, then run yours again.'],
  },
  {
    code: 'PGHERD_PROCESS_STUCK',
    reason: 'system',
    meaning:
      'A process does not end although it was killed: it waits for a disk or a mount that hangs.',
    remedies: ['Look at the disk (dmesg) and repair it, then run the command again.'],
  },
  {
    code: 'PGHERD_STATE_UNWRITABLE',
    reason: 'system',
    meaning:
      'The small file in which a node keeps its promises could not be written. The node then promises nothing.',
    remedies: ['Free space or repair the file system; the agent goes on by itself.'],
  },
  {
    code: 'PGHERD_STATE_CORRUPT',
    reason: 'localState',
    meaning:
      'The file with the promises of a node is damaged. Starting without it could break a promise.',
    remedies: [
      'Restore the file from a backup of this very node.',
      'Or remove the data of this node and let it join anew. Do not delete the file alone.',
    ],
  },
]
