import { MillraceError, preview } from '@millrace/std'

/**
 * Hashes of keys as Java's `hashCode` computes them, so that a key lands in the same key group as in Apache Flink:
 * https://docs.oracle.com/en/java/javase/21/docs/api/java.base/java/lang/String.html#hashCode()
 * A whole number within 32 bits hashes as `int`, any other number as `long` or `double`, a bigint as `long`, a tuple as
 * Flink's `TupleN`, a flat object as a `Map` of its fields. The same in every process and for ever: snapshots depend on it.
 */
export function hashKey(key: unknown): number {
  if (typeof key !== 'object' || key === null) return hashPrimitive(key)
  const prototype: unknown = Object.getPrototypeOf(key)
  if (prototype === Array.prototype) return hashTuple(key as readonly unknown[], 31)
  if (prototype === Object.prototype || prototype === null) return hashObject(key as Record<string, unknown>)
  return hashPrimitive(key)
}

/**
 * A hash for tables in memory, which no snapshot depends on. Java's factor of 31 gives pairs of small numbers few distinct
 * hashes; this one spreads them. Refuses what {@link hashKey} refuses.
 */
export function tagOf(key: unknown): number {
  if (typeof key !== 'object' || key === null) return hashPrimitive(key)
  const prototype: unknown = Object.getPrototypeOf(key)
  if (prototype === Array.prototype) return hashTuple(key as readonly unknown[], 0x85ebca6b)
  if (prototype !== Object.prototype && prototype !== null) return hashPrimitive(key)
  let tag = 0
  for (const name of Object.keys(key)) {
    const value = hashPrimitive((key as Record<string, unknown>)[name])
    tag = (tag + murmur(hashString(name) + Math.imul(value, 0x85ebca6b))) | 0
  }
  return tag
}

function hashPrimitive(key: unknown): number {
  switch (typeof key) {
    case 'number':
      return hashNumber(key)
    case 'string':
      return hashString(key)
    case 'boolean':
      return key ? 1231 : 1237
    case 'undefined':
      return 0
    case 'bigint':
      return hashBigint(key)
    case 'object': {
      if (key === null) return 0
      const prototype: unknown = Object.getPrototypeOf(key)
      if (prototype === Date.prototype) return hashLong((key as Date).getTime())
      if (isBytesPrototype(prototype)) return hashBytes(key as Uint8Array)
    }
  }
  throw badKey(key)
}

const floatView = new Float64Array(1)
const wordView = new Int32Array(floatView.buffer)

function hashNumber(value: number): number {
  if ((value | 0) === value) return value | 0
  if (Number.isInteger(value) && Math.abs(value) < 0x8000_0000_0000_0000) return hashLong(value)
  // NaN has many bit patterns but is one key.
  floatView[0] = value === value ? value : Number.NaN
  return (wordView[0] as number) ^ (wordView[1] as number)
}

/** Java's Long.hashCode of a whole number below 2^63. */
function hashLong(value: number): number {
  if (value !== value) return hashNumber(value)
  const high = Math.floor(value / 0x1_0000_0000)
  return (value - high * 0x1_0000_0000) ^ high
}

function hashBigint(value: bigint): number {
  let rest = value
  let hash = 0
  // One turn for 64 bits; a wider bigint folds its further words in.
  do {
    hash = (Math.imul(hash, 31) + (Number(BigInt.asIntN(32, rest)) ^ Number(BigInt.asIntN(32, rest >> 32n)))) | 0
    rest >>= 64n
  } while (rest !== 0n && rest !== -1n)
  return hash
}

function hashString(value: string): number {
  let hash = 0
  for (let i = 0; i < value.length; i++) hash = (Math.imul(hash, 31) + value.charCodeAt(i)) | 0
  return hash
}

function hashBytes(value: Uint8Array): number {
  let hash = 1
  for (let i = 0; i < value.length; i++) hash = (Math.imul(hash, 31) + (((value[i] as number) << 24) >> 24)) | 0
  return hash
}

function hashTuple(key: readonly unknown[], factor: number): number {
  if (key.length === 0) return 0
  let hash = hashPrimitive(key[0])
  for (let i = 1; i < key.length; i++) hash = (Math.imul(hash, factor) + hashPrimitive(key[i])) | 0
  return hash
}

