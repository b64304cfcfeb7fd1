// Values that make the empty file a good cluster.

/** What stands in for a part of the spec that is left out. */
export const defaults = {
  cluster: 'main',
  host: '127.0.0.1',
  basePort: 5500,
  slotCapMb: 4096,
  clientConnectionsMax: 2000,
  readLagMaxMb: 64,
  vrrpRouterId: 51,
  nodes: [
    { name: 'pg-0', role: 'data' },
    { name: 'pg-1', role: 'data' },
    { name: 'pg-2', role: 'data' },
    { name: 'pgw-0', role: 'witness' },
    { name: 'lb-0', role: 'balancer' },
  ],
  /**
   * Ports on hosts of their own: what people expect of these programs. Several nodes on one host take
   * the following ones.
   */
  hostPorts: {
    write: 5000,
    read: 5001,
    stats: 8404,
    health: 8405,
    postgres: 5432,
    api: 8008,
    storeClient: 2379,
    storePeer: 2479,
  },
  /** Offsets from basePort for nodes on loopback addresses; each kind has room for one per node. */
  loopbackOffsets: {
    write: 0,
    read: 1,
    stats: 2,
    health: 3,
    postgres: 10,
    api: 50,
    storeClient: 90,
    storePeer: 100,
  },
} as const

export type PortKind = keyof typeof defaults.hostPorts
