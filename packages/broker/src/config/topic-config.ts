import { suggest } from '@millrace/std'
import { type ConfigKey, type ConfigValue, ConfigValueError, formatConfigValue, parseConfigValue } from './key.ts'
import type { ConfigTexts, ServerConfig } from './server-config.ts'
import { serverSynonyms, type TopicKeyName, topicKeys } from './topic-keys.ts'

/** Parsed values by property name: `config['retention.ms']` is a number. */
export type TopicConfig = { readonly [N in TopicKeyName]: ConfigValue<(typeof topicKeys)[N]> }

export const topicKeyNames = Object.keys(topicKeys) as TopicKeyName[]

export function topicKey(name: TopicKeyName): ConfigKey {
  return topicKeys[name]
}

export function isTopicKey(name: string): name is TopicKeyName {
  return Object.hasOwn(topicKeys, name)
}

/** Checks all overrides of one topic. Throws {@link ConfigValueError} for an unknown name, or values that are wrong. */
export function checkTopicOverrides(overrides: ConfigTexts): void {
  for (const name of overrides.keys()) {
    if (isTopicKey(name)) continue
    const near = suggest(name, topicKeyNames)
    throw new ConfigValueError(`Unknown topic config name: ${name}${near ? ` (did you mean ${near}?)` : ''}`)
  }
  for (const [name, text] of overrides) parseConfigValue(name, topicKeys[name as TopicKeyName], text)
  const lag = (name: 'min.compaction.lag.ms' | 'max.compaction.lag.ms') =>
    parseConfigValue(name, topicKeys[name], overrides.get(name) ?? formatConfigValue(topicKeys[name].default))
  const [least, most] = [lag('min.compaction.lag.ms'), lag('max.compaction.lag.ms')]
  if (least > most) {
    throw new ConfigValueError(
      `conflict topic config setting min.compaction.lag.ms (${least}) > max.compaction.lag.ms (${most})`,
    )
  }
  if (overrides.get('remote.storage.enable')?.trim().toLowerCase() === 'true') {
    throw new ConfigValueError(
      'Tiered Storage functionality is disabled in the broker. Topic cannot be configured with remote log storage.',
    )
  }
}

/** A topic's configuration: its own overrides, then the server's properties, then the defaults. */
export function resolveTopicConfig(overrides: ConfigTexts, server: ServerConfig): TopicConfig {
  const values: Record<string, unknown> = {}
  for (const name of topicKeyNames) {
    const text = overrides.get(name)
    const synonym = serverSynonyms[name]
    if (text !== undefined) values[name] = parseConfigValue(name, topicKeys[name], text)
    else values[name] = synonym ? server[synonym] : topicKeys[name].default
  }
  return values as TopicConfig
}

/** What a topic without an override of `name` gets, as text. */
export function serverDefault(name: TopicKeyName, server: ServerConfig): string {
  const synonym = serverSynonyms[name]
  return formatConfigValue(synonym ? server[synonym] : topicKeys[name].default)
}
