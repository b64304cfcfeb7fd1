// How a TCP connection is opened, where it cannot be opened from this process's own network.

import type { Socket } from 'node:net'

/** Opens a connection. @throws the error of the system, with its code (`ECONNREFUSED`, …) */
export type Dial = (host: string, port: number) => Promise<Socket>
