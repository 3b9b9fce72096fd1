import { MillraceError, suggest } from '@millrace/std'
import { kafkaKeptKeys, kafkaReadOnlyKeys } from './kafka-keys.ts'
import { type ConfigKey, type ConfigValue, ConfigValueError, parseConfigValue } from './key.ts'
import { serverKeys } from './server-keys.ts'

export type ServerKeyName = keyof typeof serverKeys

/** Values as text by property name, as they were set. */
export type ConfigTexts = ReadonlyMap<string, string>

/**
 * Where the broker's values come from; what was set for this broker counts before what was set for all, and both before what
 * it was started with (KIP-226).
 */
export interface ServerLayers {
  readonly broker: ConfigTexts
  readonly cluster: ConfigTexts
  readonly static: ConfigTexts
}

/**
 * Parsed values by property name: `config['num.partitions']` is a number. Those of dynamic keys change while the broker runs,
 * so ask when you need one.
 */
export type ServerConfig = { readonly [N in ServerKeyName]: ConfigValue<(typeof serverKeys)[N]> } & {
  /** The names that the broker was started with, not left at their default. */
  readonly given: ReadonlySet<ServerKeyName>
  readonly layers: ServerLayers
}

/** Keys that give an unset one its value, in their own units: the first that is set counts. */
export const coarserKeys: {
  readonly [N in ServerKeyName]?: readonly { readonly name: ServerKeyName; unitMs: number }[]
} = {
  'log.retention.ms': [
    { name: 'log.retention.minutes', unitMs: 60_000 },
    { name: 'log.retention.hours', unitMs: 3_600_000 },
  ],
  'log.roll.ms': [{ name: 'log.roll.hours', unitMs: 3_600_000 }],
  'log.roll.jitter.ms': [{ name: 'log.roll.jitter.hours', unitMs: 3_600_000 }],
  'log.flush.interval.ms': [{ name: 'log.flush.scheduler.interval.ms', unitMs: 1 }],
}

export const serverKeyNames = Object.keys(serverKeys) as ServerKeyName[]
const dynamicKeyNames = serverKeyNames.filter((name) => serverKey(name).dynamic)
const noTexts: ConfigTexts = new Map()

export function serverKey(name: ServerKeyName): ConfigKey {
  return serverKeys[name]
}

export function isServerKey(name: string): name is ServerKeyName {
  return Object.hasOwn(serverKeys, name)
}

/**
 * Reads the configuration that the broker is started with.
 *
 * @throws MillraceError BROKER_CONFIG_UNKNOWN (a key that does not exist; the nearest one is suggested),
 *   BROKER_CONFIG_INVALID (a value of the wrong type or out of range).
 *
 * @example
 * parseServerConfig({ 'num.partitions': 3 })['num.partitions'] // 3
 */
export function parseServerConfig(given: Readonly<Record<string, string | number | boolean>>): ServerConfig {
  const texts = new Map<ServerKeyName, string>()
  for (const [name, value] of Object.entries(given)) {
    if (!isServerKey(name)) throw unknownKey(name)
    texts.set(name, String(value))
    check(name, String(value))
  }
  const config = { given: new Set(texts.keys()), layers: { broker: noTexts, cluster: noTexts, static: texts } }
  for (const name of serverKeyNames) setValue(config, name)
  return config as unknown as ServerConfig
}

/** Takes over what was set while the broker runs: in force at once. What is stored and wrong does not count. */
export function setDynamicConfig(server: ServerConfig, dynamic: { broker: ConfigTexts; cluster: ConfigTexts }): void {
  const config = server as { layers: ServerLayers }
  config.layers = { ...dynamic, static: server.layers.static }
  for (const name of dynamicKeyNames) setValue(config, name)
}

function setValue(config: { layers: ServerLayers }, name: ServerKeyName): void {
  const values = config as unknown as Record<string, unknown>
  values[name] = valueIn(config.layers, name) ?? coarserValue(config.layers, name) ?? serverKeys[name].default
}

function coarserValue(layers: ServerLayers, name: ServerKeyName): number | undefined {
  for (const { name: coarser, unitMs } of coarserKeys[name] ?? []) {
    const value = valueIn(layers, coarser) as number | undefined
    // -1 means "no limit" in every unit.
    if (value !== undefined) return value > 0 ? value * unitMs : value
  }
  return undefined
}

function valueIn(layers: ServerLayers, name: ServerKeyName): unknown {
  for (const layer of serverKey(name).dynamic ? [layers.broker, layers.cluster, layers.static] : [layers.static]) {
    const text = layer.get(name)
    if (text === undefined) continue
    try {
      return parseConfigValue(name, serverKey(name), text)
    } catch (cause) {
      if (!(cause instanceof ConfigValueError)) throw cause
    }
  }
  return undefined
}

function check(name: ServerKeyName, text: string): void {
  try {
    parseConfigValue(name, serverKey(name), text)
  } catch (cause) {
    if (!(cause instanceof ConfigValueError)) throw cause
    throw new MillraceError('BROKER_CONFIG_INVALID', {
      message: `${cause.message}.`,
      fix: `Correct ${name}, or leave it out for the default. ${serverKey(name).doc}`,
      cause,
    })
  }
}

/** Properties of Apache Kafka for which there is something else here. */
const instead = new Map([
  ['broker.id', "Use 'node.id'."],
  ['listeners', 'Give the address with --host and --port, or startBroker({ host, port }).'],
  ['log.dir', 'Give the data folder with --data, or startBroker({ data }).'],
  ['log.dirs', 'Give the data folder with --data, or startBroker({ data }).'],
])

function unknownKey(name: string): MillraceError {
  const isKafkas = kafkaReadOnlyKeys.has(name) || Object.hasOwn(kafkaKeptKeys, name)
  const near = isKafkas ? undefined : suggest(name, serverKeyNames)
  return new MillraceError('BROKER_CONFIG_UNKNOWN', {
    message: `This broker has no property '${name}'.`,
    fix:
      instead.get(name) ??
      (isKafkas ? "It is one of Apache Kafka's that has no meaning here: leave it out." : undefined) ??
      (near ? `Did you mean '${near}'?` : 'The properties are listed in docs/broker-configuration.md.'),
  })
}
