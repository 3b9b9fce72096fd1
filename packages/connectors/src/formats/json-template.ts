import type { ColumnStore } from './json-columns.ts'

/**
 * The shape of a JSON object: bytes that stand between the values (`{"auction":`, `,"price":` …, white space included)
 * and what kind each value is.
 */
export interface Template {
  readonly parts: readonly TemplatePart[]
  /** What stands after the last value: `}`. */
  readonly tail: Uint8Array
  /** Equal for equal shapes. */
  readonly signature: string
}

export interface TemplatePart {
  readonly literal: Uint8Array
  readonly key: string
  readonly kind: ValueKind
}

type ValueKind = 'string' | 'scalar' | 'nested'

export interface TemplateParser {
  readonly signature: string
  /**
   * Parses the values `from` to `to` into rows from `row` on. Returns the index of the first that does not fit (nothing of
   * it counts), or `to`.
   */
  parse(
    data: Uint8Array,
    /** Of the same bytes as `data`. */
    view: DataView,
    starts: Int32Array,
    lengths: Int32Array,
    from: number,
    to: number,
    row: number,
    stores: readonly ColumnStore[],
  ): number
}

const QUOTE = 0x22
const BACKSLASH = 0x5c
const COMMA = 0x2c
const COLON = 0x3a
const OPEN = 0x7b
const CLOSE = 0x7d

function skipSpace(data: Uint8Array, at: number, end: number): number {
  while (at < end) {
    const c = data[at] as number
    if (c !== 0x20 && c !== 0x0a && c !== 0x0d && c !== 0x09) break
    at++
  }
  return at
}

/** The position after the string that begins at `at`, or -1 when it does not end. */
function skipString(data: Uint8Array, at: number, end: number): number {
  for (let p = at + 1; p < end; p++) {
    const c = data[p] as number
    if (c === QUOTE) return p + 1
    if (c === BACKSLASH) p++
  }
  return -1
}

/** The position after the object or array that begins at `at`, or -1 when it does not end. */
function skipNested(data: Uint8Array, at: number, end: number): number {
  let depth = 0
  for (let p = at; p < end; p++) {
    const c = data[p] as number
    if (c === QUOTE) {
      p = skipString(data, p, end) - 1
      if (p < 0) return -1
    } else if (c === OPEN || c === 0x5b) depth++
    else if (c === CLOSE || c === 0x5d) {
      if (--depth === 0) return p + 1
    }
  }
  return -1
}

/**
 * The shape of the object in `data[start, end)`, which is known to be valid JSON. Undefined for what is better parsed as a
 * whole: empty objects, keys with escapes, keys that come twice.
 */
export function learnTemplate(data: Uint8Array, start: number, end: number): Template | undefined {
  const parts: TemplatePart[] = []
  const keys = new Set<string>()
  let literalStart = start
  let p = skipSpace(data, start, end) + 1
  let signature = ''
  for (;;) {
    p = skipSpace(data, p, end)
    if (data[p] !== QUOTE) return undefined
    const keyStart = p + 1
    p = skipString(data, p, end)
    const keyBytes = data.subarray(keyStart, p - 1)
    if (p < 0 || keyBytes.includes(BACKSLASH)) return undefined
    const key = Buffer.from(keyBytes).toString('utf8')
    if (keys.has(key)) return undefined
    keys.add(key)
    p = skipSpace(data, p, end)
    if (data[p] !== COLON) return undefined
    p = skipSpace(data, p + 1, end)
    const literal = data.subarray(literalStart, p)
    const first = data[p]
    const kind: ValueKind = first === QUOTE ? 'string' : first === OPEN || first === 0x5b ? 'nested' : 'scalar'
    if (kind === 'string') p = skipString(data, p, end)
    else if (kind === 'nested') p = skipNested(data, p, end)
    else while (p < end && isScalarByte(data[p] as number)) p++
    if (p < 0) return undefined
    parts.push({ literal, key, kind })
    signature += `${kind} ${Buffer.from(literal).toString('latin1')} `
    literalStart = p
    p = skipSpace(data, p, end)
    if (data[p] === CLOSE) break
    if (data[p] !== COMMA) return undefined
    p++
  }
  const tail = data.subarray(literalStart, end)
  return { parts, tail, signature: signature + Buffer.from(tail).toString('latin1') }
}

