/**
 * Changes of configurations: which may be made, and the records that make them. Where a request is refused, the code and the
 * sentence are those of Apache Kafka 4.3.
 */
import { ErrorCode, type MetadataRecordInput } from '@millrace/kafka'
import { checkClientMetrics, ClientMetricsRequestError } from '../config/client-metrics-keys.ts'
import { checkGroupConfig } from '../config/group-config-keys.ts'
import { kafkaKeptKeys, kafkaListenerKey, kafkaPerBrokerKeys, kafkaReadOnlyKeys } from '../config/kafka-keys.ts'
import { type ConfigKey, ConfigValueError, formatConfigValue, listEntries, parseConfigValue } from '../config/key.ts'
import { type ConfigTexts, isServerKey, type ServerConfig, serverKey } from '../config/server-config.ts'
import { checkTopicOverrides, isTopicKey, topicKey } from '../config/topic-config.ts'
import { type ClusterImage, configRecord } from './cluster-image.ts'
import { resourceTypes } from './resource-configs.ts'
import { type CommandError, refusal } from './topic-commands.ts'
import { topicNameProblem } from './topic-name.ts'

/** By the numbers of IncrementalAlterConfigs (KIP-339). */
export const configOperations = { set: 0, delete: 1, append: 2, subtract: 3 } as const

export interface ConfigOperation {
  readonly name: string
  readonly configOperation: number
  readonly value: string | null
}

/** What is asked for one resource. */
export interface ConfigChange {
  readonly resourceType: number
  readonly resourceName: string
  readonly configs: readonly ConfigOperation[]
  /** What is not named goes back to its default (AlterConfigs). */
  readonly replacesAll: boolean
}

interface Context {
  readonly image: ClusterImage
  readonly server: ServerConfig
}

/** The records that make a change, or why it cannot be made. */
export function planConfigChange(
  change: ConfigChange,
  context: Context,
): readonly MetadataRecordInput[] | CommandError {
  const { resourceType, resourceName, configs } = change
  const nulls = configs.filter(
    ({ configOperation, value }) => configOperation !== configOperations.delete && value === null,
  )
  if (nulls.length > 0) {
    return invalid(`Null value not supported for : ${nulls.map(({ name }) => name).join(',')}`)
  }
  if (new Set(configs.map(({ name }) => name)).size < configs.length) {
    return invalid('Error due to duplicate config keys')
  }
  const known: readonly number[] = Object.values(configOperations)
  if (configs.some(({ configOperation }) => !known.includes(configOperation))) {
    return { errorCode: ErrorCode.UNKNOWN_SERVER_ERROR, errorMessage: 'A configuration operation is unknown.' }
  }
  const misnamed = nameProblem(resourceType, resourceName, context)
  if (misnamed) return misnamed
  const present = context.image.configsOf(resourceType, resourceName)
  try {
    const next = applyOperations(change, present)
    const refused = check(change, next, context)
    return refused ?? [...difference(change, present, next)]
  } catch (cause) {
    if (cause instanceof ConfigValueError) return refusal(ErrorCode.INVALID_CONFIG, cause.message)
    if (cause instanceof ClientMetricsRequestError) return invalid(cause.message)
    throw cause
  }
}

function invalid(errorMessage: string): CommandError {
  return refusal(ErrorCode.INVALID_REQUEST, errorMessage)
}

function nameProblem(type: number, name: string, { image, server }: Context): CommandError | undefined {
  switch (type) {
    case resourceTypes.topic: {
      if (name === '') return invalid('Default topic resources are not allowed.')
      const problem = topicNameProblem(name)
      if (problem) return refusal(ErrorCode.INVALID_TOPIC_EXCEPTION, problem)
      if (image.topics.has(name)) return undefined
      return refusal(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, `The topic '${name}' does not exist.`)
    }
    case resourceTypes.broker:
      return name === '' ? undefined : brokerNameProblem(name, server['node.id'], 'broker')
    case resourceTypes.clientMetrics:
      return name === '' ? invalid("Subscription name can't be empty") : undefined
    case resourceTypes.group:
      return name === '' ? invalid('Default group resources are not allowed.') : undefined
    default:
      return invalid(`Unknown resource type ${type}`)
  }
}

/** Why the resource of a broker (or of its loggers) is not this one. */
export function brokerNameProblem(name: string, nodeId: number, what: 'broker' | 'node'): CommandError | undefined {
  if (!/^[-+]?\d+$/.test(name)) return invalid(`Node id must be an integer, but it is: ${name}`)
  if (Number(name) === nodeId) return undefined
  return invalid(
    what === 'broker'
      ? `Unexpected broker id, expected ${nodeId}, but received ${name}`
      : `Unexpected node id. Expected ${nodeId}, but received ${name}`,
  )
}

