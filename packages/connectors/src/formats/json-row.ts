import type { Field, Schema } from '@millrace/engine'

/**
 * Copies the schema's fields of a parsed JSON value into `into`, checked. Returns what is wrong, or undefined. Bytes are
 * base64 in JSON.
 */
export function readRow(schema: Schema, value: unknown, into: Record<string, unknown>): string | undefined {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return 'not an object'
  for (const field of schema.fields) {
    const given = (value as Record<string, unknown>)[field.name]
    const problem = checkField(field, given)
    if (problem !== undefined) return problem
    into[field.name] =
      given === undefined || given === null
        ? null
        : field.type === 'bytes'
          ? new Uint8Array(Buffer.from(given as string, 'base64'))
          : given
  }
  return undefined
}

/** What keeps `given` from being a value of the field, or undefined. */
export function checkField(field: Field, given: unknown): string | undefined {
  if (given === undefined || given === null) {
    if (field.nullable) return undefined
    return given === undefined ? `field "${field.name}" is missing` : `field "${field.name}" is null`
  }
  return fits(field, given) ? undefined : `field "${field.name}" is not a value of type ${field.type}`
}

function fits(field: Field, given: unknown): boolean {
  switch (field.type) {
    case 'boolean':
      return typeof given === 'boolean'
    case 'int32':
      return typeof given === 'number' && (given | 0) === given
    case 'int64':
    case 'timestamp':
      return typeof given === 'number' && Number.isSafeInteger(given)
    case 'float64':
      return typeof given === 'number'
    case 'string':
    case 'bytes':
      return typeof given === 'string'
  }
}
