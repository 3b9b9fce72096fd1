import { MillraceError, suggest } from '@millrace/std'
import { type ConfigValue, ConfigValueError, parseConfigValue } from './key.ts'
import { serverKeys } from './server-keys.ts'

export type ServerKeyName = keyof typeof serverKeys

/** Parsed values by property name: `config['num.partitions']` is a number. */
export type ServerConfig = { readonly [N in ServerKeyName]: ConfigValue<(typeof serverKeys)[N]> } & {
  /** The names that were set, not left at their default. */
  readonly given: ReadonlySet<ServerKeyName>
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
  for (const [name, value] of Object.entries(given)) {
    if (!isServerKey(name)) throw unknownKey(name)
    try {
      values[name] = parseConfigValue(name, serverKeys[name], String(value))
    } catch (cause) {
      if (!(cause instanceof ConfigValueError)) throw cause
      throw new MillraceError('BROKER_CONFIG_INVALID', {
        message: `${cause.message}.`,
        fix: `Correct ${name}, or leave it out for the default. ${serverKeys[name].doc}`,
        cause,
      })
    }
    names.add(name)
  }
  return { ...values, given: names } as unknown as ServerConfig
}

export function isServerKey(name: string): name is ServerKeyName {
  return Object.hasOwn(serverKeys, name)
}

function unknownKey(name: string): MillraceError {
  const near = suggest(name, serverKeyNames)
  return new MillraceError('BROKER_CONFIG_UNKNOWN', {
    message: `This broker has no property '${name}'.`,
    fix: near ? `Did you mean '${near}'?` : `The properties are listed in docs/broker-configuration.md.`,
  })
}
