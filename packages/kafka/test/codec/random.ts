import fc from 'fast-check'
import type { Field, Fields } from '../../src/codec/types.ts'
import { includesVersion } from '../../src/codec/versions.ts'

const INT32 = { min: -0x8000_0000, max: 0x7fff_ffff }

function scalar(field: Field): fc.Arbitrary<unknown> {
  switch (field.type) {
    case 'int8':
      return fc.integer({ min: -0x80, max: 0x7f })
    case 'int16':
      return fc.integer({ min: -0x8000, max: 0x7fff })
    case 'uint16':
      return fc.integer({ min: 0, max: 0xffff })
    case 'int32':
      return fc.integer(INT32)
    case 'uint32':
      return fc.integer({ min: 0, max: 0xffff_ffff })
    case 'int64':
      return fc.maxSafeInteger()
    case 'bigint64':
      return fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })
    case 'float64':
      return fc.double()
    case 'boolean':
      return fc.boolean()
    case 'uuid':
      return fc.uint8Array({ minLength: 16, maxLength: 16 })
    case 'string':
      return fc.oneof(
        fc.string({ maxLength: 20 }),
        fc.string({ unit: 'binary', maxLength: 20 }),
        fc.constant('s'.repeat(300)),
      )
    case 'bytes':
    case 'records':
      return fc.oneof(fc.uint8Array({ maxLength: 40 }), fc.uint8Array({ minLength: 1500, maxLength: 1500 }))
    default:
      throw new Error(`no scalar: ${field.type}`)
  }
}

function value(field: Field, version: number): fc.Arbitrary<unknown> {
  const plain =
    field.type === 'array'
      ? fc.array(value(field.element as Field, version), { maxLength: 3 })
      : field.type === 'struct'
        ? message(field.fields as Fields, version)
        : scalar(field)
  return includesVersion(field.options.nullable, version, false) ? fc.option(plain, { freq: 4 }) : plain
}

/** A random message with all fields that the version carries. */
export function message(fields: Fields, version: number): fc.Arbitrary<Record<string, unknown>> {
  const members = Object.entries(fields).filter(([, field]) => includesVersion(field.options.versions, version, true))
  return fc.record(Object.fromEntries(members.map(([name, field]) => [name, value(field, version)])))
}

/** Plain values that can be compared: bytes as hex, whatever kind of array holds them. */
export function comparable(given: unknown): unknown {
  if (given instanceof Uint8Array) return Buffer.from(given).toString('hex')
  if (Array.isArray(given)) return given.map(comparable)
  if (typeof given !== 'object' || given === null) return given
  return Object.fromEntries(Object.entries(given).map(([name, item]) => [name, comparable(item)]))
}
