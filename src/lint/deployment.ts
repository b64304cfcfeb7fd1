// Everything that was read, taken together: what rules look at.

import { type ComposeFile, parseCompose } from './parse-compose.ts'
import { type EnvFile, parseEnv } from './parse-env.ts'
import { type HaproxyFile, parseHaproxy } from './parse-haproxy.ts'
import { type KeepalivedFile, parseKeepalived } from './parse-keepalived.ts'
import { type ScriptFile, parseScript } from './parse-script.ts'
import { type FoundSetting, parseSettings } from './parse-settings.ts'
import { type FileKind, recogniseKind } from './recognise.ts'
import type { LintFile, ReadProblem } from './source-text.ts'

export type RecognisedFile = LintFile & { readonly kind: FileKind }

export type Deployment = {
  readonly files: readonly RecognisedFile[]
  readonly haproxy: readonly HaproxyFile[]
  readonly keepalived: readonly KeepalivedFile[]
  readonly compose: readonly ComposeFile[]
  readonly env: readonly EnvFile[]
  readonly scripts: readonly ScriptFile[]
  readonly settings: readonly FoundSetting[]
  /** What could not be read. */
  readonly problems: readonly ReadProblem[]
}

/**
 * Takes the files apart. Never throws: what cannot be read becomes a problem.
 * @param unreadable files that could not even be opened
 */
export function readDeployment(
  files: readonly LintFile[],
  unreadable: readonly ReadProblem[] = [],
): Deployment {
  const recognised = files.flatMap((file): RecognisedFile[] => {
    const kind = recogniseKind(file)
    return kind === null ? [] : [{ ...file, kind }]
  })
  const ofKind = (kind: FileKind) => recognised.filter((file) => file.kind === kind)
  const everyKeepalived = ofKind('keepalived').map((file, _, all) => parseKeepalived(file, all))
  // What another file includes is no balancer of its own, unless each includes the other.
  const keepalived = everyKeepalived.filter(({ file, included }) =>
    everyKeepalived.every(
      (other) => !other.included.includes(file) || included.includes(other.file),
    ),
  )
  const env = ofKind('env').map(parseEnv)
  const compose = ofKind('compose').map((file) => parseCompose(file, env))
  return {
    files: recognised,
    haproxy: ofKind('haproxy').map(parseHaproxy),
    keepalived,
    compose,
    env,
    scripts: ofKind('script').map(parseScript),
    settings: recognised.flatMap(parseSettings),
    problems: [
      ...unreadable,
      ...[...keepalived, ...env, ...compose].flatMap(({ problems }) => problems),
    ],
  }
}
