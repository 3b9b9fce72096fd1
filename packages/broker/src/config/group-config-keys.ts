import { type ConfigKey, type ConfigValue, ConfigValueError, int, parseConfigValue } from './key.ts'
import { groupKeys } from './group-keys.ts'
import type { ConfigTexts, ServerConfig, ServerKeyName } from './server-config.ts'

/** What a group can be configured with (KIP-848). Those of share and streams groups are not here: they are not served. */
export const groupConfigKeys = {
  'consumer.assignment.interval.ms': int({
    default: groupKeys['group.consumer.assignment.interval.ms'].default,
    min: 0,
    doc: groupKeys['group.consumer.assignment.interval.ms'].doc,
  }),
  'consumer.heartbeat.interval.ms': int({
    default: 5_000,
    min: 1,
    doc: groupKeys['group.consumer.heartbeat.interval.ms'].doc,
  }),
  'consumer.session.timeout.ms': int({
    default: 45_000,
    min: 1,
    doc: groupKeys['group.consumer.session.timeout.ms'].doc,
  }),
} as const satisfies Record<string, ConfigKey>

export type GroupKeyName = keyof typeof groupConfigKeys

export type GroupConfig = { readonly [N in GroupKeyName]: ConfigValue<(typeof groupConfigKeys)[N]> }

export const groupKeyNames = Object.keys(groupConfigKeys) as GroupKeyName[]

interface Bounds {
  /** The server property that gives the default. */
  readonly synonym: ServerKeyName
  readonly min: ServerKeyName
  readonly max: ServerKeyName
}

export const groupBounds: { readonly [N in GroupKeyName]: Bounds } = {
  'consumer.assignment.interval.ms': {
    synonym: 'group.consumer.assignment.interval.ms',
    min: 'group.consumer.min.assignment.interval.ms',
    max: 'group.consumer.max.assignment.interval.ms',
  },
  'consumer.heartbeat.interval.ms': {
    synonym: 'group.consumer.heartbeat.interval.ms',
    min: 'group.consumer.min.heartbeat.interval.ms',
    max: 'group.consumer.max.heartbeat.interval.ms',
  },
  'consumer.session.timeout.ms': {
    synonym: 'group.consumer.session.timeout.ms',
    min: 'group.consumer.min.session.timeout.ms',
    max: 'group.consumer.max.session.timeout.ms',
  },
}

export function isGroupKey(name: string): name is GroupKeyName {
  return Object.hasOwn(groupConfigKeys, name)
}

/** Checks all that one group is configured with. Throws {@link ConfigValueError}. */
export function checkGroupConfig(texts: ConfigTexts, server: ServerConfig): void {
  for (const name of texts.keys()) {
    if (!isGroupKey(name)) throw new ConfigValueError(`Unknown group config name: ${name}`)
  }
  const values = new Map(
    [...texts].map(([name, text]) => [name, parseConfigValue(name, groupConfigKeys[name as GroupKeyName], text)]),
  )
  const valueOf = (name: GroupKeyName) => values.get(name) ?? (server[groupBounds[name].synonym] as number)
  for (const name of groupKeyNames) {
    const { min, max } = groupBounds[name]
    if (!values.has(name)) continue
    if (valueOf(name) < (server[min] as number)) {
      throw new ConfigValueError(`${name} must be greater than or equal to ${min}`)
    }
    if (valueOf(name) > (server[max] as number))
      throw new ConfigValueError(`${name} must be less than or equal to ${max}`)
  }
  if (valueOf('consumer.session.timeout.ms') <= valueOf('consumer.heartbeat.interval.ms')) {
    throw new ConfigValueError('consumer.session.timeout.ms must be greater than consumer.heartbeat.interval.ms')
  }
}

/** A group's configuration: its own, then the server's. What is stored and out of the server's bounds is brought into them. */
export function resolveGroupConfig(texts: ConfigTexts, server: ServerConfig): GroupConfig {
  const values: Record<string, number> = {}
  for (const name of groupKeyNames) {
    const { synonym, min, max } = groupBounds[name]
    const text = texts.get(name)
    const value = text === undefined ? (server[synonym] as number) : parseConfigValue(name, groupConfigKeys[name], text)
    values[name] = text === undefined ? value : Math.min(Math.max(value, server[min] as number), server[max] as number)
  }
  return values as unknown as GroupConfig
}
