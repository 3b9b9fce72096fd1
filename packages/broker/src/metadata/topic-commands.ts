import { ErrorCode } from '@millrace/kafka'
import { randomUuid, type Random } from '@millrace/std'
import { ConfigValueError } from '../config/key.ts'
import type { ServerConfig } from '../config/server-config.ts'
import { checkTopicOverrides } from '../config/topic-config.ts'
import type { ClusterImage, TopicImage } from './cluster-image.ts'
import { placeReplicas, type Replicas } from './replicas.ts'
import { collidingName, metadataTopicName, topicNameProblem } from './topic-name.ts'

/** A refusal, as clients get it. */
export interface CommandError {
  readonly errorCode: number
  readonly errorMessage: string
}

export function isCommandError(result: object): result is CommandError {
  return 'errorCode' in result
}

export interface NewTopic {
  readonly name: string
  /** -1: the broker's default, or as many as there are assignments. */
  readonly numPartitions: number
  readonly replicationFactor: number
  readonly assignments: readonly { partitionIndex: number; brokerIds: readonly number[] }[]
  readonly configs: readonly { name: string; value: string | null }[]
}

/** A wish for more partitions. */
export interface Growth {
  readonly name: string
  /** How many there shall be. */
  readonly count: number
  readonly assignments: readonly { brokerIds: readonly number[] }[] | null
}

/**
 * What a topic that may be created will be, or why it may not. `planned` are those that are created along with it, by
 * {@link collidingName}.
 */
export function planTopic(
  image: ClusterImage,
  topic: NewTopic,
  context: { server: ServerConfig; random: Random; planned: ReadonlyMap<string, string>; brokers: readonly number[] },
): TopicImage | CommandError {
  const { name } = topic
  const nameProblem = topicNameProblem(name)
  if (nameProblem) return refusal(ErrorCode.INVALID_TOPIC_EXCEPTION, nameProblem)
  if (name === metadataTopicName) return refusal(ErrorCode.INVALID_REQUEST, `Topic name '${name}' is reserved.`)
  if (image.topics.has(name)) return refusal(ErrorCode.TOPIC_ALREADY_EXISTS, `Topic '${name}' already exists.`)
  const colliding = image.collision(name) ?? context.planned.get(collidingName(name))
  if (colliding !== undefined) {
    return refusal(
      ErrorCode.INVALID_TOPIC_EXCEPTION,
      `Topic '${name}' collides with the existing topic '${colliding}': '.' and '_' count as the same.`,
    )
  }
  const start = image.topics.size + context.planned.size
  const replicas = planReplicas(topic, { ...context, start })
  if (isCommandError(replicas)) return replicas
  const configs = planConfigs(topic.configs)
  if (isCommandError(configs)) return configs
  const partitions = replicas.length
  return {
    name,
    id: randomUuid(context.random),
    partitions,
    replicas: [...replicas],
    configs: configs as Map<string, string>,
  }
}

function planReplicas(
  topic: NewTopic,
  { server, brokers, start }: { server: ServerConfig; brokers: readonly number[]; start: number },
): Replicas | CommandError {
  const { numPartitions, replicationFactor, assignments } = topic
  if (assignments.length > 0) {
    if (numPartitions !== -1 || replicationFactor !== -1) {
      return refusal(
        ErrorCode.INVALID_REQUEST,
        'Both assignments and a number of partitions or replicas were given; with assignments both must be -1.',
      )
    }
    return planAssignments(assignments, 0, brokers)
  }
  if (numPartitions !== -1 && numPartitions < 1) {
    return refusal(ErrorCode.INVALID_PARTITIONS, 'Number of partitions must be larger than 0.')
  }
  if (numPartitions > 10_000) {
    return refusal(ErrorCode.INVALID_PARTITIONS, `A topic may have at most 10000 partitions, not ${numPartitions}.`)
  }
  const factor = replicationFactor === -1 ? server['default.replication.factor'] : replicationFactor
  if (factor < 1 || factor > brokers.length) {
    return refusal(
      ErrorCode.INVALID_REPLICATION_FACTOR,
      factor < 1
        ? 'Replication factor must be larger than 0.'
        : `Replication factor ${factor} cannot be reached: this cluster is ${brokers.length === 1 ? 'one broker' : `${brokers.length} brokers`}.`,
    )
  }
  const partitions = numPartitions === -1 ? server['num.partitions'] : numPartitions
  return placeReplicas(brokers, { partitions, replicationFactor: factor, start })
}

