import { MillraceError } from '@millrace/std'

const CHUNK = 256

/**
 * What a flatMap function gave for one record, in arrays: what it collected, then what it returned. An iterable is
 * drawn in chunks, so that a long one needs no memory of its own.
 */
export class FlatMapCursor {
  readonly #collected: unknown[] = []
  #returned: unknown
  #iterator: Iterator<unknown> | undefined
  #chunk: unknown[] = []
  /** Given to the function. */
  readonly collector = { collect: (value: unknown): void => void this.#collected.push(value) }

  /** Begins with what a call returned; gives the first array. Whoever called reads it to its end before `next`. */
  first(returned: unknown): readonly unknown[] {
    if (this.#collected.length > 0) {
      this.#returned = returned
      return this.#collected.splice(0)
    }
    return this.#begin(returned)
  }

  /** The next array, empty when there is no more. */
  next(): readonly unknown[] {
    if (this.#iterator !== undefined) return this.#draw(this.#iterator)
    const returned = this.#returned
    this.#returned = undefined
    return this.#begin(returned)
  }

  /** Whether the function collected anything: its result is then not all. */
  get hasCollected(): boolean {
    return this.#collected.length > 0
  }

  #begin(returned: unknown): readonly unknown[] {
    if (returned === undefined || returned === null) return []
    if (Array.isArray(returned)) return returned
    const iterable = returned as Partial<Iterable<unknown>>
    if (typeof iterable[Symbol.iterator] !== 'function') throw notIterable(returned)
    this.#iterator = (iterable as Iterable<unknown>)[Symbol.iterator]()
    return this.#draw(this.#iterator)
  }

  #draw(iterator: Iterator<unknown>): readonly unknown[] {
    this.#chunk.length = 0
    while (this.#chunk.length < CHUNK) {
      const { done, value } = iterator.next()
      if (done) {
        this.#iterator = undefined
        break
      }
      this.#chunk.push(value)
    }
    return this.#chunk
  }
}

function notIterable(returned: unknown): MillraceError {
  if (isPromise(returned)) return promiseReturned('flatMap()')
  return new MillraceError('API_NOT_ITERABLE', {
    message: `The function of flatMap() returned ${typeof returned === 'object' ? 'an object' : `a ${typeof returned}`}, which cannot be iterated.`,
    fix: 'Return an array or another iterable of records, or use map() when there is one record out for each one in.',
  })
}

export function isPromise(value: unknown): boolean {
  return typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function'
}

export function promiseReturned(method: string): MillraceError {
  return new MillraceError('API_PROMISE_RETURNED', {
    message: `The function of ${method} returned a promise, but it must return its result at once: nothing would wait for it.`,
    fix: 'Remove async from the function; work that must wait belongs into a source or a sink.',
  })
}
