// Help for errors that commands meet: how they were typed, what the cluster answered.

import type { ErrorHelp } from './error-help.ts'

export const commandErrors: readonly ErrorHelp[] = [
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
    code: 'PGHERD_STORE_NOT_RECOVERABLE',
    reason: 'refused',
    meaning:
      'The store cannot begin anew safely: it is not lost, a node that may hold more does not answer, or ' +
      'what the nodes remember contradicts itself.',
    remedies: [
      'Start the nodes that are named, then run `pgherd store recover` again.',
      'A node that is gone for good is given up by name: `--accept-loss-of NODE`; it must never start again ' +
        'on its old disk.',
      'When two nodes contradict each other, look at `pgherd events` and at both databases first.',
    ],
  },
  {
    code: 'PGHERD_NODE_UNKNOWN',
    reason: 'usage',
    meaning: 'The cluster has no node of that name.',
    remedies: [
      'See the names with `pgherd status`.',
      'The word `primary` stands for the node that is primary now, where a command says so.',
      'With several clusters add --cluster NAME.',
    ],
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
      'Start the cluster: `pgherd up`; on several hosts `pgherd agent --spec FILE --node NAME` on each.',
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
    code: 'PGHERD_CLUSTER_UNKNOWN',
    reason: 'configuration',
    meaning: 'No cluster of that name has state on this machine, or none at all.',
    remedies: [
      'See what there is: `pgherd clusters`. Another PGHERD_HOME has other clusters.',
      'Make one: `pgherd up`.',
    ],
  },
  {
    code: 'PGHERD_CLUSTER_AMBIGUOUS',
    reason: 'usage',
    meaning: 'There are several clusters on this machine and the command does not say which one.',
    remedies: ['Add --cluster NAME; the names are in `pgherd clusters`.'],
  },
  {
    code: 'PGHERD_CLUSTER_INCOMPLETE',
    reason: 'localState',
    meaning: 'An `up` was cut short before it had written the spec of the cluster.',
    remedies: ['Run `pgherd up --cluster NAME` again: it goes on where it stopped.'],
  },
]
