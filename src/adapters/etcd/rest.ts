// A pause that a signal can end early.

/**
 * Resolves after `durationMs`, or as soon as `signal` aborts; never rejects.
 * @param options.isBackground true: the pause alone does not keep the process alive
 */
export function rest(
  durationMs: number,
  signal?: AbortSignal,
  options: { readonly isBackground: boolean } = { isBackground: false },
): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted === true) {
      resolve()
      return
    }
    const end = (): void => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', end)
      resolve()
    }
    const timer = setTimeout(end, Math.max(0, durationMs))
    if (options.isBackground) timer.unref()
    signal?.addEventListener('abort', end, { once: true })
  })
}