/** Independent of the order of the fields. */
function hashObject(key: Record<string, unknown>): number {
  let hash = 0
  for (const name of Object.keys(key)) hash = (hash + (hashString(name) ^ hashPrimitive(key[name]))) | 0
  return hash
}

function isBytesPrototype(prototype: unknown): boolean {
  return prototype === Uint8Array.prototype || prototype === Buffer.prototype
}

/** MurmurHash3 of one 32-bit word, made non-negative: spreads hashes that differ in few bits. */
export function murmur(word: number): number {
  let hash = Math.imul(word, 0xcc9e2d51)
  hash = Math.imul((hash << 15) | (hash >>> 17), 0x1b873593)
  hash = (Math.imul((hash << 13) | (hash >>> 19), 5) + 0xe6546b64) | 0
  hash ^= 4
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  hash ^= hash >>> 16
  if (hash >= 0) return hash
  return hash === -0x8000_0000 ? 0 : -hash
}

/** Equal by value. Both must be keys: of what `hashKey` accepts. 0 equals -0, NaN equals NaN; 1, '1' and 1n differ. */
export function keysEqual(a: unknown, b: unknown): boolean {
  if (a === b) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return a !== a && b !== b
  if (a instanceof Date) return b instanceof Date && keysEqual(a.getTime(), b.getTime())
  if (b instanceof Date) return false
  if (a instanceof Uint8Array) return b instanceof Uint8Array && Buffer.compare(a, b) === 0
  if (b instanceof Uint8Array) return false
  if (Array.isArray(a)) {
    if (!Array.isArray(b) || a.length !== b.length) return false
    for (let i = 0; i < a.length; i++) if (!keysEqual(a[i], b[i])) return false
    return true
  }
  if (Array.isArray(b)) return false
  const names = Object.keys(a)
  if (names.length !== Object.keys(b).length) return false
  for (const name of names) {
    if (!Object.hasOwn(b, name)) return false
    if (!keysEqual((a as Record<string, unknown>)[name], (b as Record<string, unknown>)[name])) return false
  }
  return true
}

/** A copy that nobody else can change: of dates and bytes, and of tuples and objects around them. */
export function copyKey(key: unknown): unknown {
  if (typeof key !== 'object' || key === null) return key
  if (Array.isArray(key)) return key.map(copyPrimitive)
  const prototype: unknown = Object.getPrototypeOf(key)
  if (prototype !== Object.prototype && prototype !== null) return copyPrimitive(key)
  return Object.fromEntries(Object.entries(key).map(([name, value]) => [name, copyPrimitive(value)]))
}

/** Part of a string keeps the whole string in memory (V8 slices from 13 characters on): a key must not. */
export function copyString(text: string): string {
  if (text.length < 13) return text
  const copy = Buffer.from(text, 'latin1').toString('latin1')
  return copy === text ? copy : Buffer.from(text, 'utf16le').toString('utf16le')
}

function copyPrimitive(key: unknown): unknown {
  if (key instanceof Date) return new Date(key.getTime())
  if (key instanceof Uint8Array) return Uint8Array.prototype.slice.call(key)
  if (typeof key === 'string') return copyString(key)
  return key
}

export function badKey(key: unknown): MillraceError {
  if (typeof (key as { then?: unknown } | null)?.then === 'function') {
    return new MillraceError('STATE_BAD_KEY', {
      message: 'keyBy got a promise as a key.',
      fix: 'A key selector must return the key itself, not a promise: remove `async` from it and compute what needs waiting for before keyBy.',
    })
  }
  return new MillraceError('STATE_BAD_KEY', {
    message: `${describe(key)} cannot be a key, nor a part of one.`,
    fix: 'Return a string, number, bigint, boolean, Date, Uint8Array, null, or an array or plain object of these, for example (order) => [order.customer, order.country].',
  })
}

function describe(value: unknown): string {
  if (typeof value === 'function') return 'A function'
  if (typeof value === 'symbol') return 'A symbol'
  if (value instanceof Uint8Array) return `Bytes of a subclass (${preview(value, 16)})`
  if (Array.isArray(value)) return 'A nested array'
  const name: unknown = (value as { constructor?: { name?: unknown } } | null)?.constructor?.name
  if (name === 'Object') return 'A nested object'
  return typeof name === 'string' && name !== '' ? `An instance of ${name}` : 'This object'
}