/** Neither a separator, nor an end, nor white space. */
function isScalarByte(c: number): boolean {
  return c !== COMMA && c !== CLOSE && c > 0x20
}

/** Powers of ten that a double holds exactly. */
const POWERS = Float64Array.from({ length: 23 }, (_, i) => Number(`1e${i}`))
/** Whole numbers of that many digits are exact in a double. */
const EXACT_DIGITS = 15

type Names = { value: string; nulls: string; starts: string; lengths: string }

/**
 * Generates the parser of one shape. The text contains only numbers and our own names: keys and separators are compared
 * as numbers.
 */
export function compileTemplate(template: Template, stores: readonly ColumnStore[]): TemplateParser {
  const byName = new Map(stores.map((store, i) => [store.field.name, i]))
  const missing = new Set(byName.values())
  const lastNeeded = template.parts.findLastIndex((part) => byName.has(part.key))
  const code: string[] = []
  const expect = (literal: Uint8Array) => {
    const { length } = literal
    code.push(`if (p + ${length} > end) return i`, `if (${differs(literal).join(' || ')}) return i`, `p += ${length}`)
  }
  for (const part of template.parts) missing.delete(byName.get(part.key) ?? -1)
  // A field that the shape lacks might come in the part that is not read: then all of it is read.
  const readAll = missing.size > 0
  template.parts.forEach((part, i) => {
    if (i > lastNeeded && !readAll) return
    expect(part.literal)
    // From here to `end` there is a byte that ends every value, so the loops below need no other bound.
    code.push('if (p >= end) return i')
    const store = byName.get(part.key)
    if (store === undefined) code.push(...skipCode(part.kind))
    else code.push(...valueCode(stores[store] as ColumnStore, names(store)))
  })
  if (readAll || lastNeeded === template.parts.length - 1) {
    expect(template.tail)
    code.push('if (p !== end) return i')
  }
  for (const store of missing) code.push(...nullCode(stores[store] as ColumnStore, names(store)))

  const unpack = stores.flatMap((_, i) => {
    const n = names(i)
    return [
      `const ${n.value} = stores[${i}].values`,
      `const ${n.nulls} = stores[${i}].nulls`,
      `const ${n.starts} = stores[${i}].starts`,
      `const ${n.lengths} = stores[${i}].lengths`,
    ]
  })
  const source = `'use strict'
return function parse(data, view, starts, lengths, from, to, row, stores) {
  ${unpack.join('\n  ')}
  let c = 0, v = 0, digits = 0, scale = 0, s = 0
  let negative = false
  for (let i = from; i < to; i++, row++) {
    let p = starts[i]
    const end = p + lengths[i]
    if (end <= p || data[end - 1] !== ${template.tail.at(-1)}) return i
    ${code.join('\n    ')}
  }
  return to
}`
  const build = new Function('POWERS', 'skipNested', source) as (...tables: unknown[]) => TemplateParser['parse']
  return { signature: template.signature, parse: build(POWERS, skipNested) }
}

/** Tests that the bytes at `p` are not these: four at a time, the last four again where they do not come out even. */
function differs(literal: Uint8Array): string[] {
  const { length } = literal
  if (length < 4) return Array.from(literal, (byte, i) => `data[p + ${i}] !== ${byte}`)
  const words = new DataView(literal.buffer, literal.byteOffset, length)
  const places = Array.from({ length: length >> 2 }, (_, i) => i * 4)
  if (length % 4 !== 0) places.push(length - 4)
  return places.map((at) => `view.getInt32(p + ${at}, true) !== ${words.getInt32(at, true)}`)
}

function names(store: number): Names {
  return { value: `value${store}`, nulls: `nulls${store}`, starts: `starts${store}`, lengths: `lengths${store}` }
}

