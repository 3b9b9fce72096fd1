import { suggest } from '@millrace/std'
import { type ConfigValue, ConfigValueError, formatConfigValue, parseConfigValue } from './key.ts'
import type { ServerConfig } from './server-config.ts'
import { serverSynonyms, type TopicKeyName, topicKeys } from './topic-keys.ts'

/** Parsed values by property name: `config['retention.ms']` is a number. */
export type TopicConfig = { readonly [N in TopicKeyName]: ConfigValue<(typeof topicKeys)[N]> }

export const topicKeyNames = Object.keys(topicKeys) as TopicKeyName[]

function isTopicKey(name: string): name is TopicKeyName {
  return Object.hasOwn(topicKeys, name)
}

/** Checks one override. Throws {@link ConfigValueError} for an unknown name or a bad value. */
export function checkTopicOverride(name: string, value: string): void {
  if (!isTopicKey(name)) {
    const near = suggest(name, topicKeyNames)
    throw new ConfigValueError(`Unknown topic config name: ${name}${near ? ` (did you mean ${near}?)` : ''}`)
  }
  parseConfigValue(name, topicKeys[name], value)
}

/** A topic's configuration: its own overrides, then the server's properties, then the defaults. */
export function resolveTopicConfig(overrides: ReadonlyMap<string, string>, server: ServerConfig): TopicConfig {
  const values: Record<string, unknown> = {}
  for (const name of topicKeyNames) {
    values[name] = parseConfigValue(name, topicKeys[name], overrides.get(name) ?? serverDefault(name, server))
  }
  return values as TopicConfig
}

/** What a topic without an override of `name` gets, as text. */
export function serverDefault(name: TopicKeyName, server: ServerConfig): string {
  const synonym = serverSynonyms[name]
  return formatConfigValue(synonym ? server[synonym] : topicKeys[name].default)
}
