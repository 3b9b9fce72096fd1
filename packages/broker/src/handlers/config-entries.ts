import { clientMetricsKeyNames, clientMetricsKeys } from '../config/client-metrics-keys.ts'
import { groupBounds, groupConfigKeys, groupKeyNames } from '../config/group-config-keys.ts'
import { kafkaKeptKeys } from '../config/kafka-keys.ts'
import { type ConfigKey, configTypes, formatConfigValue } from '../config/key.ts'
import {
  coarserKeys,
  type ConfigTexts,
  isServerKey,
  type ServerConfig,
  type ServerKeyName,
  serverKey,
  serverKeyNames,
} from '../config/server-config.ts'
import { serverDefault, topicKey, topicKeyNames } from '../config/topic-config.ts'
import { serverSynonyms } from '../config/topic-keys.ts'

/** Where a value comes from, by the numbers of DescribeConfigs (KIP-226). */
const configSources = {
  topic: 1,
  broker: 2,
  cluster: 3,
  staticBroker: 4,
  default: 5,
  brokerLogger: 6,
  clientMetrics: 7,
  group: 8,
} as const

interface Synonym {
  readonly name: string
  readonly value: string | null
  readonly source: number
}

/** One configuration value with all that is known of it; callers pick what their message carries. */
export interface ConfigEntry {
  readonly name: string
  readonly value: string | null
  readonly readOnly: boolean
  readonly configSource: number
  readonly isSensitive: boolean
  /** The sources of the value, the one that counts first. */
  readonly synonyms: readonly Synonym[]
  readonly configType: number
  readonly documentation: string
}

export function describeTopicConfigs(overrides: ConfigTexts, server: ServerConfig): ConfigEntry[] {
  return topicKeyNames.map((name) => {
    const override = overrides.get(name)
    const synonym = serverSynonyms[name]
    const synonyms = synonym ? serverSources(synonym, server) : []
    if (override !== undefined) synonyms.unshift({ name, value: override, source: configSources.topic })
    return entry(name, topicKey(name), synonyms, { value: override ?? serverDefault(name, server) })
  })
}

/** What the broker was started with outside of its properties: where it listens, where its data are. */
export interface BrokerPlace {
  readonly host: string
  readonly port: number
  /** The data folder's absolute path. */
  readonly folder: string
}

/** Properties that Apache Kafka has for where a broker is; a list in each, of one here. */
export function describePlace({ host, port, folder }: BrokerPlace): ConfigEntry[] {
  const texts = { listeners: `PLAINTEXT://${host}:${port}`, 'log.dirs': folder }
  const docs = { listeners: 'Where the broker listens.', 'log.dirs': 'Where the topics are kept.' }
  return (Object.keys(texts) as (keyof typeof texts)[]).map((name) => ({
    name,
    value: texts[name],
    readOnly: true,
    configSource: configSources.staticBroker,
    isSensitive: false,
    synonyms: [{ name, value: texts[name], source: configSources.staticBroker }],
    configType: configTypes.list,
    documentation: docs[name],
  }))
}

/** All properties of this broker, and what else was set for it. */
export function describeBrokerConfigs(server: ServerConfig): ConfigEntry[] {
  const own = serverKeyNames.map((name) => {
    const synonyms = serverSources(name, server)
    return entry(name, serverKey(name), synonyms, {
      value: synonyms[0]?.value ?? null,
      readOnly: !serverKey(name).dynamic,
    })
  })
  const { broker, cluster } = server.layers
  const foreign = new Set([...broker.keys(), ...cluster.keys()].filter((name) => !isServerKey(name)))
  return [
    ...own,
    ...[...foreign].map((name) => {
      const values: Synonym[] = []
      for (const [layer, source] of [
        [broker, configSources.broker],
        [cluster, configSources.cluster],
      ] as const) {
        const value = layer.get(name)
        if (value !== undefined) values.push({ name, value, source })
      }
      return foreignEntry(name, values)
    }),
  ]
}

/** What was set for all brokers. */
export function describeClusterConfigs(server: ServerConfig): ConfigEntry[] {
  return [...server.layers.cluster].map(([name, value]) => {
    const synonyms = [{ name, value, source: configSources.cluster }]
    if (!isServerKey(name)) return foreignEntry(name, synonyms)
    return entry(name, serverKey(name), synonyms, { value })
  })
}

export function describeGroupConfigs(texts: ConfigTexts, server: ServerConfig): ConfigEntry[] {
  return groupKeyNames.map((name) => {
    const synonyms = serverSources(groupBounds[name].synonym, server)
    const text = texts.get(name)
    if (text !== undefined) synonyms.unshift({ name, value: text, source: configSources.group })
    return entry(name, groupConfigKeys[name], synonyms, { value: synonyms[0]?.value ?? null })
  })
}

export function describeClientMetrics(texts: ConfigTexts): ConfigEntry[] {
  return clientMetricsKeyNames.map((name) => {
    const key: ConfigKey = clientMetricsKeys[name]
    const text = texts.get(name)
    const synonyms = text === undefined ? [] : [{ name, value: text, source: configSources.clientMetrics }]
    return entry(name, key, synonyms, { value: text ?? formatConfigValue(key.default) })
  })
}

/** The levels of the broker's loggers, by name. */
export function describeLoggers(levels: Iterable<readonly [string, string]>): ConfigEntry[] {
  return [...levels].map(([name, value]) => ({
    name,
    value,
    readOnly: false,
    configSource: configSources.brokerLogger,
    isSensitive: false,
    synonyms: [],
    configType: 0,
    documentation: '',
  }))
}

/** What gives a property its value; what it is derived from where it is not set itself comes last. */
function serverSources(name: ServerKeyName, server: ServerConfig): Synonym[] {
  const own = ownSources(name, server)
  if (own.length === 0) return own
  return [...own, ...(coarserKeys[name] ?? []).flatMap((coarser) => ownSources(coarser.name, server))]
}

function ownSources(name: ServerKeyName, { layers }: ServerConfig): Synonym[] {
  const key = serverKey(name)
  const sources: Synonym[] = []
  const add = (value: string | undefined, source: number) => {
    if (value !== undefined) sources.push({ name, value, source })
  }
  if (key.dynamic) {
    add(layers.broker.get(name), configSources.broker)
    add(layers.cluster.get(name), configSources.cluster)
  }
  add(layers.static.get(name), configSources.staticBroker)
  if (!key.unset) add(formatConfigValue(key.default), configSources.default)
  return sources
}

function entry(
  name: string,
  key: ConfigKey,
  synonyms: readonly Synonym[],
  { value, readOnly = false }: { value: string | null; readOnly?: boolean },
): ConfigEntry {
  return {
    name,
    value,
    readOnly,
    configSource: synonyms[0]?.source ?? configSources.default,
    isSensitive: false,
    synonyms,
    configType: configTypes[key.type],
    documentation: key.doc,
  }
}

/** A property that nobody here knows may be a secret: as in Apache Kafka its value is not shown. */
function foreignEntry(name: string, synonyms: readonly Synonym[]): ConfigEntry {
  const key = kafkaKeptKeys[name]
  if (key) return entry(name, key, synonyms, { value: synonyms[0]?.value ?? null })
  return {
    name,
    value: null,
    readOnly: false,
    configSource: synonyms[0]?.source ?? configSources.default,
    isSensitive: true,
    synonyms: synonyms.map((synonym) => ({ ...synonym, value: null })),
    configType: 0,
    documentation: '',
  }
}
