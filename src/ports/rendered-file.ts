// A configuration file for a host that no agent looks after, as a text and where it belongs.

export type RenderedFile = {
  /** `haproxy.cfg`. */
  readonly name: string
  /** Absolute, on the host that it is for. */
  readonly place: string
  /** Permission bits. */
  readonly mode: number
  readonly text: string
}

/** Whether the program that reads a file took it. */
export type FileCheck = {
  /** Name of the program. */
  readonly program: string
  /** Null: accepted. Otherwise why it could not be asked here. */
  readonly uncheckedBecause: string | null
}
