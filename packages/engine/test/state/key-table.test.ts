import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { AdaptiveKeyTable } from '../../src/state/adaptive-key-table.ts'
import { keyGroupOf } from '../../src/state/key-group.ts'
import { hashKey, keysEqual } from '../../src/state/key-hash.ts'

const primitive = fc.oneof(
  fc.integer({ min: -3, max: 3 }),
  fc.constantFrom(-0, Number.NaN, 1.5, 2 ** 31, -(2 ** 31), 2 ** 53, -(2 ** 40), Number.POSITIVE_INFINITY, 1e300),
  fc.constantFrom('', '1', 'a', 'aa', 'true', 'null', 'é😀', '\ud800'),
  fc.constantFrom(0n, 1n, -1n, 2n ** 70n, -(2n ** 64n)),
  fc.boolean(),
  fc.constantFrom(null, undefined),
  fc.constantFrom(0, 1, Number.NaN).map((ms) => new Date(ms)),
  fc.uint8Array({ maxLength: 2 }),
  fc.constant(Buffer.from([1])),
)
const anyKey = fc.oneof(
  { weight: 4, arbitrary: primitive },
  fc.array(primitive, { maxLength: 3 }),
  fc.dictionary(fc.constantFrom('a', 'b', '__proto__'), primitive, { maxKeys: 2 }),
)

/** Equality by value, spelt out: the model that keys are compared with. */
function spell(key: unknown): string {
  if (typeof key === 'number') return `number ${key === 0 ? 0 : key}`
  if (typeof key === 'bigint' || typeof key === 'boolean') return `${typeof key} ${key}`
  if (typeof key === 'string')
    return `string ${key.length} ${[...Array(key.length).keys()].map((i) => key.charCodeAt(i))}`
  if (key === null || key === undefined) return String(key)
  if (key instanceof Date) return `date ${key.getTime()}`
  if (key instanceof Uint8Array) return `bytes ${[...key]}`
  if (Array.isArray(key)) return `[${key.map(spell).join('; ')}]`
  return `{${Object.keys(key)
    .sort()
    .map((name) => `${name}: ${spell((key as Record<string, unknown>)[name])}`)
    .join('; ')}}`
}

