// Help for errors of specs, machines and folders, which `up` and the agents meet.

import type { ErrorHelp } from './error-help.ts'

export const setUpErrors: readonly ErrorHelp[] = [
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
    meaning:
      'The environment variable PGHERD_HOME names no absolute path, or links on the way to the folder lead ' +
      'nowhere. Clusters are found by the path of their folder, so it must be known.',
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
    code: 'PGHERD_GUARD_NOT_STARTED',
    reason: 'system',
    meaning:
      'The guard, which starts and stops PostgreSQL for the agent, did not come up or did not answer in ' +
      'time.',
    remedies: [
      'Read what it says: `pgherd logs NODE`.',
      'A machine that is very busy may need longer; the agent tries again by itself.',
    ],
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
    code: 'PGHERD_NO_KEEPALIVED',
    reason: 'system',
    meaning:
      'Keepalived, which moves the VIP between balancers, is not installed or does not start.',
    remedies: [
      'Debian: apt-get install keepalived.',
      'Take balancer.vip out of the spec when the balancers share no address.',
    ],
  },
  {
    code: 'PGHERD_KEEPALIVED_VERSION',
    reason: 'system',
    meaning: 'The installed Keepalived is too old for the configuration that is made for it.',
    remedies: ['Install Keepalived 2.0.20 or newer.'],
  },
  {
    code: 'PGHERD_KEEPALIVED_CONFIG',
    reason: 'configuration',
    meaning: 'Keepalived refused the configuration that was made for it. The old one stays in use.',
    remedies: [
      'Correct the balancer settings of the spec; the message names the line.',
      'A network interface must be there on the host that the file is for: balancer.interface.',
      'The check script and every folder above it must belong to root.',
    ],
  },
  {
    code: 'PGHERD_INTERFACE_UNKNOWN',
    reason: 'configuration',
    meaning:
      'Files for a balancer need the name of its network interface, which only that host knows by itself.',
    remedies: [
      'Set balancer.interface, or interface of the node, in the spec.',
      'Or run `pgherd render` on the host itself.',
    ],
  },
  {
    code: 'PGHERD_ADDRESS_UNKNOWN',
    reason: 'configuration',
    meaning: 'Balancers send adverts to addresses, and the name of a host has none here.',
    remedies: ['Write IP addresses as hosts of the balancers.', 'Or correct DNS or /etc/hosts.'],
  },
  {
    code: 'PGHERD_FILE_FOREIGN',
    reason: 'configuration',
    meaning: 'A file that would be written is there already and does not come from pgherd.',
    remedies: ['Choose another folder, or move the file away.', 'Or overwrite it with --force.'],
  },
  {
    code: 'PGHERD_FILE_UNWRITABLE',
    reason: 'system',
    meaning: 'A file or folder could not be written.',
    remedies: ['Choose another folder, free space, or change the owner.'],
  },
  {
    code: 'PGHERD_NOT_A_BALANCER',
    reason: 'usage',
    meaning: 'Files are rendered for balancers; the other nodes are run by their agents.',
    remedies: ['Name a node of role balancer: `pgherd spec` shows the roles.'],
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
  {
    code: 'PGHERD_SPEC_FIXED',
    reason: 'configuration',
    meaning:
      'The spec differs from the cluster that is there in something that cannot be changed in place.',
    remedies: [
      'Compare it with the effective spec: `pgherd spec`.',
      'Give the new cluster another name, or destroy the old one first.',
    ],
  },
  {
    code: 'PGHERD_LAB_ROOT',
    reason: 'system',
    meaning: 'A lab is made of network namespaces, which only root may make, change and enter.',
    remedies: [
      'Run the command as root, as with sudo.',
      'Leave --runtime out: the local runtime needs no root.',
    ],
  },
  {
    code: 'PGHERD_LAB_RIGHTS',
    reason: 'system',
    meaning: 'Root may not make network namespaces here, as in a container without the capability.',
    remedies: ['Give the container CAP_SYS_ADMIN and CAP_NET_ADMIN, or use a virtual machine.'],
  },
  {
    code: 'PGHERD_LAB_PROGRAM',
    reason: 'system',
    meaning: 'A program that a lab is made with is not installed.',
    remedies: ['Debian: `apt-get install iproute2 nftables util-linux`.'],
  },
  {
    code: 'PGHERD_LAB_FAILED',
    reason: 'system',
    meaning:
      'A command that makes or changes the network of a lab failed. The data is not touched by it.',
    remedies: [
      'Read the cause; `pgherd up` makes what is missing of the network.',
      'If that does not help: `pgherd down`, then `pgherd up`, which makes all of it anew.',
    ],
  },
  {
    code: 'PGHERD_LAB_DOWN',
    reason: 'system',
    meaning:
      'The network of the lab that was named is gone, as after `pgherd down`. The data is still there.',
    remedies: ['Make it again: `pgherd up`.'],
  },
  {
    code: 'PGHERD_LAB_POWER',
    reason: 'system',
    meaning:
      'Hosts of the lab are turned off, and what was asked for needs them. They stay off until somebody ' +
      'gives them power again.',
    remedies: ['Give it back: `pgherd lab power-on HOST`; see which ones: `pgherd lab show`.'],
  },
  {
    code: 'PGHERD_LAB_SAME_HOST',
    reason: 'usage',
    meaning:
      'Nodes on one host talk to each other without a cable, so nothing can be cut between them.',
    remedies: ['See which node is on which host: `pgherd lab show`.'],
  },
  {
    code: 'PGHERD_LAB_NO_DELAY',
    reason: 'system',
    meaning: 'The kernel was built without sch_netem and cannot delay packets.',
    remedies: ['Use `pgherd lab loss`, or a kernel that has the module.'],
  },
  {
    code: 'PGHERD_LAB_ADDRESSES',
    reason: 'configuration',
    meaning: 'The addresses of the spec cannot be those of a lab, which is one network with IPv4.',
    remedies: [
      'Leave the hosts out, and the lab chooses addresses.',
      'Give all nodes IPv4 addresses of one network of 256.',
    ],
  },
  {
    code: 'PGHERD_LAB_NAMES',
    reason: 'configuration',
    meaning: 'A node has a name that every lab gives itself: `client` or `switch`.',
    remedies: ['Give the node another name.'],
  },
  {
    code: 'PGHERD_LAB_HOST_UNKNOWN',
    reason: 'usage',
    meaning: 'The lab has no host of that name, and no node of that name runs on one.',
    remedies: ['See the hosts with `pgherd lab show`.'],
  },
  {
    code: 'PGHERD_NO_VIP',
    reason: 'system',
    meaning: 'The word `vip` stands for the host that has the shared address, and none has it now.',
    remedies: [
      'See where it is: `pgherd lab show`.',
      'Wait for a holder: `pgherd status --watch`.',
    ],
  },
  {
    code: 'PGHERD_NO_LAB',
    reason: 'configuration',
    meaning: 'The command works on hosts of a lab, and the cluster runs elsewhere.',
    remedies: ['Make a lab beside it: `pgherd up --runtime lab --cluster NAME`.'],
  },
  {
    code: 'PGHERD_RUNTIME_FIXED',
    reason: 'configuration',
    meaning: 'The cluster was made in another runtime than the one that was asked for.',
    remedies: [
      'Give the new cluster another name, or destroy the old one first.',
      'Leave --runtime out to go on with the one that is there.',
    ],
  },
  {
    code: 'PGHERD_NOT_LOCAL',
    reason: 'configuration',
    meaning: 'The spec places nodes on hosts, but `pgherd up` runs all nodes on this machine.',
    remedies: [
      'Leave the hosts out to try it on this machine.',
      'On the hosts themselves run `pgherd agent --spec FILE --node NAME`.',
    ],
  },
  {
    code: 'PGHERD_NOT_HERE',
    reason: 'usage',
    meaning:
      'The cluster runs on other hosts: from here it can be asked, but its processes are not in reach.',
    remedies: ['Do it on the host, where the agent was started: `systemctl stop`, or SIGTERM.'],
  },
  {
    code: 'PGHERD_HOME_UNWRITABLE',
    reason: 'system',
    meaning: 'The folder for the state of clusters cannot be written.',
    remedies: ['Set PGHERD_HOME to a folder of your own, or change the owner.'],
  },
  {
    code: 'PGHERD_DISK_FULL',
    reason: 'system',
    meaning: 'The disk has not enough room to begin, or has become full.',
    remedies: [
      'Free some space, then run the command again: it goes on where it stopped.',
      'Set PGHERD_HOME to a folder on a larger disk.',
    ],
  },
  {
    code: 'PGHERD_RUN_FOLDER_FOREIGN',
    reason: 'system',
    meaning: 'The folder for sockets in the temporary directory belongs to another user.',
    remedies: ['Remove it, or set PGHERD_HOME to a shorter path, so that it is not needed.'],
  },
  {
    code: 'PGHERD_PROGRAM_CLOSED',
    reason: 'system',
    meaning:
      'Everything runs as another user than root, and that user cannot start Node or enter the folder.',
    remedies: [
      'Install Node where everybody can reach it.',
      'Set PGHERD_HOME to a folder that the user can enter, as /var/lib/pgherd.',
    ],
  },
  {
    code: 'PGHERD_NOT_BUILT',
    reason: 'system',
    meaning: 'The program was not built from its sources yet.',
    remedies: ['In a clone: npm run build, or use bin/pgherd, which builds when needed.'],
  },
  {
    code: 'PGHERD_NO_ETCD',
    reason: 'system',
    meaning: 'The program etcd, which keeps the lease, is not installed or does not start.',
    remedies: ['Debian: apt-get install etcd-server.'],
  },
  {
    code: 'PGHERD_ETCD_VERSION',
    reason: 'system',
    meaning: 'The installed etcd is too old.',
    remedies: ['Install etcd 3.4 or newer.'],
  },
  {
    code: 'PGHERD_SUPERVISOR_FAILED',
    reason: 'system',
    meaning: 'The process that starts the agents again when they die did not start.',
    remedies: ['Its log, which the message names, says why. Then run the command again.'],
  },
  {
    code: 'PGHERD_AGENT_FAILED',
    reason: 'system',
    meaning:
      'The agent of a node ended with an error that would only come again, so it is not started again.',
    remedies: [
      'Read the file that the message names and correct the cause.',
      'Then: `pgherd node start NAME`.',
    ],
  },
  {
    code: 'PGHERD_AGENT_SILENT',
    reason: 'timeout',
    meaning: 'The agent of a node was started, but does not answer yet.',
    remedies: ['See what it says: `pgherd logs NAME`. The supervisor goes on trying.'],
  },
  {
    code: 'PGHERD_DIRECTORY_FOREIGN',
    reason: 'localState',
    meaning:
      'The directory, or what lies in it, belongs to another node or another cluster; running there could ' +
      'destroy data.',
    remedies: [
      'Give the right --data-dir or --node.',
      'To use a copy on purpose, begin with an empty directory.',
    ],
  },
  {
    code: 'PGHERD_DIRECTORY_INCOMPLETE',
    reason: 'localState',
    meaning:
      'The identity.json, state.json and data directory of a node belong together, and one of them is ' +
      'missing beside the others. It is not made anew: a folder that was copied in part would run as two ' +
      'nodes under one name, and commits could be lost.',
    remedies: [
      'Put the missing file back if it was moved away. Never take that of another node.',
      'Otherwise rename the folder of the node and start the node again: it is cloned from the primary.',
    ],
  },
  {
    code: 'PGHERD_DIRECTORY_COPIED',
    reason: 'localState',
    meaning:
      'The folder, its state.json or its data directory is a copy, or was put back from a backup. It may lack ' +
      'commits and promises that the original has, so the node does not run from it.',
    remedies: [
      'Put the original back, if it still is there: renaming keeps it the original.',
      'Otherwise rename the folder of the node and start the node again: it is cloned from the primary.',
      'When no other node has the data, and nothing has run from the original since it was copied: take ' +
        '"place" out of state.json and "dataPlaces" out of identity.json. With that you vouch for the copy.',
    ],
  },
  {
    code: 'PGHERD_DIRECTORY_IN_USE',
    reason: 'system',
    meaning: 'Another agent works on the same directory.',
    remedies: ['End the other one first: look for "agent --spec" in ps -ef.'],
  },
]
