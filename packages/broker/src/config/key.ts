/**
 * Typed configuration keys. A table of keys is data: it parses and checks values, and DescribeConfigs prints it. What is wrong
 * with a value is said in the words of Apache Kafka.
 */

/** Type numbers of DescribeConfigs (KIP-569). */
export const configTypes = { boolean: 1, string: 2, int: 3, short: 4, long: 5, double: 6, list: 7 } as const

interface Common {
  /** One or two sentences for users: what it does, with the unit. */
  readonly doc: string
  /** Can be changed while the broker runs (KIP-226), for one broker or for all. */
  readonly dynamic?: boolean
  /** Left unset in Apache Kafka, which takes the value from another key then: shown as null until it is set. */
  readonly unset?: boolean
}

export interface NumberKey extends Common {
  readonly type: 'int' | 'short' | 'long' | 'double'
  readonly default: number
  readonly min: number
  readonly max: number
  /** One more value that is allowed. */
  readonly or?: number
}

export interface BooleanKey extends Common {
  readonly type: 'boolean'
  readonly default: boolean
}

export interface StringKey<V extends string = string> extends Common {
  readonly type: 'string'
  readonly default: V
  /** The only values that are allowed; any string when undefined. */
  readonly values: readonly V[] | undefined
}

export interface ListKey<V extends string = string> extends Common {
  readonly type: 'list'
  readonly default: readonly V[]
  /** The only entries that are allowed; any when undefined. */
  readonly values: readonly V[] | undefined
  /** What is wrong with a list, if anything. */
  readonly problem?: (name: string, entries: readonly string[]) => string | undefined
}

export type ConfigKey = NumberKey | BooleanKey | StringKey | ListKey

/** A number beyond 2^53 stands for Java's Long.MAX_VALUE, which users write for "no limit". */
const longMax = 2 ** 63
const intMax = 0x7fff_ffff

interface NumberOptions extends Common {
  readonly default: number
  readonly min?: number
  readonly max?: number
  readonly or?: number
}

export const int = (options: NumberOptions): NumberKey => ({ type: 'int', min: -intMax - 1, max: intMax, ...options })

export const short = (options: NumberOptions): NumberKey => ({ type: 'short', min: -32_768, max: 32_767, ...options })

export const long = (options: NumberOptions): NumberKey => ({ type: 'long', min: -longMax, max: longMax, ...options })

export const double = (options: NumberOptions): NumberKey => ({
  type: 'double',
  min: -Number.MAX_VALUE,
  max: Number.MAX_VALUE,
  ...options,
})

export const boolean = (options: Common & { default: boolean }): BooleanKey => ({ type: 'boolean', ...options })

export const string = <V extends string>(options: Common & { default: V; values?: readonly V[] }): StringKey<V> => ({
  type: 'string',
  values: undefined,
  ...options,
})

export const list = <V extends string>(
  options: Common & { default: readonly V[]; values?: readonly V[]; problem?: ListKey['problem'] },
): ListKey<V> => ({ type: 'list', values: undefined, ...options })

/** What a parsed value of a key is in TypeScript. */
export type ConfigValue<K extends ConfigKey> = K extends NumberKey
  ? number
  : K extends BooleanKey
    ? boolean
    : K extends StringKey<infer V>
      ? V
      : K extends ListKey<infer V>
        ? readonly V[]
        : never

/** A value was refused. The message says what is allowed; whoever catches it adds where the value came from. */
export class ConfigValueError extends Error {
  override name = 'ConfigValueError'
}

/** Parses and checks the text of a value. Throws {@link ConfigValueError}. */
export function parseConfigValue<K extends ConfigKey>(name: string, key: K, text: string): ConfigValue<K> {
  return parse(name, key, text.trim()) as ConfigValue<K>
}

function parse(name: string, key: ConfigKey, text: string): number | boolean | string | readonly string[] {
  switch (key.type) {
    case 'int':
    case 'short':
    case 'long':
    case 'double':
      return parseNumber(name, key, text)
    case 'boolean': {
      const lower = text.toLowerCase()
      if (lower !== 'true' && lower !== 'false') {
        throw refused(name, text, 'Expected value to be either true or false')
      }
      return lower === 'true'
    }
    case 'string':
      if (key.values && !key.values.includes(text)) {
        throw refused(name, text, `String must be one of: ${key.values.join(', ')}`)
      }
      return text
    case 'list': {
      const entries = [...new Set(listEntries(text))]
      const unknown = key.values && entries.find((entry) => !key.values?.includes(entry))
      if (unknown !== undefined) throw refused(name, unknown, `String must be one of: ${key.values?.join(', ')}`)
      const problem = key.problem?.(name, entries)
      if (problem) throw refused(name, `[${entries.join(', ')}]`, problem)
      return entries
    }
  }
}

/** The entries of a list as it is written: between commas. */
export function listEntries(text: string): string[] {
  return text.split(',').flatMap((entry) => entry.trim() || [])
}

function parseNumber(name: string, key: NumberKey, text: string): number {
  const pattern = key.type === 'double' ? /^[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?$/ : /^[-+]?\d+$/
  const value = Number(text)
  if (!pattern.test(text) || !isInType(key, text, value)) {
    throw refused(name, text, `Not a number of type ${key.type.toUpperCase()}`)
  }
  if (value === key.or) return value
  const range =
    key.or === undefined ? undefined : `Value must be between ${key.min} and ${key.max} or equal to ${key.or}`
  if (value < key.min) throw refused(name, text, range ?? `Value must be at least ${key.min}`)
  if (value > key.max) throw refused(name, text, range ?? `Value must be no more than ${key.max}`)
  return value
}

function isInType({ type }: NumberKey, text: string, value: number): boolean {
  if (type === 'int') return value >= -intMax - 1 && value <= intMax
  if (type === 'short') return value >= -32_768 && value <= 32_767
  if (type === 'double') return true
  const whole = BigInt(text.replace('+', ''))
  return BigInt.asIntN(64, whole) === whole
}

function refused(name: string, text: string, why: string): ConfigValueError {
  return new ConfigValueError(`Invalid value ${text} for configuration ${name}: ${why}`)
}

/** A value as Kafka's tools print it. */
export function formatConfigValue(value: number | boolean | string | readonly string[]): string {
  if (typeof value === 'number') return formatNumber(value)
  return typeof value === 'object' ? value.join(',') : String(value)
}

function formatNumber(value: number): string {
  if (value === Number.MAX_VALUE) return '1.7976931348623157E308'
  return value >= longMax ? '9223372036854775807' : String(value)
}
