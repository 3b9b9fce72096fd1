import { BinaryReader, BinaryWriter, valueSerializer } from '@millrace/engine'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'

function roundTrip(value: unknown): unknown {
  const out = new BinaryWriter(1)
  valueSerializer.write(value, out)
  const input = new BinaryReader(out.finish())
  const read = valueSerializer.read(input, valueSerializer.version)
  expect(input.remaining).toBe(0)
  return read
}

describe('valueSerializer', () => {
  test('every plain value comes back equal', () => {
    const plain = fc.anything({
      withBigInt: true,
      withDate: true,
      withMap: true,
      withSet: true,
      withNullPrototype: false,
    })
    fc.assert(
      fc.property(plain, (value) => {
        expect(roundTrip(value)).toStrictEqual(value)
      }),
    )
  })

  test('every number comes back as it was', () => {
    const numbers = fc.oneof(fc.double(), fc.maxSafeInteger(), fc.constantFrom(-0, 2 ** 53, -(2 ** 60)))
    fc.assert(
      fc.property(numbers, (value) => {
        expect(Object.is(roundTrip(value), value)).toBe(true)
      }),
    )
  })

  test.each([
    new Float32Array([1, 2]),
    new Error('no'),
    /x/g,
    '\ud800 alone',
    new Uint8Array([0, 255]),
    new Map([[{ a: 1 }, new Set(['x'])]]),
  ])('keeps %o', (value) => {
    expect(roundTrip(value)).toEqual(value)
  })

  test('a field named __proto__ is data', () => {
    const value = JSON.parse('{"__proto__": {"evil": true}, "a": 1}')
    const read = roundTrip(value) as object
    expect(Object.getPrototypeOf(read)).toBe(Object.prototype)
    expect(Object.keys(read)).toEqual(['__proto__', 'a'])
  })

  test('follows cycles and deep nesting', () => {
    const cyclic: Record<string, unknown> = { name: 'a' }
    cyclic.self = cyclic
    const read = roundTrip({ cyclic }) as { cyclic: { self: { self: unknown; name: string } } }
    expect(read.cyclic.self.self).toBeTypeOf('object')
    expect(read.cyclic.self.name).toBe('a')
  })

  test('refuses what would come back changed', () => {
    class Money {
      readonly amount = 1
    }
    expect(() => roundTrip(new Money())).toThrow('an instance of Money')
    expect(() => roundTrip([() => 1])).toThrow('a function')
    expect(() => roundTrip({ a: Symbol('x') })).toThrow('a symbol')
  })

  test('damaged bytes are refused and never read beyond their end', () => {
    const out = new BinaryWriter()
    valueSerializer.write({ list: [1, 'two', new Uint8Array(20)], map: new Map([[1, 2]]) }, out)
    const bytes = out.finish()
    for (let length = 0; length < bytes.length; length++) {
      const cut = new BinaryReader(bytes.subarray(0, length))
      expect(() => valueSerializer.read(cut, 1)).toThrow('snapshot is damaged')
    }
    const absurd = new BinaryWriter()
    absurd.byte(11)
    absurd.varint(2 ** 50)
    expect(() => valueSerializer.read(new BinaryReader(absurd.finish()), 1)).toThrow('snapshot is damaged')
  })
})