function skipCode(kind: ValueKind): string[] {
  switch (kind) {
    case 'string':
      return [
        `if (data[p] !== ${QUOTE}) return i`,
        'p++',
        `while (p < end && (c = data[p]) !== ${QUOTE} && c !== ${BACKSLASH}) p++`,
        // A string with escapes, or one that does not end: JSON.parse decides.
        `if (data[p] !== ${QUOTE}) return i`,
        'p++',
      ]
    case 'scalar':
      return [
        's = p',
        `while (p < end && (c = data[p]) !== ${COMMA} && c !== ${CLOSE} && c > 32 && c !== ${QUOTE}) p++`,
        'if (p === s) return i',
      ]
    case 'nested':
      return ['p = skipNested(data, p, end)', 'if (p < 0) return i']
  }
}

function nullCode(store: ColumnStore, n: Names): string[] {
  if (!store.field.nullable) return ['return i']
  return isRange(store) ? [`${n.lengths}[row] = -1`] : [`${n.nulls}[row] = 1`, `${n.value}[row] = 0`]
}

function isRange(store: ColumnStore): boolean {
  return store.field.type === 'string' || store.field.type === 'bytes'
}

function valueCode(store: ColumnStore, n: Names): string[] {
  const { type, nullable } = store.field
  const read = readCode(type, n)
  if (!nullable) return read
  return [
    `if (data[p] === 110) {`,
    `  if (data[p + 1] !== 117 || data[p + 2] !== 108 || data[p + 3] !== 108) return i`,
    '  p += 4',
    ...nullCode(store, n).map((line) => `  ${line}`),
    '} else {',
    ...(isRange(store) ? [] : [`  ${n.nulls}[row] = 0`]),
    ...read.map((line) => `  ${line}`),
    '}',
  ]
}

function readCode(type: ColumnStore['field']['type'], n: Names): string[] {
  switch (type) {
    case 'bytes':
      // base64: left to the general path.
      return ['return i']
    case 'string':
      return [
        `if (data[p] !== ${QUOTE}) return i`,
        's = ++p',
        `while (p < end && (c = data[p]) !== ${QUOTE} && c !== ${BACKSLASH} && c > 31) p++`,
        `if (data[p] !== ${QUOTE}) return i`,
        `${n.starts}[row] = s`,
        `${n.lengths}[row] = p - s`,
        'p++',
      ]
    case 'boolean':
      return [
        'if (data[p] === 116) {',
        '  if (data[p + 1] !== 114 || data[p + 2] !== 117 || data[p + 3] !== 101) return i',
        `  ${n.value}[row] = 1`,
        '  p += 4',
        '} else {',
        '  if (data[p] !== 102 || data[p + 1] !== 97 || data[p + 2] !== 108 || data[p + 3] !== 115 || data[p + 4] !== 101) return i',
        `  ${n.value}[row] = 0`,
        '  p += 5',
        '}',
      ]
    default: {
      const code = [
        'negative = data[p] === 45',
        'if (negative) p++',
        's = p',
        'v = (data[p] - 48) >>> 0',
        // No digit, or a leading zero, which JSON forbids.
        'if (v > 9) return i',
        'p++',
        'while ((c = (data[p] - 48) >>> 0) <= 9) { v = v * 10 + c; p++ }',
        'digits = p - s',
        'if (digits > 1 && data[s] === 48) return i',
      ]
      if (type === 'float64') {
        code.push(
          'if (data[p] === 46) {',
          '  s = ++p',
          '  while ((c = (data[p] - 48) >>> 0) <= 9) { v = v * 10 + c; p++ }',
          '  scale = p - s',
          '  digits += scale',
          `  if (scale === 0 || digits > ${EXACT_DIGITS}) return i`,
          // Both are exact, so the quotient is the nearest double: what Number() gives.
          '  v = v / POWERS[scale]',
          '}',
        )
      }
      code.push(`if (digits > ${EXACT_DIGITS}) return i`)
      // A fraction or an exponent where none is expected ends up here; so does what is no number at all.
      code.push(`c = data[p]`, `if (c !== ${COMMA} && c !== ${CLOSE} && c > 32) return i`)
      if (type === 'int32') code.push('if (v > 2147483647) return i')
      code.push(`${n.value}[row] = negative ? -v : v`)
      return code
    }
  }
}
