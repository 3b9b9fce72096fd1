import { MillraceError, suggest } from '@millrace/std'
import { type ConfigValue, ConfigValueError, parseConfigValue } from './key.ts'
import { serverKeys } from './server-keys.ts'

export type ServerKeyName = keyof typeof serverKeys

/** Parsed values by property name: `config['num.partitions']` is a number. */
export type ServerConfig = { readonly [N in ServerKeyName]: ConfigValue<(typeof serverKeys)[N]> } & {
  /** The names that were set, not left at their default. */
  readonly given: ReadonlySet<ServerKeyName>
}

/** Kafka's names for the same in coarser units, the coarsest first: where several are given, the finest counts. */
const coarserKeys = {
  'log.retention.hours': { key: 'log.retention.ms', unitMs: 3_600_000 },
  'log.retention.minutes': { key: 'log.retention.ms', unitMs: 60_000 },
  'log.roll.hours': { key: 'log.roll.ms', unitMs: 3_600_000 },
} as const satisfies Record<string, { key: ServerKeyName; unitMs: number }>

function coarserKey(name: string): { key: ServerKeyName; unitMs: number } | undefined {
  return Object.hasOwn(coarserKeys, name) ? coarserKeys[name as keyof typeof coarserKeys] : undefined
}

export const serverKeyNames = Object.keys(serverKeys) as ServerKeyName[]

/**
 * Reads the broker's configuration.
 *
 * @throws MillraceError BROKER_CONFIG_UNKNOWN (a key that does not exist; the nearest one is suggested),
 *   BROKER_CONFIG_INVALID (a value of the wrong type or out of range).
 *
 * @example
 * parseServerConfig({ 'num.partitions': 3 })['num.partitions'] // 3
 */
export function parseServerConfig(given: Readonly<Record<string, string | number | boolean>>): ServerConfig {
  const values: Record<string, unknown> = {}
  for (const name of serverKeyNames) values[name] = serverKeys[name].default
  const names = new Set<ServerKeyName>()
  const order = [...Object.keys(coarserKeys), ...Object.keys(given)]
  for (const name of new Set(order)) {
    const value = given[name]
    if (value === undefined) continue
    const { key, unitMs } = coarserKey(name) ?? { key: name, unitMs: 1 }
    if (!isServerKey(key)) throw unknownKey(name)
    try {
      const parsed = parseConfigValue(name, serverKeys[key], String(value))
      // -1 means "no limit" in every unit.
      values[key] = typeof parsed === 'number' && parsed > 0 ? parsed * unitMs : parsed
    } catch (cause) {
      if (!(cause instanceof ConfigValueError)) throw cause
      throw new MillraceError('BROKER_CONFIG_INVALID', {
        message: `${cause.message}.`,
        fix: `Correct ${name}, or leave it out for the default. ${serverKeys[key].doc}`,
        cause,
      })
    }
    names.add(key)
  }
  return { ...values, given: names } as unknown as ServerConfig
}

function isServerKey(name: string): name is ServerKeyName {
  return Object.hasOwn(serverKeys, name)
}

function unknownKey(name: string): MillraceError {
  const near = suggest(name, [...serverKeyNames, ...Object.keys(coarserKeys)])
  return new MillraceError('BROKER_CONFIG_UNKNOWN', {
    message: `This broker has no property '${name}'.`,
    fix: near ? `Did you mean '${near}'?` : `The properties are listed in docs/broker-configuration.md.`,
  })
}
