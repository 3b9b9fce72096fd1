import type { Column, ColumnType, StringDictionary } from '@millrace/engine'
import { MillraceError } from '@millrace/std'

/** A field of generated records. `V` is what user code sees. */
export interface FieldSpec<V> {
  readonly type: ColumnType
  /** A column of `capacity` entries and what fills it. */
  createColumn(capacity: number): ColumnMaker
  /** Never set: carries the type. */
  readonly value?: V
}

export interface ColumnMaker {
  readonly column: Column
  /** Fills the entries 0 to `length` for the records `first`, `first + step` …; `seed` differs per field. */
  fill(first: number, step: number, length: number, seed: number): void
}

/** 0, 1, 2 …, or from `start` on: the number of the record. */
export function sequence(start = 0): FieldSpec<number> {
  return numbers('int64', (values, first, step, length) => {
    for (let i = 0; i < length; i++) values[i] = start + first + i * step
  })
}

/** A whole number from `min` to `max`, both included. */
export function randomInt(min: number, max: number): FieldSpec<number> {
  checkRange(Number.isSafeInteger(min) && Number.isSafeInteger(max) && min <= max, `randomInt(${min}, ${max})`)
  const count = max - min + 1
  return numbers('int64', (values, first, step, length, seed) => {
    for (let i = 0; i < length; i++) values[i] = min + Math.floor(fraction(first + i * step, seed) * count)
  })
}

/** A number from `min` to `max`. */
export function randomNumber(min: number, max: number): FieldSpec<number> {
  checkRange(Number.isFinite(min) && Number.isFinite(max) && min <= max, `randomNumber(${min}, ${max})`)
  const width = max - min
  return numbers('float64', (values, first, step, length, seed) => {
    for (let i = 0; i < length; i++) values[i] = min + fraction(first + i * step, seed) * width
  })
}

/** True with the given probability. */
export function randomBoolean(probability = 0.5): FieldSpec<boolean> {
  checkRange(probability >= 0 && probability <= 1, `randomBoolean(${probability})`)
  return {
    type: 'boolean',
    createColumn: (capacity) => {
      const values = new Uint8Array(capacity)
      return {
        column: { kind: 'numbers', values, nulls: undefined },
        fill: (first, step, length, seed) => {
          for (let i = 0; i < length; i++) values[i] = fraction(first + i * step, seed) < probability ? 1 : 0
        },
      }
    },
  }
}

/** One of the given texts. */
export function oneOf(...texts: readonly string[]): FieldSpec<string> {
  checkRange(texts.length > 0, 'oneOf()')
  const dictionary: StringDictionary = { size: texts.length, get: (id) => texts[id] as string }
  return {
    type: 'string',
    createColumn: (capacity) => {
      const ids = new Int32Array(capacity)
      return {
        column: { kind: 'dictionary', ids, dictionary },
        fill: (first, step, length, seed) => {
          for (let i = 0; i < length; i++) ids[i] = Math.floor(fraction(first + i * step, seed) * texts.length)
        },
      }
    },
  }
}

/** `length` lower-case hexadecimal digits. */
export function randomText(length: number): FieldSpec<string> {
  checkRange(Number.isInteger(length) && length >= 0 && length <= 65_536, `randomText(${length})`)
  return {
    type: 'string',
    createColumn: (capacity) => {
      const data = new Uint8Array(capacity * length)
      const starts = Int32Array.from({ length: capacity }, (_, i) => i * length)
      const lengths = new Int32Array(capacity).fill(length)
      return {
        column: { kind: 'bytes', data, starts, lengths },
        fill: (first, step, count, seed) => {
          for (let i = 0; i < count; i++) writeDigits(data, i * length, length, first + i * step, seed)
        },
      }
    },
  }
}

const digits = Uint8Array.from('0123456789abcdef', (digit) => digit.charCodeAt(0))

function writeDigits(data: Uint8Array, start: number, length: number, index: number, seed: number): void {
  let bits = 0
  for (let i = 0; i < length; i++) {
    if (i % 8 === 0) bits = mix(index, seed + i)
    data[start + i] = digits[bits & 15] as number
    bits >>>= 4
  }
}

/** Each kind has a loop of its own: a call per record would put every number on the heap. */
function numbers(
  type: 'int64' | 'float64',
  fill: (values: Float64Array, first: number, step: number, length: number, seed: number) => void,
): FieldSpec<number> {
  return {
    type,
    createColumn: (capacity) => {
      const values = new Float64Array(capacity)
      return {
        column: { kind: 'numbers', values, nulls: undefined },
        fill: (first, step, length, seed) => fill(values, first, step, length, seed),
      }
    },
  }
}

/**
 * 32 bits that depend on the record's number and a seed alone, so that every run, at every parallelism, makes the same
 * records (the finalizer of MurmurHash3 over both halves of the number).
 */
function mix(index: number, seed: number): number {
  let h = Math.imul(seed, 0x9e3779b9) ^ (index >>> 0)
  h = finalize(h) ^ Math.floor(index / 0x1_0000_0000)
  return finalize(h + 0x6d2b79f5) >>> 0
}

function finalize(bits: number): number {
  let h = bits
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return h ^ (h >>> 16)
}

/** From 0 to 1, the end excluded. */
function fraction(index: number, seed: number): number {
  return mix(index, seed) / 0x1_0000_0000
}

function checkRange(isValid: boolean, what: string): void {
  if (isValid) return
  throw new MillraceError('CONNECTOR_BAD_OPTION', {
    message: `${what} is no range of values.`,
    fix: 'Write randomInt(1, 100), randomNumber(0, 1), randomBoolean(0.5), randomText(8) or oneOf(…texts).',
  })
}
