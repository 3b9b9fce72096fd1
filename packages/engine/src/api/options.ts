import { MillraceError, suggest } from '@millrace/std'

/**
 * Refuses a misspelt option with the one that was probably meant.
 *
 * @param where names the call in the error: `fromSource()`
 * @throws MillraceError `API_UNKNOWN_OPTION`, `API_BAD_OPTIONS`
 */
export function checkOptions(given: object | undefined, known: readonly string[], where: string): void {
  if (given === undefined) return
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    throw new MillraceError('API_BAD_OPTIONS', {
      message: `${where} takes its options as an object, not ${describe(given)}.`,
      fix: `Write them by name: { ${known[0]}: … }. Known are ${known.map((name) => `'${name}'`).join(', ')}.`,
    })
  }
  for (const key of Object.keys(given)) {
    if (known.includes(key)) continue
    const meant = suggest(key, known)
    throw new MillraceError('API_UNKNOWN_OPTION', {
      message: `${where} has no option '${key}'.`,
      fix: meant ? `Did you mean '${meant}'?` : `Its options are ${known.map((name) => `'${name}'`).join(', ')}.`,
    })
  }
}

/**
 * Refuses what is not a function, and a function that is known to return a promise: records are processed in batches,
 * a promise per record would be emitted as if it were the record.
 *
 * @throws MillraceError `API_NOT_A_FUNCTION`, `API_ASYNC_CALLBACK`
 */
export function checkCallback(fn: unknown, where: string): void {
  if (typeof fn !== 'function') {
    throw new MillraceError('API_NOT_A_FUNCTION', {
      message: `${where} needs a function, not ${describe(fn)}.`,
      fix: `Pass a function of the record: ${where.replace(/\(.*$/, '')}((record) => …).`,
    })
  }
  const kind = fn.constructor.name
  if (kind === 'AsyncFunction' || kind === 'AsyncGeneratorFunction') {
    throw new MillraceError('API_ASYNC_CALLBACK', {
      message: `${where} was given an async function: it returns a promise, not the record.`,
      fix: 'Make it a plain function. Work that must wait belongs into a source, a sink, or a step before the job.',
    })
  }
}

/**
 * What a callback returned, unless that is a promise: checkCallback() only sees functions that are declared async.
 *
 * @throws MillraceError `API_PROMISE_RETURNED`
 */
export function refusePromise<R>(result: R, where: string): R {
  if (!(result instanceof Promise)) return result
  throw new MillraceError('API_PROMISE_RETURNED', {
    message: `${where} returned a promise: it would be emitted as if it were the record.`,
    fix: 'Return the result itself; work that must wait belongs into a source or a sink.',
  })
}

export function describe(value: unknown): string {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'an array'
  if (typeof value === 'object') {
    const name = value.constructor?.name
    return name && name !== 'Object' ? `a ${name}` : 'an object'
  }
  return typeof value === 'string'
    ? `the string '${value}'`
    : `${typeof value === 'undefined' ? '' : `the ${typeof value} `}${String(value)}`
}
