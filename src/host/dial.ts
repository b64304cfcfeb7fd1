// How a TCP connection is opened, where it cannot be opened from this process's own network.

import type { Socket } from 'node:net'

export type Dialer = {
  /**
   * Resolves as soon as connections can be opened. What that takes is no silence of who is called.
   * @throws Error when they cannot be opened
   */
  prepare(): Promise<void>
  /** Opens a connection. @throws the error of the system, with its code (`ECONNREFUSED`, …) */
  dial(host: string, port: number): Promise<Socket>
}