function applyOperations(change: ConfigChange, present: ConfigTexts): ConfigTexts {
  const next = new Map(change.replacesAll ? [] : present)
  for (const { name, configOperation, value } of change.configs) {
    const text = value ?? ''
    switch (configOperation) {
      case configOperations.set:
        next.set(name, text)
        break
      case configOperations.delete:
        next.delete(name)
        break
      default:
        changeList(next, change.resourceType, name, configOperation === configOperations.append, text)
    }
  }
  return next
}

function changeList(next: Map<string, string>, type: number, name: string, appends: boolean, text: string): void {
  const key = keyOf(type, name)
  if (key?.type !== 'list') throw new ConfigValueError(noListProblem(type, name, appends))
  const entries = listEntries(next.get(name) ?? formatConfigValue(key.default))
  const given = listEntries(text)
  const result = appends
    ? [...entries, ...given.filter((entry) => !entries.includes(entry))]
    : entries.filter((entry) => !given.includes(entry))
  next.set(name, result.join(','))
}

function noListProblem(type: number, name: string, appends: boolean): string {
  if (type === resourceTypes.broker) {
    return `Config value ${appends ? 'append' : 'subtract'} is not allowed for config key: ${name}`
  }
  return `Can't ${appends ? 'APPEND' : 'SUBTRACT'} to key ${name} because its type is not LIST.`
}

function keyOf(type: number, name: string): ConfigKey | undefined {
  if (type === resourceTypes.topic && isTopicKey(name)) return topicKey(name)
  if (type === resourceTypes.broker && isServerKey(name)) return serverKey(name)
  return undefined
}

/** Throws {@link ConfigValueError} or answers a refusal when the configuration would be wrong. */
function check(change: ConfigChange, next: ConfigTexts, context: Context): CommandError | undefined {
  switch (change.resourceType) {
    case resourceTypes.topic:
      checkTopicOverrides(next)
      return undefined
    case resourceTypes.broker:
      return brokerProblem(change, next) ?? insyncReplicasProblem(change, next, context.image)
    case resourceTypes.clientMetrics:
      checkClientMetrics(next)
      return undefined
    default:
      checkGroupConfig(next, context.server)
      return undefined
  }
}

/** KIP-226: only some properties can be changed while a broker runs. What is not known is kept for what may know it. */
function brokerProblem({ resourceName }: ConfigChange, next: ConfigTexts): CommandError | undefined {
  const names = [...next.keys()]
  const isStatic = (name: string) => (isServerKey(name) ? !serverKey(name).dynamic : kafkaReadOnlyKeys.has(name))
  const fixed = names.filter(isStatic).sort()
  if (fixed.length > 0) return invalid(`Cannot update these configs dynamically: [${fixed.join(', ')}]`)
  const perBroker = names.filter((name) => kafkaPerBrokerKeys.has(name)).sort()
  if (resourceName === '' && perBroker.length > 0) {
    return invalid(
      `Cannot update these configs at default cluster level, broker id must be specified: [${perBroker.join(', ')}]`,
    )
  }
  const ofListeners = names.filter((name) => kafkaListenerKey.test(name)).sort()
  if (ofListeners.length > 0) {
    return invalid(
      `These security configs can be dynamically updated only per-listener using the listener prefix: [${ofListeners.join(', ')}]`,
    )
  }
  for (const [name, text] of next) {
    const key = isServerKey(name) ? serverKey(name) : kafkaKeptKeys[name]
    try {
      if (key) parseConfigValue(name, key, text)
    } catch (cause) {
      if (!(cause instanceof ConfigValueError)) throw cause
      return invalid(cause.message)
    }
  }
  return undefined
}

/** KIP-966: with eligible leader replicas the minimum is the same on all brokers, and always set. */
function insyncReplicasProblem(
  { resourceName, configs, replacesAll }: ConfigChange,
  next: ConfigTexts,
  image: ClusterImage,
): CommandError | undefined {
  const name = 'min.insync.replicas'
  if (!image.features.has('eligible.leader.replicas.version')) return undefined
  if (resourceName !== '' && configs.some((config) => config.name === name)) {
    return refusal(ErrorCode.INVALID_CONFIG, 'Broker-level min.insync.replicas cannot be altered while ELR is enabled.')
  }
  const isRemoved = replacesAll || configs.some((config) => config.name === name)
  if (resourceName === '' && isRemoved && !next.has(name)) {
    return refusal(
      ErrorCode.INVALID_CONFIG,
      'Cluster-level min.insync.replicas cannot be removed while ELR is enabled.',
    )
  }
  return undefined
}

function* difference(
  { resourceType, resourceName }: ConfigChange,
  present: ConfigTexts,
  next: ConfigTexts,
): Generator<MetadataRecordInput> {
  for (const [name, value] of next) {
    if (present.get(name) !== value) yield configRecord(resourceType, resourceName, name, value)
  }
  for (const name of present.keys()) {
    if (!next.has(name)) yield configRecord(resourceType, resourceName, name, null)
  }
}
