// The one schema of cluster.yaml: every setting with its unit, range, default and description. Types,
// error messages, `explain`, the JSON Schema and the documentation follow from it. What must hold
// between several settings is checked in check.ts.

import * as z from 'zod'
import { defaults } from './defaults.ts'
import { parseVip } from './vip.ts'

/** A name that is also a file name, a host name, part of an application_name and of a slot's name. */
export const namePattern = /^[a-z][a-z0-9-]*$/

const name = (lengthMax: number) =>
  z
    .string()
    .max(lengthMax, `is longer than ${String(lengthMax)} characters`)
    .regex(namePattern, 'must start with a letter and hold only a-z, 0-9 and "-"')

const port = z.int().min(1024).max(65_535)
const host = z
  .string()
  .min(1)
  .max(253)
  .regex(/^[A-Za-z0-9][A-Za-z0-9.:-]*$|^::1$/, 'must be a host name or an IP address')

/** What Linux takes for the name of a network interface, as far as people use it. */
const networkInterface = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,14}$/, 'must be a network interface as eth0')

const sqlName = z
  .string()
  .regex(/^[a-z_][a-z0-9_]{0,62}$/, 'must be a plain lower-case SQL name of at most 63 characters')

/** PostgreSQL settings that the agent owns; a spec that names one is refused. */
export const ownedParameters: readonly string[] = [
  'archive_mode',
  'cluster_name',
  'data_directory',
  'external_pid_file',
  'fsync',
  'full_page_writes',
  'hba_file',
  'hot_standby',
  'ident_file',
  'listen_addresses',
  'max_slot_wal_keep_size',
  'password_encryption',
  'port',
  'primary_conninfo',
  'primary_slot_name',
  'promote_trigger_file',
  'recovery_target_timeline',
  'restart_after_crash',
  'synchronous_commit',
  'synchronous_standby_names',
  'unix_socket_directories',
  'wal_level',
  'wal_log_hints',
  'wal_retrieve_retry_interval',
]

const network = z
  .string()
  .regex(
    /^(samehost|samenet|all|[0-9a-fA-F.:]+\/\d{1,3})$/,
    'must be a network as 10.0.0.0/8, or one of samehost, samenet, all',
  )

const postgres = z.strictObject({
  version: z.int().min(14).max(18).nullable().default(null).meta({
    description: 'Major version of PostgreSQL. Null: the newest one that is installed.',
  }),
  binDir: z.string().startsWith('/', 'must be an absolute path').nullable().default(null).meta({
    description: 'Folder with initdb, postgres, pg_rewind and so on. Null: found by version.',
  }),
  database: sqlName.default('app').meta({
    description: 'Database that is created for applications.',
  }),
  user: sqlName.default('app').meta({
    description: 'User that owns it; the password is generated (secrets/app.password).',
  }),
  locale: z
    .string()
    .regex(/^[A-Za-z0-9_.@-]+$/, 'must be the name of a locale')
    .default('C.UTF-8')
    .meta({ description: 'Locale of a new database system.' }),
  encoding: z
    .string()
    .regex(/^[A-Za-z0-9_]+$/, 'must be the name of an encoding')
    .default('UTF8')
    .meta({ description: 'Character set of a new database system.' }),
  allowFrom: z.array(network).nullable().default(null).meta({
    description:
      'Networks from which clients may connect, with SCRAM passwords always. Null: this machine when every node is on a loopback address, else samenet.',
  }),
  parameters: z
    .record(
      z.string().regex(/^[a-z_][a-z0-9_.]*$/, 'must be a parameter name in lower case'),
      z.union([z.string(), z.number(), z.boolean()]),
    )
    .default({})
    .meta({ description: 'Further PostgreSQL parameters, the same on every data node.' }),
})

const wal = z.strictObject({
  slotCapMb: z.int().min(64).max(16_777_216).default(defaults.slotCapMb).meta({
    unit: 'MiB',
    description:
      'How much WAL the slot of a dead standby may hold back (max_slot_wal_keep_size). A standby that needs more is cloned anew.',
  }),
})

const node = z.strictObject({
  name: name(40).meta({ description: 'Unique name, as pg-0.' }),
  role: z.enum(['data', 'witness', 'balancer']).meta({
    description: 'data: PostgreSQL. witness: a vote, no data. balancer: HAProxy.',
  }),
  host: host.default(defaults.host).meta({
    description:
      'Address that the other nodes and clients use. A balancer may share the host of a data node: it is a node of its own there, with its own agent and folder.',
  }),
  postgresPort: port.optional().meta({ description: 'PostgreSQL; data nodes only.' }),
  apiPort: port.optional().meta({ description: "The agent's HTTP port." }),
  storeClientPort: port.optional().meta({ description: 'etcd for agents; voters only.' }),
  storePeerPort: port.optional().meta({ description: 'etcd for etcd; voters only.' }),
  vote: z.boolean().optional().meta({
    description:
      'Whether the node votes. Default: witnesses first, then data nodes, up to an odd number of at most 5.',
  }),
  interface: networkInterface.optional().meta({
    description: 'Network interface that carries the VIP here, instead of balancer.interface.',
  }),
  noFailover: z.boolean().default(false).meta({
    description: 'The node may never become primary; it still counts for durability.',
  }),
})