/** Checks that partitions `first`, `first + 1` … are each assigned to brokers that there are. */
function planAssignments(
  assignments: NewTopic['assignments'],
  first: number,
  brokers: readonly number[],
): Replicas | CommandError {
  const sorted = [...assignments].sort((a, b) => a.partitionIndex - b.partitionIndex)
  for (const [i, { partitionIndex, brokerIds }] of sorted.entries()) {
    if (partitionIndex !== first + i) {
      return refusal(ErrorCode.INVALID_REPLICA_ASSIGNMENT, 'Partitions must be assigned consecutively, each once.')
    }
    const problem = assignmentProblem(brokerIds, brokers)
    if (problem) return problem
    const replicationFactor = sorted[0]?.brokerIds.length
    if (brokerIds.length !== replicationFactor) {
      return refusal(
        ErrorCode.INVALID_REPLICA_ASSIGNMENT,
        `The manual partition assignment includes a partition with ${brokerIds.length} replica(s), but this is not consistent with previous partitions, which have ${replicationFactor} replica(s).`,
      )
    }
  }
  return sorted.map(({ brokerIds }) => brokerIds)
}

/** Why a partition cannot be assigned to these brokers, of those that there are. */
export function assignmentProblem(brokerIds: readonly number[], brokers: readonly number[]): CommandError | undefined {
  const problem = (why: string) =>
    refusal(ErrorCode.INVALID_REPLICA_ASSIGNMENT, `The manual partition assignment includes ${why}`)
  if (brokerIds.length === 0) return problem('an empty replica list.')
  const sorted = [...brokerIds].sort((a, b) => a - b)
  const twice = sorted.find((id, i) => id === sorted[i + 1])
  if (twice !== undefined) return problem(`the broker ${twice} more than once.`)
  const stranger = sorted.find((id) => !brokers.includes(id))
  if (stranger !== undefined) return problem(`broker ${stranger}, but no such broker is registered.`)
  return undefined
}

function planConfigs(configs: NewTopic['configs']): Map<string, string> | CommandError {
  const values = new Map<string, string>()
  for (const { name, value } of configs) {
    if (value === null) return refusal(ErrorCode.INVALID_CONFIG, `The value of ${name} is null.`)
    values.set(name, value)
  }
  try {
    checkTopicOverrides(values)
  } catch (cause) {
    if (!(cause instanceof ConfigValueError)) throw cause
    return refusal(ErrorCode.INVALID_CONFIG, cause.message)
  }
  return values
}

/** The partitions that a topic gets in addition, or why it cannot grow. */
export function planGrowth(
  topic: TopicImage | undefined,
  { name, count, assignments }: Growth,
  brokers: readonly number[],
): Replicas | CommandError {
  if (!topic) return refusal(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, `There is no topic '${name}'.`)
  if (count <= topic.partitions) {
    const problem =
      count === topic.partitions
        ? `Topic already has ${count} partitions.`
        : `Topic has ${topic.partitions} partitions, which would not be an increase.`
    return refusal(ErrorCode.INVALID_PARTITIONS, problem)
  }
  if (count > 10_000)
    return refusal(ErrorCode.INVALID_PARTITIONS, `A topic may have at most 10000 partitions, not ${count}.`)
  const first = topic.partitions
  const partitions = count - first
  if (!assignments) {
    const replicationFactor = topic.replicas[0]?.length ?? 1
    const start = brokers.indexOf(topic.replicas[0]?.[0] ?? -1) + first
    return placeReplicas(brokers, { partitions, replicationFactor, start: Math.max(0, start) })
  }
  if (assignments.length !== partitions) {
    return refusal(
      ErrorCode.INVALID_REPLICA_ASSIGNMENT,
      `${partitions} partitions are to be added, ${assignments.length} are assigned.`,
    )
  }
  const indexed = assignments.map(({ brokerIds }, i) => ({ partitionIndex: first + i, brokerIds }))
  return planAssignments(indexed, first, brokers)
}

export function refusal(errorCode: number, errorMessage: string): CommandError {
  return { errorCode, errorMessage }
}
