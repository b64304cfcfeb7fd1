// `${NAME}`, `${NAME:-default}` and their relatives in a compose file. Pure; never throws.

export type Interpolation = {
  readonly value: string
  /** Names that neither have a value nor a default. */
  readonly missing: readonly string[]
}

const reference = /\$(?:\$|([A-Za-z_]\w*)|\{([A-Za-z_]\w*)(?:(:?[-?+])((?:[^{}]|\{[^{}]*\})*))?\})/g

/** References inside defaults are followed this deep. */
const depthMax = 4

/** @param variables what the .env file says */
export function interpolate(
  text: string,
  variables: ReadonlyMap<string, string>,
  depth = 0,
): Interpolation {
  const missing: string[] = []
  const value = text.replaceAll(
    reference,
    (all, plain: string | undefined, braced: string | undefined, operator = '', word = '') => {
      if (all === '$$') return '$'
      const name = plain ?? braced ?? ''
      const known = variables.get(name)
      const isSet = known !== undefined && (known !== '' || !String(operator).startsWith(':'))
      const follow = () => {
        if (depth >= depthMax) return ''
        const inner = interpolate(String(word), variables, depth + 1)
        missing.push(...inner.missing)
        return inner.value
      }
      if (String(operator).endsWith('+')) return isSet ? follow() : ''
      if (isSet) return known
      if (String(operator).endsWith('-')) return follow()
      // With `?` compose refuses to start and says so itself.
      if (!String(operator).endsWith('?')) missing.push(name)
      return known ?? (String(operator).endsWith('?') ? all : '')
    },
  )
  return { value, missing }
}