const endpoint = z.strictObject({
  host: host.optional().meta({
    description: "Default: the VIP when there is one, else the first balancer's address.",
  }),
  port: port.optional().meta({ description: 'Port where applications connect.' }),
})

const endpoints = z.strictObject({
  write: endpoint.prefault({}).meta({ description: 'Leads to the primary.' }),
  read: endpoint.prefault({}).meta({
    description: 'Spread over the standbys; leads to the primary when there is none.',
  }),
})

const wantedVip = 'must be an address as 10.0.0.100/24'

const balancer = z.strictObject({
  connectionsMax: z.int().min(10).max(100_000).default(defaults.clientConnectionsMax).meta({
    unit: 'connections',
    description:
      'How many client connections a balancer carries at each endpoint. To one PostgreSQL all balancers together open max_connections less what superusers, pgherd itself and those who connect past them need (18 of three data nodes). Each has the same part of it, or all of it where they share an address; on the primary, an eighth is for reads while no standby is fit. Clients beyond that wait for up to 5 s.',
  }),
  readLagMaxMb: z.int().min(1).max(1_048_576).nullable().default(defaults.readLagMaxMb).meta({
    unit: 'MiB',
    description:
      'A standby that is further behind with its replay gets no new reads. Null: however far it is behind.',
  }),
  vip: z
    .string()
    .regex(/^[0-9a-fA-F.:]+\/\d{1,3}$/, { message: wantedVip, abort: true })
    .refine((text) => parseVip(text) !== null, wantedVip)
    .nullable()
    .default(null)
    .meta({
      description:
        "Address that the balancers share, with the length of the network's prefix; one of them has it at any time (Keepalived, VRRP). Null: none.",
    }),
  interface: networkInterface.nullable().default(null).meta({
    description:
      "Network interface for the VIP. Null: the one that has the balancer's own address.",
  }),
  vrrpRouterId: z.int().min(1).max(255).default(defaults.vrrpRouterId).meta({
    description: 'Tells these balancers from other users of VRRP in the same network.',
  }),
  vrrp: z.enum(['unicast', 'multicast']).default('unicast').meta({
    description:
      'How adverts travel. unicast: from balancer to balancer, heard by nobody else. multicast: to the whole network.',
  }),
  advertMs: z
    .int()
    .min(100)
    .max(10_000)
    .refine((value) => value % 10 === 0, 'must be a multiple of 10')
    .nullable()
    .default(null)
    .meta({
      unit: 'ms',
      description:
        'Period of the adverts; another balancer takes the VIP when a little more than three are missing. Null: by the timing plan (fast 250, balanced 400, wan 1000).',
    }),
  statsPort: port.optional().meta({
    description:
      "HAProxy's statistics (/) and metrics (/metrics), for the user pgherd with the password in secrets/balancer.password.",
  }),
  healthPort: port.optional().meta({
    description: 'On 127.0.0.1 only: whether HAProxy can serve, which Keepalived asks.',
  }),
})

/** cluster.yaml. Every part may be left out. */
export const specSchema = z.strictObject({
  cluster: name(40).default(defaults.cluster).meta({ description: 'Name of the cluster.' }),
  durability: z.enum(['quorum', 'strict', 'async']).default('quorum').meta({
    description:
      'quorum: a commit waits for syncStandbys standbys, for fewer when they are lost, for nobody while none can be listed (status says so). strict: never for fewer, once the first have joined. async: for none.',
  }),
  syncStandbys: z.int().min(1).max(31).nullable().default(null).meta({
    unit: 'standbys',
    description: 'How many standbys a commit waits for. Null: half of them, rounded up.',
  }),
  plan: z.enum(['fast', 'balanced', 'wan']).default('balanced').meta({
    description: 'Timing. fast: one LAN with good disks. balanced: default. wan: across sites.',
  }),
  basePort: port.max(60_000).default(defaults.basePort).meta({
    description:
      'Where the ports of nodes on loopback addresses begin, as far as they are not named one by one. Left out: `up` chooses free ones from 5500 upwards.',
  }),
  postgres: postgres.prefault({}).meta({ description: 'PostgreSQL itself.' }),
  wal: wal.prefault({}).meta({ description: 'How WAL is kept.' }),
  nodes: z
    .array(node)
    .min(1)
    .max(32)
    .prefault(defaults.nodes.map((each) => ({ ...each })))
    .meta({ description: 'The nodes of the cluster.' }),
  endpoints: endpoints.prefault({}).meta({ description: 'Where applications connect.' }),
  balancer: balancer.prefault({}).meta({ description: 'HAProxy and Keepalived.' }),
})

/** A spec with every default filled in, but ports as they were given. */
export type ClusterSpec = z.output<typeof specSchema>
export type NodeSpec = ClusterSpec['nodes'][number]
