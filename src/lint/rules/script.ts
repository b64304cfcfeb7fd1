// L5xx: backup scripts, archiving, and settings that give durability away.

import { dataFolders, isBelow, nodesOf } from '../database-node.ts'
import type { Deployment } from '../deployment.ts'
import { foundOnce } from '../found-once.ts'
import { perCommand, perScript } from '../frames.ts'
import type { ScriptCommand } from '../parse-script.ts'
import type { FoundSetting, SettingName } from '../parse-settings.ts'
import { type Fault, type Rule, faultAt } from '../rule.ts'
import { type Place, isOpen } from '../source-text.ts'

function settingsNamed(deployment: Deployment, name: SettingName): readonly FoundSetting[] {
  return deployment.settings.filter((setting) => setting.name === name)
}

/** Folders of the database: those of the images, and where compose files mount its volumes. */
const databaseFolders = foundOnce((deployment: Deployment): ReadonlySet<string> => {
  const mounts = nodesOf(deployment)
    .flatMap(({ service }) => service.mounts)
    .filter(({ target }) => isBelow(target, dataFolders))
  return new Set([
    ...dataFolders,
    '$PGDATA',
    '${PGDATA}',
    ...mounts.flatMap(({ source, kind }) => (kind === 'bind' && source !== null ? [source] : [])),
  ])
})

