// What the node must not forget (promise, incarnation, system identifier), in `state.json` beside the
// data directory. `openLocalState(file)` reads it once; every save is on disk before it returns. The file
// also says where it lies itself, so that a copy of it is known as one.

import type { FileHandle } from 'node:fs/promises'
import type { Epoch } from '../../core/names.ts'
import { PgherdError, messageOf } from '../../lib/errors.ts'
import { isCopy, placeOf } from '../../host/file-place.ts'
import { readFileIfPresent, writeFileAtomic } from '../../host/files.ts'
import type { LocalState, LocalStateRecord } from '../../ports/local-state.ts'

const format = 1

const nothingKnown: LocalStateRecord = {
  promise: null,
  incarnation: null,
  systemId: null,
  suspendedUntil: null,
  primaryEpoch: null,
}

/**
 * Reads the state of a node; a missing file is a node that knows nothing yet.
 * @param file path of `state.json`; its directory must exist
 * @throws PgherdError PGHERD_STATE_CORRUPT when the file is not what `save` writes: a forgotten promise
 *   could lose commits, so nothing is guessed
 */
export async function openLocalState(file: string): Promise<LocalState> {
  const text = await readFileIfPresent(file)
  let current = text === null ? nothingKnown : parseLocalState(text, file)
  let lastSave: Promise<void> = Promise.resolve()

  async function write(changes: Partial<LocalStateRecord>): Promise<void> {
    const next = mergeState(current, changes)
    try {
      const render = async (handle: FileHandle): Promise<string> =>
        `${JSON.stringify({ format, ...next, place: await placeOf(handle) }, null, 2)}\n`
      await writeFileAtomic(file, render, { mode: 0o600 })
    } catch (error) {
      throw new PgherdError({
        code: 'PGHERD_STATE_UNWRITABLE',
        reason: 'system',
        message: `cannot write the node's state file ${file}`,
        because: messageOf(error),
        hint: 'free space or repair the file system; the node makes no promise that it cannot keep',
        cause: error,
      })
    }
    current = next
  }

  return {
    get: () => current,
    save: (changes) => {
      const save = lastSave.then(() => write(changes))
      lastSave = save.catch(() => undefined)
      return save
    },
  }
}

/** `current` with `changes`; a promise never goes down. */
export function mergeState(
  current: LocalStateRecord,
  changes: Partial<LocalStateRecord>,
): LocalStateRecord {
  const promise = highest(current.promise, changes.promise ?? null)
  return { ...current, ...changes, promise }
}

function highest(left: Epoch | null, right: Epoch | null): Epoch | null {
  if (left === null || right === null) return left ?? right
  return left > right ? left : right
}

/** @throws PgherdError PGHERD_STATE_CORRUPT */
export function parseLocalState(text: string, file: string): LocalStateRecord {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw corrupt(file, messageOf(error))
  }
  if (typeof value !== 'object' || value === null) throw corrupt(file, 'it holds no object')
  const fields = value as Record<string, unknown>
  if (fields['format'] !== format) {
    throw corrupt(file, `its format is ${JSON.stringify(fields['format'])}, expected ${format}`)
  }
  const check = (name: string, isValid: (field: unknown) => boolean): void => {
    const field = fields[name]
    if (field !== null && !isValid(field)) throw corrupt(file, `its field ${name} is damaged`)
  }
  const isCount = (field: unknown): boolean => Number.isSafeInteger(field) && Number(field) >= 0
  const isText = (field: unknown): boolean => typeof field === 'string' && field !== ''
  check('promise', isCount)
  check('primaryEpoch', isCount)
  check('incarnation', isText)
  check('systemId', isText)
  check('suspendedUntil', isSuspension)
  const { promise, incarnation, systemId, suspendedUntil, primaryEpoch } =
    fields as unknown as LocalStateRecord
  return { promise, incarnation, systemId, suspendedUntil, primaryEpoch }
}

/**
 * Whether this is a copy of the file that an agent wrote: put back from a backup, or of another node. What it
 * promises may be older than what was promised. A file of a version that did not look is taken as it is.
 */
export async function isCopiedState(file: string): Promise<boolean> {
  const text = await readFileIfPresent(file)
  const now = await placeOf(file)
  if (text === null || now === null) return false
  const { place } = JSON.parse(text) as { readonly place?: unknown }
  return typeof place === 'string' && isCopy(place, now)
}

function isSuspension(field: unknown): boolean {
  if (typeof field !== 'object' || field === null) return false
  const { timeline, lsn } = field as { timeline?: unknown; lsn?: unknown }
  return Number.isSafeInteger(timeline) && (lsn === null || Number.isSafeInteger(lsn))
}

function corrupt(file: string, because: string): PgherdError {
  return new PgherdError({
    code: 'PGHERD_STATE_CORRUPT',
    reason: 'localState',
    message: `the node's state file ${file} is damaged`,
    because,
    hint:
      'restore it from a backup of this very node, or remove the node and let it join anew ' +
      '(its data directory is then no evidence); do not delete the file alone',
  })
}