describe('key table', () => {
  it('is a map from keys by value to dense slots', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.constantFrom('put', 'put', 'put', 'remove'), anyKey), { maxLength: 80 }),
        (steps) => {
          const table = new AdaptiveKeyTable(128)
          const model = new Map<string, number>()
          let most = 0
          for (const [step, key] of steps) {
            const known = model.get(spell(key))
            expect(table.find(key)).toBe(known ?? -1)
            if (step === 'put') {
              const slot = table.slotOf(key)
              if (known === undefined) expect([...model.values()]).not.toContain(slot)
              else expect(slot).toBe(known)
              model.set(spell(key), slot)
              most = Math.max(most, model.size)
            } else if (known !== undefined) {
              table.remove(known)
              model.delete(spell(key))
            }
          }
          expect(table.size).toBe(model.size)
          expect(table.capacity).toBe(most)
          expect([...table.slots()].sort()).toEqual([...model.values()].sort())
          for (const [spelt, slot] of model) {
            const key = table.keyAt(slot)
            expect(spell(key)).toBe(spelt)
            expect(table.keyGroupAt(slot)).toBe(keyGroupOf(key, 128))
          }
        },
      ),
      { numRuns: 300 },
    )
  })

  it('survives strings made to collide', () => {
    // As in Java, 'Aa' and 'BB' have one hash; so have all strings of them of the same length.
    let colliding = ['']
    for (let i = 0; i < 8; i++) colliding = colliding.flatMap((text) => [`${text}Aa`, `${text}BB`])
    colliding = colliding.flatMap((text) => [text, `a${text}`])
    const table = new AdaptiveKeyTable(128)
    const keys = ['first', 'a string of more than sixteen characters', ...colliding]
    keys.forEach((key, slot) => expect(table.slotOf(key)).toBe(slot))
    keys.forEach((key, slot) => expect(table.find(key)).toBe(slot))
    for (const key of keys.slice(100)) table.remove(table.find(key))
    keys.forEach((key, slot) => expect(table.find(key)).toBe(slot < 100 ? slot : -1))
  })

  it('finds strings by their UTF-8 bytes, among slots that come and go', () => {
    const text = fc.oneof(fc.string({ unit: 'binary', maxLength: 3 }), fc.constantFrom('a', 'ab', 'é'))
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.constantFrom('text', 'bytes', 'remove'), text), { maxLength: 200 }), (steps) => {
        const table = new AdaptiveKeyTable(128)
        for (const [step, key] of steps) {
          const bytes = Buffer.from(`..${key}..`)
          const known = table.find(key)
          if (step === 'remove') {
            if (known !== -1) table.remove(known)
            continue
          }
          const slot = step === 'text' ? table.slotOf(key) : table.slotOfUtf8(bytes, 2, bytes.length - 4)
          if (known !== -1) expect(slot).toBe(known)
          expect(table.keyAt(slot)).toBe(key)
        }
      }),
    )
  })

  it('takes malformed UTF-8 for what it decodes to', () => {
    const table = new AdaptiveKeyTable(128)
    const slot = table.slotOf('\ufffd')
    expect(table.slotOfUtf8(new Uint8Array([0xff]), 0, 1)).toBe(slot)
    expect(table.slotOfUtf8(new Uint8Array([0xfe]), 0, 1)).toBe(slot)
    table.remove(slot)
    expect(table.find('\ufffd')).toBe(-1)
    const other = table.slotOf('other')
    expect(table.slotOfUtf8(new Uint8Array([0xfe]), 0, 1)).not.toBe(other)
  })

  it('keeps its own copy of keys that can be changed', () => {
    const table = new AdaptiveKeyTable(128)
    const date = new Date(1)
    const bytes = new Uint8Array([1])
    const slots = [table.slotOf(date), table.slotOf(bytes), table.slotOf([date, bytes])]
    date.setTime(2)
    bytes[0] = 2
    expect(slots.map((slot) => table.keyAt(slot))).toEqual([
      new Date(1),
      new Uint8Array([1]),
      [new Date(1), new Uint8Array([1])],
    ])
    expect(table.find([new Date(1), new Uint8Array([1])])).toBe(slots[2])
  })

  it('holds many integers, and finds each again after half of them went', () => {
    const table = new AdaptiveKeyTable(128)
    const keyOf = (i: number) => Math.imul(i, 64) - 1_000_000
    for (let i = 0; i < 50_000; i++) expect(table.slotOf(keyOf(i))).toBe(i)
    for (let i = 0; i < 50_000; i += 2) table.remove(i)
    for (let i = 0; i < 50_000; i++) if (table.find(keyOf(i)) !== (i % 2 === 0 ? -1 : i)) expect.fail(`key ${keyOf(i)}`)
    for (let i = 0; i < 25_000; i++) table.slotOf(-2_000_000 - i)
    expect(table.capacity).toBe(50_000)
  })

  it.each([
    ['a function', () => 1, /A function cannot be a key/],
    ['a symbol', Symbol('x'), /A symbol/],
    ['an instance of a class', new (class Order {})(), /An instance of Order/],
    ['a Map', new Map(), /An instance of Map/],
    ['a nested tuple', [1, [2]], /A nested array/],
    ['a nested object', { a: { b: 1 } }, /A nested object/],
    ['a promise', Promise.resolve(1), /keyBy got a promise/],
  ])('refuses %s and tells the way out', (_, key, message) => {
    const table = new AdaptiveKeyTable(128)
    expect(() => table.slotOf(key)).toThrow(
      expect.objectContaining({ code: 'STATE_BAD_KEY', message: expect.stringMatching(message) }),
    )
    expect(() => table.find(key)).toThrow()
    expect(table.size).toBe(0)
  })
})

describe('key hash', () => {
  it('is equal for equal keys', () => {
    fc.assert(
      fc.property(anyKey, anyKey, (a, b) => {
        expect(keysEqual(a, b)).toBe(spell(a) === spell(b))
        if (spell(a) === spell(b)) expect(hashKey(a)).toBe(hashKey(b))
      }),
      { numRuns: 1000 },
    )
  })

  // What Apache Flink 2.3 answers (hash code, key group of 128, key group of 1024).
  it.each([
    ['', 0, 94, 478],
    ['key-12', -1134722993, 113, 881],
    ['日本', 835047, 95, 607],
    ['😀', 1772899, 54, 182],
    [-1, -1, 80, 848],
    [2147483647, 2147483647, 62, 190],
    [-1n, 0, 94, 478],
    [9007199254740991, -2097152, 73, 201],
    [-1209785828546807, 915723453, 11, 523],
    [true, 1231, 77, 461],
    [[241, 1], 7472, 62, 574],
  ])('of %o is Flink’s', (key, hash, group128, group1024) => {
    expect([hashKey(key), keyGroupOf(key, 128), keyGroupOf(key, 1024)]).toEqual([hash, group128, group1024])
  })
})
