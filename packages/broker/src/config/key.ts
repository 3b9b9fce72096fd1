/**
 * Typed configuration keys. A table of keys is data: it parses and checks values, and DescribeConfigs prints it.
 */

/** Type numbers of DescribeConfigs (KIP-569). */
export const configTypes = { boolean: 1, string: 2, int: 3, long: 5, double: 6, list: 7 } as const

interface Common {
  /** One or two sentences for users: what it does, with the unit. */
  readonly doc: string
}

export interface NumberKey extends Common {
  readonly type: 'int' | 'long' | 'double'
  readonly default: number
  readonly min: number
  readonly max: number
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
  readonly values: readonly V[]
}

export type ConfigKey = NumberKey | BooleanKey | StringKey | ListKey

/** A number beyond 2^53 stands for Java's Long.MAX_VALUE, which users write for "no limit". */
const longMax = 2 ** 63

export const int = (options: { default: number; min: number; max?: number; doc: string }): NumberKey => ({
  type: 'int',
  max: 0x7fff_ffff,
  ...options,
})

export const long = (options: { default: number; min: number; max?: number; doc: string }): NumberKey => ({
  type: 'long',
  max: longMax,
  ...options,
})

export const double = (options: { default: number; min: number; max: number; doc: string }): NumberKey => ({
  type: 'double',
  ...options,
})

export const boolean = (options: { default: boolean; doc: string }): BooleanKey => ({ type: 'boolean', ...options })

export const string = <V extends string>(options: {
  default: V
  values?: readonly V[]
  doc: string
}): StringKey<V> => ({
  type: 'string',
  values: undefined,
  ...options,
})

export const list = <V extends string>(options: {
  default: readonly V[]
  values: readonly V[]
  doc: string
}): ListKey<V> => ({ type: 'list', ...options })

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
    case 'long':
    case 'double': {
      const pattern = key.type === 'double' ? /^-?\d+(\.\d+)?([eE]-?\d+)?$/ : /^-?\d+$/
      const value = Number(text)
      if (!pattern.test(text)) throw new ConfigValueError(`${name} must be a ${numberWord(key)}, not '${text}'`)
      if (value < key.min || value > key.max) {
        throw new ConfigValueError(`${name} must be ${rangeText(key)}, not ${text}`)
      }
      return value
    }
    case 'boolean': {
      const lower = text.toLowerCase()
      if (lower !== 'true' && lower !== 'false') {
        throw new ConfigValueError(`${name} must be true or false, not '${text}'`)
      }
      return lower === 'true'
    }
    case 'string':
      if (key.values && !key.values.includes(text)) {
        throw new ConfigValueError(`${name} must be one of ${key.values.join(', ')}, not '${text}'`)
      }
      return text
    case 'list': {
      const entries = text.split(',').flatMap((entry) => entry.trim() || [])
      const unknown = entries.find((entry) => !key.values.includes(entry))
      if (unknown !== undefined) {
        throw new ConfigValueError(`${name} must list some of ${key.values.join(', ')}, not '${text}'`)
      }
      return entries
    }
  }
}

function numberWord(key: NumberKey): string {
  return key.type === 'double' ? 'number' : 'whole number'
}

function rangeText(key: NumberKey): string {
  return key.max === longMax ? `at least ${key.min}` : `between ${key.min} and ${key.max}`
}

/** A value as Kafka's tools print it. */
export function formatConfigValue(value: number | boolean | string | readonly string[]): string {
  if (typeof value === 'number') return value >= longMax ? '9223372036854775807' : String(value)
  return typeof value === 'object' ? value.join(',') : String(value)
}