export const scriptRules: readonly Rule[] = [
  {
    id: 'L501',
    severity: 'error',
    title: 'a backup inside of the data directory',
    why: 'It is lost together with the database, and every later backup and clone copies it again.',
    fix: 'pg_basebackup -D on another volume, better on another host',
    check: perCommand(({ expanded, place }, deployment) => {
      const target = backupTarget(expanded)
      // With -R it makes a standby, whose place is the data directory.
      const makesStandby = /\s(-R|--write-recovery-conf)(\s|$)/.test(expanded)
      if (target === null || makesStandby || !isBelow(target, databaseFolders(deployment)))
        return []
      const message = `the backup is written to ${target}, below the database's own folder`
      return [faultAt(place, message, { target })]
    }),
  },
  {
    id: 'L502',
    severity: 'warning',
    title: 'a password in a script',
    why: 'Scripts are copied, committed and shown in process lists, and the password with them.',
    fix: 'a line in ~/.pgpass with mode 600, and nothing in the script',
    check: perCommand(({ text, place }) => {
      const name = passwordIn(text)
      return name === null ? [] : [faultAt(place, `${name} is written in clear`, { name })]
    }),
  },
  {
    id: 'L503',
    severity: 'error',
    title: 'the first node listed as primary is taken for the primary',
    why: 'After a failover the failed one is still listed as primary, so the wrong node is backed up.',
    fix: 'ask each node: psql -XAtc "select not pg_is_in_recovery()", and go on only when exactly one says t',
    check: perScript(({ commands }) => firstPrimary(commands)),
  },
  {
    id: 'L504',
    severity: 'error',
    title: 'archive_command does not keep the WAL',
    why: 'PostgreSQL takes each segment for archived: backups cannot be brought to any later moment.',
    fix: "archive_command = 'test ! -f /archive/%f && cp %p /archive/%f', on another disk",
    check: (deployment) => [
      ...archiveCommands(deployment)
        .filter(({ value }) => discardsWal(value))
        .map(({ value, place }) =>
          value === ''
            ? faultAt(place, 'archive_command is empty: nothing is archived', { value })
            : faultAt(place, `archive_command is ${value}, which keeps nothing`, { value }),
        ),
      ...imageDefaults(deployment),
    ],
  },
  {
    id: 'L505',
    severity: 'error',
    title: 'WAL is archived into the data directory',
    why: 'The archive is lost together with the database, and fills the disk on which it runs.',
    fix: "archive_command = 'test ! -f /archive/%f && cp %p /archive/%f', on another disk",
    check: (deployment) => {
      const folders = databaseFolders(deployment)
      return archiveCommands(deployment).flatMap(({ value, place }) => {
        const target = archiveTarget(value)
        if (target === null) return []
        const isInside =
          isBelow(target, folders) || /(^|\/)pg_(wal|xlog)(\/|$)/.test(target) || isRelative(target)
        if (!isInside) return []
        return [
          faultAt(place, `archive_command writes to ${target}, inside of the database`, { target }),
        ]
      })
    },
  },
  {
    id: 'L506',
    severity: 'warning',
    title: 'a backup script goes on after a failure',
    why: 'A backup that failed is taken for one, and old good ones are removed after it.',
    fix: 'set -euo pipefail, as the first line after #!',
    check: perScript(({ commands }) => {
      const backup = commands.find(({ text }) => /\bpg_(basebackup|dump|dumpall)\b/.test(text))
      const minds = commands.some(({ text }) => /^\s*set\s+(-[a-z]*e|-o\s+errexit)/.test(text))
      const asks = backup !== undefined && /\|\||&&|^\s*if\b/.test(backup.text)
      const asksLater = commands.some(({ text }) => /\$\?/.test(text))
      if (backup === undefined || minds || asks || asksLater) return []
      return [faultAt(backup.place, 'nothing looks whether the backup failed')]
    }),
  },
  {
    id: 'L507',
    severity: 'error',
    title: 'durability is switched off',
    why: 'After a power failure commits are gone, or the database cannot be started at all.',
    fix: 'fsync = on and full_page_writes = on',
    check: (deployment) =>
      deployment.settings
        .filter(({ name }) => name === 'fsync' || name === 'full_page_writes')
        .filter(({ value }) => isOff(value))
        .map(({ name, value, place }) => faultAt(place, `${name} is ${value}`, { name, value })),
  },
  {
    id: 'L508',
    severity: 'warning',
    title: 'an archived segment can be overwritten',
    why: 'A former primary that still writes replaces good WAL in the archive by its own.',
    fix: "archive_command = 'test ! -f /archive/%f && cp %p /archive/%f'",
    check: (deployment) =>
      archiveCommands(deployment)
        .filter(({ value }) => /^cp\s/.test(value) && !/\s(-n|--no-clobber|-i)\s/.test(value))
        .map(({ place }) => faultAt(place, 'archive_command copies without looking what is there')),
  },
  {
    id: 'L509',
    severity: 'warning',
    title: 'a backup without its WAL',
    why: 'It can only be started with WAL of the archive; where that has a hole it is worth nothing.',
    fix: 'pg_basebackup -X stream',
    check: perCommand(({ expanded, place }) =>
      /\bpg_basebackup\b.*\s(-X\s*|--wal-method[=\s])(none|n)(\s|$)/.test(expanded)
        ? [faultAt(place, 'pg_basebackup leaves the WAL out')]
        : [],
    ),
  },
  {
    id: 'L510',
    severity: 'warning',
    title: 'commits are acknowledged before they are on disk',
    why: 'What was acknowledged in the last moments before a crash is lost, and a failover loses it, too.',
    fix: 'synchronous_commit = on; off only for single sessions that can do their work again',
    check: (deployment) =>
      settingsNamed(deployment, 'synchronous_commit')
        .filter(({ value }) => isOff(value))
        .map(({ value, place }) => faultAt(place, `synchronous_commit is ${value}`, { value })),
  },
]

function isOff(value: string): boolean {
  return /^(off|false|no|0)$/i.test(value)
}

function backupTarget(command: string): string | null {
  const match = /\bpg_basebackup\b.*?\s(?:-\w*D\s*|--pgdata(?:=|\s+))(["']?)([^"'\s]+)\1/.exec(
    command,
  )
  return match?.[2]?.replace(/\/+$/, '') ?? null
}

/** The name of what holds a password in clear; null when none does. */
function passwordIn(text: string): string | null {
  const assigned = /\b(\w*(?:PASSWORD|PASSWD)\w*|PGPASS)=(?:"([^"]*)"|'([^']*)'|([^\s;"']+))/i.exec(
    text,
  )
  if (assigned !== null && !/_(FILE|PATH)$|PASSFILE/i.test(assigned[1] ?? '')) {
    const value = assigned[2] ?? assigned[3] ?? assigned[4] ?? ''
    if (isLiteral(value)) return assigned[1] ?? null
  }
  const inUrl = /\bpostgres(?:ql)?:\/\/[^\s:@/"']+:([^\s@"']+)@/.exec(text)
  return inUrl !== null && isLiteral(inUrl[1] ?? '') ? 'the password of a connection string' : null
}

