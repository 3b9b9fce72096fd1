import { readFileSync } from 'node:fs'
import { bytesToString, uuidFromString } from '@millrace/std'
import { describe, expect, it } from 'vitest'
import { Reader } from '../../src/codec/reader.ts'
import type { Field, Fields } from '../../src/codec/types.ts'
import { messages } from './messages.ts'

interface Golden {
  readonly message: string
  readonly version: number
  readonly value: Record<string, unknown>
  readonly bytes: string
}

const goldens = bytesToString(readFileSync(new URL('golden/kafka-4.3.1.jsonl', import.meta.url)))
  .trimEnd()
  .split('\n')
  .map((line) => JSON.parse(line) as Golden)

/** A value as Kafka's JSON writes it, as our codec takes it. */
function fromJson(field: Field, json: unknown): unknown {
  if (json === null) return null
  switch (field.type) {
    case 'uuid':
      return uuidFromString(json as string)
    case 'bytes':
    case 'records':
      return Buffer.from(json as string, 'base64')
    case 'bigint64':
      return BigInt(json as number)
    case 'array':
      return (json as unknown[]).map((item) => fromJson(field.element as Field, item))
    case 'struct':
      return structFromJson(field.fields as Fields, json as Record<string, unknown>)
    default:
      return json
  }
}

function structFromJson(fields: Fields, json: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(json).map(([name, item]) => [name, fromJson(member(fields, name), item)]))
}

function member(fields: Fields, name: string): Field {
  const field = fields[name]
  if (field === undefined) throw new Error(`no field ${name}`)
  return field
}

/** Of `decoded`, what `given` has, as plain values that can be compared. */
function pick(given: unknown, decoded: unknown): unknown {
  if (decoded instanceof Uint8Array) return Buffer.from(decoded).toString('hex')
  if (Array.isArray(decoded) && Array.isArray(given)) {
    return decoded.map((item, index) => pick(given[index], item))
  }
  if (typeof decoded !== 'object' || decoded === null || typeof given !== 'object' || given === null) return decoded
  const members = decoded as Record<string, unknown>
  return Object.fromEntries(Object.entries(given).map(([name, item]) => [name, pick(item, members[name])]))
}

describe.each(messages)('$name', ({ name, schema, versions, version: versionOf, lead, encode, decode }) => {
  const cases = goldens.filter(({ message }) => message === name)

  it('is checked in every version', () => {
    expect([...new Set(cases.map(({ version }) => version))]).toEqual(versions)
  })

  it("is written as Apache Kafka's classes write it", () => {
    for (const { version, value, bytes } of cases) {
      const written = encode(versionOf(version), structFromJson(schema.fields, value))
      expect(Buffer.from(written).toString('hex'), `version ${version}`).toBe(bytes)
    }
  })

  it("is read as Apache Kafka's classes read it", () => {
    for (const { version, value, bytes } of cases) {
      const given = structFromJson(schema.fields, value)
      const expected = pick(given, given)
      const reader = new Reader()
      reader.reset(Buffer.from(bytes, 'hex'), lead)
      const decoded = schema.decode(reader, versionOf(version))
      expect(reader.position, `end of version ${version}`).toBe(bytes.length / 2)
      expect(pick(given, decoded), `version ${version}`).toEqual(expected)
      if (decode) expect(pick(given, decode(Buffer.from(bytes, 'hex')))).toEqual(expected)
    }
  })
})
