// Commands to a running HAProxy over its unix socket, each with a deadline.

import { connect } from 'node:net'
import { ProxyError } from '../../ports/proxy.ts'

const answerBytesMax = 1024 * 1024

/**
 * Sends one line, which may hold several commands separated by `; `, and returns the whole answer.
 * @throws ProxyError when there is no answer by `deadlineMs`
 */
export function sendCommand(socketPath: string, line: string, deadlineMs: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(socketPath)
    let answer = ''
    const fail = (why: string, cause?: unknown) => {
      clearTimeout(timer)
      socket.destroy()
      reject(new ProxyError(`HAProxy at ${socketPath}: ${why}`, { cause }))
    }
    const timer = setTimeout(() => fail(`no answer in ${String(deadlineMs)} ms`), deadlineMs)
    socket.setEncoding('utf8')
    socket.on('error', (error) => fail(error.message, error))
    socket.on('data', (chunk: string) => {
      answer += chunk
      if (answer.length > answerBytesMax) fail('the answer is too long')
    })
    socket.on('end', () => {
      clearTimeout(timer)
      socket.destroy()
      resolve(answer.trim())
    })
    socket.end(`${line}\n`)
  })
}

export type ServerState = {
  readonly server: string
  /** HAProxy would give this server a new connection. */
  readonly isUsable: boolean
}

/**
 * Reads the answer to `show servers state PROXY`.
 * @throws ProxyError when it is something else
 */
export function parseServersState(answer: string): readonly ServerState[] {
  const [version, header = '', ...lines] = answer.split('\n')
  const columns = header.replace(/^# /, '').split(' ')
  const at = (name: string) => columns.indexOf(name)
  const nameAt = at('srv_name')
  const operationalAt = at('srv_op_state')
  const administrativeAt = at('srv_admin_state')
  if (version !== '1' || nameAt < 0 || operationalAt < 0 || administrativeAt < 0) {
    throw new ProxyError(`not a list of server states: ${answer.slice(0, 100)}`)
  }
  return lines
    .filter((line) => line !== '')
    .map((line) => {
      const fields = line.split(' ')
      // Operational state 0 is stopped; any administrative flag means maintenance or drain.
      const isUsable = fields[operationalAt] !== '0' && fields[administrativeAt] === '0'
      return { server: fields[nameAt] ?? '', isUsable }
    })
}
