import { type ConfigKey, configTypes, formatConfigValue } from '../config/key.ts'
import { type ServerConfig, type ServerKeyName, serverKeyNames } from '../config/server-config.ts'
import { serverKeys } from '../config/server-keys.ts'
import { serverDefault, topicKeyNames } from '../config/topic-config.ts'
import { serverSynonyms, topicKeys } from '../config/topic-keys.ts'

/** Where a value comes from, by the numbers of DescribeConfigs (KIP-226). */
const configSources = { topic: 1, staticBroker: 4, default: 5 } as const

interface Synonym {
  readonly name: string
  readonly value: string
  readonly source: number
}

/** One configuration value with all that is known of it; callers pick what their message carries. */
export interface ConfigEntry {
  readonly name: string
  readonly value: string
  readonly readOnly: boolean
  readonly configSource: number
  readonly isSensitive: false
  /** The sources of the value, the one that counts first. */
  readonly synonyms: readonly Synonym[]
  readonly configType: number
  readonly documentation: string
}

export function describeTopicConfigs(overrides: ReadonlyMap<string, string>, server: ServerConfig): ConfigEntry[] {
  return topicKeyNames.map((name) => {
    const synonyms: Synonym[] = []
    const override = overrides.get(name)
    if (override !== undefined) synonyms.push({ name, value: override, source: configSources.topic })
    const serverName = serverSynonyms[name]
    if (serverName) synonyms.push(...serverSources(serverName, server))
    else synonyms.push({ name, value: serverDefault(name, server), source: configSources.default })
    return entry(name, topicKeys[name], synonyms, false)
  })
}

export function describeServerConfigs(server: ServerConfig): ConfigEntry[] {
  return serverKeyNames.map((name) => entry(name, serverKeys[name], serverSources(name, server), true))
}

function serverSources(name: ServerKeyName, server: ServerConfig): Synonym[] {
  const sources: Synonym[] = []
  if (server.given.has(name)) {
    sources.push({ name, value: formatConfigValue(server[name]), source: configSources.staticBroker })
  }
  sources.push({ name, value: formatConfigValue(serverKeys[name].default), source: configSources.default })
  return sources
}

function entry(name: string, key: ConfigKey, synonyms: readonly Synonym[], readOnly: boolean): ConfigEntry {
  const [first] = synonyms as [Synonym]
  return {
    name,
    value: first.value,
    readOnly,
    configSource: first.source,
    isSensitive: false,
    synonyms,
    configType: configTypes[key.type],
    documentation: key.doc,
  }
}
