import type { Schema } from '@millrace/engine'
import { asBuffer } from '@millrace/std'
import type { StandardSchemaV1 } from '@standard-schema/spec'
import { type Format, FormatError } from './format.ts'
import { JsonColumnDecoder } from './json-columns.ts'
import { readRow } from './json-row.ts'

/** What JSON can say. */
export type JsonValue = string | number | boolean | null | JsonValue[] | { [name: string]: JsonValue }

/**
 * JSON, one value per record.
 *
 * - `json()`: any JSON. Reads give the type that you name, unchecked: `json<Bid>()`.
 * - `json(schema({ auction: 'int64', … }))`: the light schema. Values are checked and stay in columns; fields that the
 *   schema does not name are ignored, and fields that the job does not read are not even decoded (what stands behind
 *   the last one that is read is not checked).
 * - `json(z.object({ … }))`: any validator of the Standard Schema (zod, valibot, arktype …); reads give what it returns.
 *
 * @example
 * kafkaSource({ topic: 'bids', value: json(schema({ auction: 'int64', price: 'float64' })) })
 */
export function json<T = JsonValue>(): Format<T>
export function json<S extends StandardSchemaV1>(validator: S): Format<StandardSchemaV1.InferOutput<S>>
export function json<T>(columns: Schema<T>): Format<T>
export function json(shape?: StandardSchemaV1 | Schema<unknown>): Format<unknown> {
  if (shape === undefined) return plainJson
  if ('~standard' in shape) return validatedJson(shape)
  return columnJson(shape)
}

function parse(data: Uint8Array, start: number, length: number): unknown {
  const source = asBuffer(data).toString('utf8', start, start + length)
  try {
    return JSON.parse(source)
  } catch (cause) {
    throw new FormatError('json', (cause as Error).message, data.subarray(start, start + length))
  }
}

const plainJson: Format<unknown> = {
  name: 'json',
  schema: undefined,
  decode: parse,
  encode: (value, into) => {
    let source: string | undefined
    try {
      source = JSON.stringify(value)
    } catch (cause) {
      throw new FormatError('json', (cause as Error).message)
    }
    if (source === undefined) throw new FormatError('json', `a ${typeof value} has no JSON form`)
    into.writeText(source)
  },
}

function validatedJson(validator: StandardSchemaV1): Format<unknown> {
  const { validate } = validator['~standard']
  return {
    name: 'json',
    schema: undefined,
    encode: plainJson.encode,
    decode: (data, start, length) => {
      const result = validate(parse(data, start, length))
      if (result instanceof Promise) {
        // Nobody waits for it: what it fails with must not bring the process down.
        result.catch(() => {})
        throw new FormatError('json', 'the validator answers with a promise; only synchronous ones can be used')
      }
      if (result.issues) {
        throw new FormatError('json', result.issues.map(describeIssue).join('; '), data.subarray(start, start + length))
      }
      return result.value
    },
  }
}

function describeIssue(issue: StandardSchemaV1.Issue): string {
  const path = issue.path?.map((part) => String(typeof part === 'object' ? part.key : part)).join('.')
  return path ? `${path}: ${issue.message}` : issue.message
}

function columnJson(columns: Schema<unknown>): Format<unknown> {
  return {
    name: 'json',
    schema: columns,
    encode: plainJson.encode,
    decode: (data, start, length) => {
      const row: Record<string, unknown> = {}
      const problem = readRow(columns, parse(data, start, length), row)
      if (problem !== undefined) throw new FormatError('json', problem, data.subarray(start, start + length))
      return row
    },
    createColumnDecoder: (projection) => new JsonColumnDecoder(columns, projection),
  }
}
