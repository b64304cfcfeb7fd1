// Programs that make and change namespaces. They need rights that only root has, and say so badly.

import { spawn } from 'node:child_process'
import { PgherdError } from '../../lib/errors.ts'

const timeoutMs = 15_000

/** Debian packages with these programs, for the hint. */
const packages: Readonly<Record<string, string>> = {
  ip: 'iproute2',
  tc: 'iproute2',
  nft: 'nftables',
  nsenter: 'util-linux',
}

/**
 * Runs one program to its end.
 * @param input what it reads from its standard input
 * @returns what it printed
 * @throws PgherdError PGHERD_LAB_PROGRAM, PGHERD_LAB_RIGHTS, PGHERD_LAB_FAILED
 */
export async function runProgram(
  program: string,
  words: readonly string[],
  input = '',
): Promise<string> {
  const child = spawn(program, words, { stdio: ['pipe', 'pipe', 'pipe'], timeout: timeoutMs })
  let output = ''
  let complaint = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (complaint += text))
  // One that ends without reading everything says why by itself.
  child.stdin.on('error', () => undefined)
  child.stdin.end(input)
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', (error: NodeJS.ErrnoException) => {
      reject(error.code === 'ENOENT' ? missing(program) : error)
    })
    child.once('close', resolve)
  })
  if (code === 0) return output
  throw failed(program, words, complaint.trim())
}

function missing(program: string): PgherdError {
  return new PgherdError({
    code: 'PGHERD_LAB_PROGRAM',
    reason: 'system',
    message: `${program} was not found, and a lab is made with it`,
    hint: `install it (Debian: apt-get install ${packages[program] ?? program})`,
  })
}

function failed(program: string, words: readonly string[], complaint: string): PgherdError {
  const line = complaint.split('\n').find((each) => each.trim() !== '') ?? 'it gave no reason'
  if (/not permitted|permission denied/i.test(complaint)) {
    return new PgherdError({
      code: 'PGHERD_LAB_RIGHTS',
      reason: 'system',
      message: 'this process may not make network namespaces',
      because: `${program}: ${line}`,
      hint: 'run it as root on a machine (or in a container with CAP_SYS_ADMIN and CAP_NET_ADMIN) that allows it',
    })
  }
  return new PgherdError({
    code: 'PGHERD_LAB_FAILED',
    reason: 'system',
    message: `\`${[program, ...words].join(' ')}\` failed`,
    because: line,
    hint: 'mend the network with: pgherd up; or make it anew with: pgherd down, then pgherd up (the data stays)',
  })
}
