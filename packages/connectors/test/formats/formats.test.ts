import { schema } from '@millrace/engine'
import { bytesToString, utf8 } from '@millrace/std'
import type { StandardSchemaV1 } from '@standard-schema/spec'
import { describe, expect, expectTypeOf, it } from 'vitest'
import { bytes, ByteWriter, type Format, json, text } from '../../src/formats/index.ts'

function decode<T>(format: Format<T>, source: string): T {
  const data = utf8(`__${source}__`)
  return format.decode(data, 2, data.byteLength - 4)
}

function encode<T>(format: Format<T>, ...values: T[]): string {
  const writer = new ByteWriter(1)
  for (const value of values) format.encode(value, writer)
  return bytesToString(writer.bytes.subarray(0, writer.length))
}

/** The smallest validator of the Standard Schema: a number, doubled. */
const doubled: StandardSchemaV1<unknown, number> = {
  '~standard': {
    version: 1,
    vendor: 'test',
    validate: (value) =>
      typeof value === 'number'
        ? { value: value * 2 }
        : { issues: [{ message: 'not a number', path: ['a', { key: 'b' }] }] },
  },
}

describe('formats', () => {
  it('text and bytes give back what was written', () => {
    expect(decode(text(), 'größe')).toBe('größe')
    expect(encode(text(), 'grö', 'ße')).toBe('größe')
    expect(encode(bytes(), utf8('ab'), utf8('c'))).toBe('abc')
    // A Buffer, whose own slice() would be a view.
    const source = Buffer.from('abc')
    const copy = bytes().decode(source, 1, 2)
    source.fill(0)
    expect(bytesToString(copy)).toBe('bc')
  })

  it('json reads and writes any value', () => {
    expect(decode(json(), '{"a":[1,null]}')).toEqual({ a: [1, null] })
    expect(encode(json<unknown>(), { a: 'ü' })).toBe('{"a":"ü"}')
    expect(() => decode(json(), '{')).toThrow(/Not a json value as expected: .*It begins: {$/)
    expect(() => encode(json<unknown>(), undefined)).toThrow('Cannot be written as json: a undefined has no JSON form.')
    expect(() => encode(json<unknown>(), 1n)).toThrow(/Cannot be written as json/)
  })

  it('json with a validator gives what the validator returns, or its complaint', () => {
    const format = json(doubled)
    expectTypeOf(format).toEqualTypeOf<Format<number>>()
    expect(decode(format, '21')).toBe(42)
    expect(() => decode(format, '"x"')).toThrow('a.b: not a number')
  })

  it('json refuses a validator that answers with a promise, whatever becomes of it', async () => {
    const slow: StandardSchemaV1 = {
      '~standard': { version: 1, vendor: 'test', validate: () => Promise.reject(new Error('unhandled')) },
    }
    expect(() => decode(json(slow), '1')).toThrow('answers with a promise')
    // A rejection that nobody handles would be seen in this turn.
    await new Promise(setImmediate)
  })

  it('json with a light schema checks the fields and ignores the others', () => {
    const format = json(schema({ id: 'int32', name: 'string?', raw: 'bytes?' }))
    expectTypeOf(format).toEqualTypeOf<Format<{ id: number; name: string | null; raw: Uint8Array | null }>>()
    expect(decode(format, '{"id":1,"more":true}')).toEqual({ id: 1, name: null, raw: null })
    expect(decode(format, '{"id":1,"raw":"YWI="}').raw).toEqual(new Uint8Array([97, 98]))
    expect(() => decode(format, '{"id":1.5}')).toThrow('field "id" is not a value of type int32')
    expect(() => decode(format, 'null')).toThrow('not an object')
  })
})
