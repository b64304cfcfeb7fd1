// The screen of `status`: verdict first, then the title line, the table, where to connect, and what
// to do about each reason. Pure: document in, lines out.

import type { ClusterStatus, NodeStatus, Verdict } from '../core/cluster-status.ts'
import { renderBytes, renderDateTime } from './render-quantity.ts'
import { type Column, type Row, renderTable, wrap } from './render-table.ts'
import { type Paint, type Style, columnsOf, oneLine } from './style.ts'

/** @param widthMax columns of the terminal; Infinity for pipes */
export function renderStatus(
  status: ClusterStatus,
  widthMax: number,
  style: Style,
): readonly string[] {
  return [
    ...verdictLines(status, widthMax, style),
    ...pauseBanner(status, widthMax, style),
    '',
    ...titleLines(status, widthMax, style),
    '',
    ...renderNodeTable(status.nodes, widthMax, style),
    '',
    ...connectionLines(status, widthMax, style),
    ...reasonLines(status, widthMax, style),
  ]
}

const verdictMarks: Readonly<Record<Verdict, (style: Style) => { mark: string; paint: Paint }>> = {
  healthy: (style) => ({ mark: style.symbols.done, paint: style.good }),
  degraded: (style) => ({ mark: style.symbols.warning, paint: style.warn }),
  'no-primary': (style) => ({ mark: style.symbols.failed, paint: style.bad }),
  unreachable: (style) => ({ mark: style.symbols.failed, paint: style.bad }),
}

function verdictLines(status: ClusterStatus, widthMax: number, style: Style): readonly string[] {
  const { mark, paint } = verdictMarks[status.verdict](style)
  const head = `${mark} ${status.summary.split(':', 1)[0] ?? ''}:`
  const lines = wrap(`${mark} ${oneLine(status.summary)}`, widthMax, '  ')
  return lines.map((line, index) =>
    index === 0 ? paint(style.bold(head)) + line.slice(head.length) : line,
  )
}

function pauseBanner(status: ClusterStatus, widthMax: number, style: Style): readonly string[] {
  if (status.paused === null) return []
  const { reason, sinceMs } = status.paused
  const text = `${style.symbols.warning} AUTOMATION IS PAUSED since ${renderDateTime(sinceMs)}: ${oneLine(reason)}`
  return wrap(text, widthMax, '  ').map((line) => style.warn(style.bold(line)))
}

function titleLines(status: ClusterStatus, widthMax: number, style: Style): readonly string[] {
  const { lease } = status
  const parts = [
    style.bold(`Cluster ${status.cluster}`),
    `system ${status.systemId ?? 'unknown'}`,
    lease === null ? 'no lease known' : leaseText(lease),
  ]
  return joinParts(parts, widthMax, style)
}

function leaseText(lease: NonNullable<ClusterStatus['lease']>): string {
  const of = `lease ${lease.holder}, epoch ${lease.epoch}`
  if (lease.state === 'released') return `${of}, released`
  if (lease.remainingMs === 0) return `${of}, run out`
  return `${of}, ${lease.remainingMs} ms left${lease.state === 'preparing' ? ', preparing' : ''}`
}

const nodeColumns: readonly Column[] = [
  { title: 'ID', dropOrder: 1 },
  { title: 'Name' },
  { title: 'Role' },
  { title: 'Status' },
  { title: 'Upstream' },
  { title: 'Timeline', shortTitle: 'TL', align: 'right' },
  { title: 'LSN', align: 'right' },
  { title: 'Lag', align: 'right' },
  { title: 'Sync', dropOrder: 3 },
  { title: 'Address', dropOrder: 2 },
]

/** The table of nodes; also drawn before and after a switchover. */
export function renderNodeTable(
  nodes: readonly NodeStatus[],
  widthMax: number,
  style: Style,
): readonly string[] {
  return renderTable(
    nodeColumns,
    nodes.map((node) => nodeRow(node, style)),
    widthMax,
    style,
  )
}

function nodeRow(node: NodeStatus, style: Style): Row {
  return [
    String(node.id),
    node.role === 'primary' ? style.bold(node.name) : node.name,
    node.role === 'primary' ? style.bold(node.role) : node.role,
    statusCell(node, style),
    node.upstream ?? '-',
    node.timeline === null ? '-' : String(node.timeline),
    node.lsn ?? '-',
    renderBytes(node.lagBytes),
    node.sync ?? '-',
    node.address,
  ]
}

/** `*` primary, blank fine, `~` on its way, `!` contradiction or failed, `?` no answer, `-` stopped. */
function statusCell(node: NodeStatus, style: Style): string {
  if (node.isContradiction) return style.bad('! no lease')
  switch (node.state) {
    case 'running':
      return node.role === 'primary' ? style.good('* running') : '  running'
    case 'streaming':
      return '  streaming'
    case 'failed':
      return style.bad('! failed')
    case 'unreachable':
    case 'frozen':
      return style.bad(`? ${node.state}`)
    case 'stopped':
      return style.warn('- stopped')
    case 'starting':
    case 'waiting':
    case 'bootstrapping':
    case 'cloning':
    case 'rewinding':
    case 'recovering':
    case 'sealed':
    case 'electing':
    case 'promoting':
    case 'stopping':
      return style.warn(`~ ${node.state}`)
  }
}

function connectionLines(status: ClusterStatus, widthMax: number, style: Style): readonly string[] {
  const { write, read } = status.endpoints
  const parts: string[] = []
  if (write !== null) parts.push(`Writes ${style.bold(`${write.host}:${write.port}`)}`)
  if (read !== null) parts.push(`reads ${style.bold(`${read.host}:${read.port}`)}`)
  const vip = (hasVip: boolean | null) => (hasVip === true ? ' with the address' : '')
  const balancers = status.balancers.map((one) => `${one.name} ${one.state}${vip(one.hasVip)}`)
  if (balancers.length > 0) parts.push(`balancer ${balancers.join(', ')}`)
  parts.push(`durability ${durabilityText(status)}`)
  return joinParts(parts, widthMax, style)
}

function durabilityText(status: ClusterStatus): string {
  const { sync, durability } = status
  if (durability === 'async' || sync === null) return durability
  if (sync.count === 0) return `${durability} (commits wait for nobody)`
  return `${durability} (${sync.count} of ${sync.members.join(', ')})`
}

/** A single reason stands in the verdict already; then only its next step is left to say. */
function reasonLines(status: ClusterStatus, widthMax: number, style: Style): readonly string[] {
  const isSaid = status.reasons.length === 1
  const lines = status.reasons.flatMap((reason) => [
    ...(isSaid ? [] : wrap(`${style.symbols.warning} ${oneLine(reason.message)}`, widthMax, '  ')),
    `  ${style.dim(style.symbols.arrow)} ${style.accent(reason.next)}`,
  ])
  return lines.length === 0 ? [] : ['', ...lines]
}

/** Parts with a separator between them, on as few lines as fit. */
function joinParts(parts: readonly string[], widthMax: number, style: Style): readonly string[] {
  const separator = ` ${style.dim(style.symbols.bullet)} `
  const lines: string[] = []
  let line = ''
  for (const part of parts) {
    const candidate = line === '' ? part : line + separator + part
    if (line !== '' && columnsOf(candidate) > widthMax) {
      lines.push(line)
      line = part
    } else {
      line = candidate
    }
  }
  return [...lines, line]
}
