import { deserialize, serialize } from 'node:v8'
import { MillraceError } from '@millrace/std'
import type { BinaryReader, BinaryWriter } from './binary.ts'

/**
 * How values of state are written into snapshots. `id` and `version` are kept with the bytes; `read` gets the version
 * that wrote them and understands every version up to its own. To change a format: raise `version`, write the new form,
 * keep the branch that reads the old one.
 */
export interface TypeSerializer<T = unknown> {
  readonly id: string
  readonly version: number
  write(value: T, out: BinaryWriter): void
  read(input: BinaryReader, version: number): T
}

const Tag = {
  undefined: 0,
  null: 1,
  false: 2,
  true: 3,
  /** varint, then the sign is in the tag */
  whole: 4,
  negativeWhole: 5,
  float64: 6,
  bigint: 7,
  string: 8,
  date: 9,
  bytes: 10,
  array: 11,
  object: 12,
  map: 13,
  set: 14,
  /** node:v8, for typed arrays, errors, cyclic values and other rare ones */
  structured: 15,
} as const

/** Nesting beyond this goes to node:v8, which also follows cycles. */
const MAX_DEPTH = 64

/**
 * Any plain value: what JSON can hold, plus undefined, bigint, Date, bytes, Map, Set and, through node:v8's structured
 * clone, typed arrays and errors. Functions, symbols and instances of classes are refused: they would come back changed.
 */
export const valueSerializer: TypeSerializer = {
  id: 'value',
  version: 1,
  write: (value, out) => writeValue(value, out, 0),
  read: (input) => readValue(input),
}

function writeValue(value: unknown, out: BinaryWriter, depth: number): void {
  switch (typeof value) {
    case 'undefined':
      return out.byte(Tag.undefined)
    case 'boolean':
      return out.byte(value ? Tag.true : Tag.false)
    case 'number':
      return writeNumber(value, out)
    case 'bigint':
      out.byte(Tag.bigint)
      return out.string(value.toString(16))
    case 'string':
      // A lone surrogate does not survive UTF-8.
      if (!value.isWellFormed()) return writeStructured(value, out)
      out.byte(Tag.string)
      return out.string(value)
    case 'object':
      return writeObject(value, out, depth)
    default:
      throw unserializable(`a ${typeof value}`)
  }
}

function writeNumber(value: number, out: BinaryWriter): void {
  if (Number.isSafeInteger(value) && !Object.is(value, -0)) {
    out.byte(value < 0 ? Tag.negativeWhole : Tag.whole)
    out.varint(Math.abs(value))
  } else {
    out.byte(Tag.float64)
    out.float64(value)
  }
}

function writeObject(value: object | null, out: BinaryWriter, depth: number): void {
  if (value === null) return out.byte(Tag.null)
  if (depth > MAX_DEPTH) return writeStructured(value, out)
  if (Array.isArray(value)) {
    out.byte(Tag.array)
    out.varint(value.length)
    for (let i = 0; i < value.length; i++) writeValue(value[i], out, depth + 1)
    return
  }
  const prototype = Object.getPrototypeOf(value)
  if (prototype === Object.prototype || prototype === null) {
    const names = Object.keys(value)
    out.byte(Tag.object)
    out.varint(names.length)
    for (const name of names) {
      out.string(name)
      writeValue((value as Record<string, unknown>)[name], out, depth + 1)
    }
    return
  }
  if (value instanceof Date) {
    out.byte(Tag.date)
    return out.float64(value.getTime())
  }
  if (prototype === Uint8Array.prototype || prototype === Buffer.prototype) {
    out.byte(Tag.bytes)
    return out.bytes(value as Uint8Array)
  }
  if (prototype === Map.prototype) {
    out.byte(Tag.map)
    out.varint((value as Map<unknown, unknown>).size)
    for (const [key, entry] of value as Map<unknown, unknown>) {
      writeValue(key, out, depth + 1)
      writeValue(entry, out, depth + 1)
    }
    return
  }
  if (prototype === Set.prototype) {
    out.byte(Tag.set)
    out.varint((value as Set<unknown>).size)
    for (const entry of value as Set<unknown>) writeValue(entry, out, depth + 1)
    return
  }
  writeStructured(value, out)
}

function writeStructured(value: unknown, out: BinaryWriter): void {
  if (typeof value === 'object' && value !== null && !isStructured(value)) {
    throw unserializable(`an instance of ${value.constructor?.name || 'a class'}`)
  }
  let bytes: Uint8Array
  try {
    bytes = serialize(value)
  } catch (cause) {
    throw unserializable('a value that cannot be cloned', cause)
  }
  out.byte(Tag.structured)
  out.bytes(bytes)
}

function isStructured(value: object): boolean {
  const prototype = Object.getPrototypeOf(value)
  return (
    Array.isArray(value) ||
    prototype === Object.prototype ||
    prototype === null ||
    value instanceof Date ||
    value instanceof Map ||
    value instanceof Set ||
    value instanceof Error ||
    value instanceof RegExp ||
    value instanceof ArrayBuffer ||
    ArrayBuffer.isView(value)
  )
}

function readValue(input: BinaryReader): unknown {
  const tag = input.byte()
  switch (tag) {
    case Tag.undefined:
      return undefined
    case Tag.null:
      return null
    case Tag.false:
      return false
    case Tag.true:
      return true
    case Tag.whole:
      return input.varint()
    case Tag.negativeWhole:
      return -input.varint()
    case Tag.float64:
      return input.float64()
    case Tag.bigint: {
      const text = input.string()
      return text.startsWith('-') ? -BigInt(`0x${text.slice(1)}`) : BigInt(`0x${text}`)
    }
    case Tag.string:
      return input.string()
    case Tag.date:
      return new Date(input.float64())
    case Tag.bytes:
      return input.bytes()
    case Tag.array: {
      const count = input.count()
      const array: unknown[] = []
      for (let i = 0; i < count; i++) array.push(readValue(input))
      return array
    }
    case Tag.object: {
      const count = input.count()
      const object: Record<string, unknown> = {}
      for (let i = 0; i < count; i++) {
        const name = input.string()
        const value = readValue(input)
        if (name === '__proto__') {
          Object.defineProperty(object, name, { value, enumerable: true, configurable: true, writable: true })
        } else object[name] = value
      }
      return object
    }
    case Tag.map: {
      const count = input.count()
      const map = new Map<unknown, unknown>()
      for (let i = 0; i < count; i++) {
        const key = readValue(input)
        map.set(key, readValue(input))
      }
      return map
    }
    case Tag.set: {
      const count = input.count()
      const set = new Set<unknown>()
      for (let i = 0; i < count; i++) set.add(readValue(input))
      return set
    }
    case Tag.structured:
      return deserialize(input.bytes())
    default:
      throw new MillraceError('STATE_SNAPSHOT_CORRUPT', {
        message: `The state snapshot is damaged: unknown value tag ${tag}.`,
        fix: 'Restore from an earlier checkpoint.',
      })
  }
}

function unserializable(what: string, cause?: unknown): MillraceError {
  return new MillraceError('STATE_NOT_SERIALIZABLE', {
    message: `State holds ${what}, which a snapshot cannot keep.`,
    fix: 'Keep plain objects, arrays, Map, Set, Date, bytes, strings and numbers in state.',
    cause,
  })
}
