import { suggest } from '@millrace/std'
import { InvalidArgumentError } from 'commander'

/** A consumed record, as `consume` prints it. */
export interface PrintedRecord {
  readonly topic: string
  readonly partition: number
  readonly offset: number
  /** Milliseconds since the epoch. */
  readonly timestamp: number
  readonly key: Uint8Array | null
  readonly value: Uint8Array | null
  readonly headers: readonly { readonly key: string; readonly value: Uint8Array | null }[]
}

const fields: Record<string, (record: PrintedRecord) => string> = {
  topic: (record) => record.topic,
  partition: (record) => String(record.partition),
  offset: (record) => String(record.offset),
  timestamp: (record) => String(record.timestamp),
  time: (record) => new Date(record.timestamp).toISOString(),
  key: (record) => text(record.key),
  value: (record) => text(record.value),
  headers: (record) => record.headers.map(({ key, value }) => `${key}=${text(value)}`).join(','),
}

export const fieldNames: readonly string[] = Object.keys(fields)

/** Compiles `'{partition} {offset}: {value}'`; `\t` and `\n` are a tab and a line break. */
export function parseFormat(format: string): (record: PrintedRecord) => string {
  const parts: (string | ((record: PrintedRecord) => string))[] = []
  let at = 0
  for (const match of format.matchAll(/\{([^{}]*)\}|\\([tn\\])/g)) {
    parts.push(format.slice(at, match.index))
    at = match.index + match[0].length
    const name = match[1]
    if (name === undefined) parts.push(match[2] === 't' ? '\t' : match[2] === 'n' ? '\n' : '\\')
    else parts.push(fields[name] ?? unknownField(name))
  }
  parts.push(format.slice(at))
  return (record) => parts.map((part) => (typeof part === 'string' ? part : part(record))).join('')
}

function unknownField(name: string): never {
  const meant = suggest(name, fieldNames)
  throw new InvalidArgumentError(
    `A record has no {${name}}. ${meant ? `Did you mean {${meant}}?` : `It has: ${fieldNames.map((field) => `{${field}}`).join(' ')}.`}`,
  )
}

const decoder = new TextDecoder('utf-8', { fatal: true })

/** As text where it is UTF-8, else as hexadecimal digits; nothing for null. */
function text(bytes: Uint8Array | null): string {
  if (bytes === null) return ''
  return decode(bytes) ?? `0x${Buffer.from(bytes).toString('hex')}`
}

function decode(bytes: Uint8Array): string | undefined {
  try {
    return decoder.decode(bytes)
  } catch {
    return undefined
  }
}

/** For --json: keys and values as text; what is not UTF-8 comes as `keyBase64`, `valueBase64`. */
export function jsonRecord(record: PrintedRecord): Record<string, unknown> {
  const { topic, partition, offset, timestamp } = record
  return {
    topic,
    partition,
    offset,
    timestamp,
    ...jsonBytes('key', record.key),
    ...jsonBytes('value', record.value),
    headers: record.headers.map(({ key, value }) => ({ key, ...jsonBytes('value', value) })),
  }
}

function jsonBytes(name: string, bytes: Uint8Array | null): Record<string, string | null> {
  if (bytes === null) return { [name]: null }
  const decoded = decode(bytes)
  return decoded === undefined ? { [`${name}Base64`]: Buffer.from(bytes).toString('base64') } : { [name]: decoded }
}