/** Not from a variable, a command or a template; the default of a variable is as clear as a value. */
function isLiteral(value: string): boolean {
  const fallback = /^\$\{\w+:?-([^}]+)\}$/.exec(value)
  if (fallback !== null) return isLiteral(fallback[1] ?? '')
  return value !== '' && !isOpen(value) && !/^[*x.]+$|^</.test(value)
}

/** Words that show that the state of the node was asked for, too. */
const stateWords = /running|failed|unreachable|pg_is_in_recovery|\\\*/

function firstPrimary(commands: readonly ScriptCommand[]): readonly Fault[] {
  const listing = commands.find(({ expanded }) => /\bcluster\s+show\b/.test(expanded))
  if (listing === undefined) return []
  return commands
    .filter(({ text }) => /primary/i.test(text) && /\b(grep|awk|sed)\b/.test(text))
    .filter(({ text }) => !stateWords.test(text))
    .slice(0, 1)
    .map(({ place }) =>
      faultAt(place, 'of `repmgr cluster show` the first line with "primary" is taken'),
    )
}

/** Where archiving is switched off in the same file, the command does not matter. */
function archiveCommands(deployment: Deployment): readonly FoundSetting[] {
  const off = new Set(
    settingsNamed(deployment, 'archive_mode')
      .filter(({ value }) => isOff(value))
      .map(({ place }) => place.file),
  )
  return settingsNamed(deployment, 'archive_command').filter(({ place, value }) => {
    return !off.has(place.file) && !isOpen(value)
  })
}

function discardsWal(command: string): boolean {
  const bare = command.trim().replace(/;\s*$/, '')
  return (
    /^$|^(\/usr)?(\/bin\/)?true$|^:$|^exit 0$|^cd \.$|^echo\b[^>|]*$/.test(bare) ||
    /(>|\s)\/dev\/null\s*$/.test(bare.replace(/\d?>&?\s*\/dev\/null/g, ''))
  )
}

/** Where `%f` is written to; null when it is not a plain copy to this machine. */
function archiveTarget(command: string): string | null {
  const target = command
    .split(/\s+/)
    .map((word) => word.replaceAll(/["']/g, ''))
    .findLast((word) => word.includes('%f'))
  if (target === undefined || /^\w[\w.@-]*:/.test(target) || target === '%f') return null
  return /\b(cp|mv|rsync|install|ln|gzip|zstd|lz4)\b/.test(command)
    ? target.replace(/^>+/, '')
    : null
}

/** Relative paths start in the data directory. */
function isRelative(path: string): boolean {
  return !/^[/%$~«]/.test(path)
}

/** The image's own archive_command, where nothing is seen that changes it. */
function imageDefaults(deployment: Deployment): readonly Fault[] {
  if (settingsNamed(deployment, 'archive_command').length > 0) return []
  return deployment.compose.flatMap((compose) => {
    const place = compose.services
      .flatMap((service): Place[] => {
        const image = service.image?.value ?? ''
        const hasConfiguration = service.mounts.some(({ target }) =>
          /\/conf(\.d)?(\/|$)/.test(target),
        )
        const isSuch =
          /bitnami(legacy|secure)?\/postgresql-repmgr/.test(image) &&
          !hasConfiguration &&
          service.isWhole
        return isSuch && service.image !== null ? [service.image.place] : []
      })
      .slice(0, 1)
    return place.map((at) =>
      faultAt(at, 'the image sets archive_command to /bin/true, and nothing here changes it', {
        value: '/bin/true',
      }),
    )
  })
}
