import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { describe, expect, it } from 'vitest'
import { listeningPorts, ownerOf, parseSocketTable } from './listening-ports.ts'

describe('listening ports', () => {
  it('reads the table of the kernel, listening sockets only', () => {
    const table = [
      '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode',
      '   0: 0100007F:1538 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1',
      '   1: 0100007F:1539 0100007F:9C40 01 00000000:00000000 00:00000000 00000000     0        0 4712 1',
      '',
    ].join('\n')
    expect(parseSocketTable(table)).toEqual([{ port: 5432, address: '127.0.0.1', inode: '4711' }])
    const everywhere = table.replace('0100007F:1538', '00000000:1538')
    expect(parseSocketTable(everywhere)).toMatchObject([{ port: 5432, address: null }])
    expect(parseSocketTable('')).toEqual([])
  })

  it('names the program behind a port, on every address', async () => {
    for (const host of ['127.0.0.1', '0.0.0.0']) {
      const server = createServer()
      await new Promise<void>((resolve) => server.listen(0, host, resolve))
      const { port } = server.address() as AddressInfo
      const sockets = listeningPorts().get(port) ?? []
      expect(sockets).toMatchObject([{ address: host === '0.0.0.0' ? null : host }])
      expect(ownerOf(sockets)?.pid).toBe(process.pid)
      await new Promise((resolve) => server.close(resolve))
      expect(listeningPorts().has(port)).toBe(false)
      expect(ownerOf(sockets)).toBeNull()
    }
  })
})
