import type { Field, Fields } from './types.ts'

/** Kafka's "no id". Shared: never change it. */
const ZERO_UUID: Uint8Array = new Uint8Array(16)
const NO_BYTES: Uint8Array = new Uint8Array(0)

/** The value of a field that was not given or is not carried; structs come frozen, since they are shared. */
export function defaultOf(field: Field): unknown {
  if (field.options.default !== undefined) return field.options.default
  switch (field.type) {
    case 'string':
      return ''
    case 'boolean':
      return false
    case 'uuid':
      return ZERO_UUID
    case 'bytes':
      return NO_BYTES
    case 'records':
      return null
    case 'bigint64':
      return 0n
    case 'array':
      return []
    case 'struct':
      return Object.freeze(defaultStruct(field.fields as Fields))
    default:
      return 0
  }
}

function defaultStruct(fields: Fields): Record<string, unknown> {
  const value: Record<string, unknown> = {}
  for (const [name, field] of Object.entries(fields)) value[name] = defaultOf(field)
  return value
}

export function isZeroUuid(id: Uint8Array): boolean {
  for (let i = 0; i < 16; i++) if (id[i] !== 0) return false
  return true
}
