// Everything that was read, taken together: what rules look at.

import { type ComposeFile, parseCompose, withoutBases } from './parse-compose.ts'
import { type EnvFile, parseEnv } from './parse-env.ts'
import { type HaproxyFile, parseHaproxy } from './parse-haproxy.ts'
import { type KeepalivedFile, parseKeepalived } from './parse-keepalived.ts'
import { type ScriptFile, parseScript } from './parse-script.ts'
import { type FoundSetting, parseSettings } from './parse-settings.ts'
import { type FileKind, recogniseKind } from './recognise.ts'
import type { LintFile, ReadProblem } from './source-text.ts'
import { type Steps, stepByStep } from './steps.ts'

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
 * Takes the files apart, one in each step. Never throws: what cannot be read becomes a problem.
 * @param unreadable files that could not even be opened
 */
export function* readDeployment(
  files: readonly LintFile[],
  unreadable: readonly ReadProblem[] = [],
): Steps<Deployment> {
  const recognised = files.flatMap((file): RecognisedFile[] => {
    const kind = recogniseKind(file)
    return kind === null ? [] : [{ ...file, kind }]
  })
  const known = new Set(recognised.map(({ path }) => path))
  // What is of no kind by itself may be a part of another file.
  const all = [...recognised, ...files.filter(({ path }) => !known.has(path))]
  const ofKind = (kind: FileKind) => recognised.filter((file) => file.kind === kind)
  const everyKeepalived = yield* stepByStep(ofKind('keepalived'), (file) =>
    parseKeepalived(file, ofKind('keepalived')),
  )
  const keepalived = withoutParts(everyKeepalived)
  const env = yield* stepByStep(ofKind('env'), parseEnv)
  const compose = withoutBases(
    yield* stepByStep(ofKind('compose'), (file) => parseCompose(file, env, all)),
  )
  const settings = yield* stepByStep(recognised, (file) =>
    parseSettings(file, file.kind === 'postgres'),
  )
  return {
    files: recognised,
    haproxy: yield* stepByStep(ofKind('haproxy'), parseHaproxy),
    keepalived,
    compose,
    env,
    scripts: yield* stepByStep(ofKind('script'), parseScript),
    settings: settings.flat(),
    problems: [
      ...unreadable,
      ...[...keepalived, ...env, ...compose].flatMap(({ problems }) => problems),
    ],
  }
}

/** What another file includes is no balancer of its own, unless each includes the other. */
function withoutParts(files: readonly KeepalivedFile[]): readonly KeepalivedFile[] {
  return files.filter(({ file, included }) =>
    files.every((other) => !other.included.includes(file) || included.includes(other.file)),
  )
}
