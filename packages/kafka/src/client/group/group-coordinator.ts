import { OffsetCommit, OffsetFetch } from '../../definitions/index.ts'
import { ErrorCode, KafkaError } from '../../errors/index.ts'
import type { TopicPartition } from './assignors/assignor.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { Coordinator } from '../cluster/coordinator.ts'
import { isRetriable } from '../cluster/errors.ts'
import { uuidKey } from '../cluster/metadata.ts'
import { retry } from '../cluster/waiting.ts'

/** An offset to commit or that was committed: of the next record to read, not of the last one read. */
export interface CommittedOffset extends TopicPartition {
  readonly offset: number
  /** Of the last record that was read (KIP-320), where it is known. */
  readonly leaderEpoch?: number
  /** Whatever the committer wants to keep with it. */
  readonly metadata?: string
}

/** What a producer must know of a consumer to commit its offsets in a transaction: {@link KafkaConsumer.groupMetadata}. */
export interface ConsumerGroupMetadata extends GroupIdentity {
  readonly groupId: string
}

/** Who commits; the empty member is somebody outside of the group's membership. */
export interface GroupIdentity {
  readonly memberId: string
  readonly generationId: number
  readonly groupInstanceId: string | null
}

export const NO_MEMBER: GroupIdentity = { memberId: '', generationId: -1, groupInstanceId: null }

export interface OffsetCallOptions {
  timeoutMs: number
  signal?: AbortSignal | undefined
}

export interface CommitOptions extends OffsetCallOptions {
  /** Whether topics that the coordinator does not know are waited for, since it may not have heard of them yet. Default true. */
  awaitsTopics?: boolean
}

/**
 * Not the lane of the group: a JoinGroup that the coordinator holds back would hold back what has to be committed before
 * this member leaves.
 */
const OFFSETS_LANE = { lane: 'common' } as const

/** Of OffsetCommit and OffsetFetch. */
const LAST_OFFSET_VERSION_BY_NAME = 9

/** The broker that keeps a group, and the group's offsets there. */
export class GroupCoordinator extends Coordinator {
  readonly groupId: string
  readonly #cluster: Cluster

  constructor(cluster: Cluster, groupId: string) {
    super(cluster, { kind: 'group', key: groupId, lane: 'group' })
    this.#cluster = cluster
    this.groupId = groupId
  }

  /**
   * Stores offsets, trying again while the coordinator moves or loads. `identity` is asked before each attempt: the epoch
   * of a KIP-848 member may move on meanwhile.
   *
   * @throws {KafkaError} ILLEGAL_GENERATION, UNKNOWN_MEMBER_ID, FENCED_INSTANCE_ID, REBALANCE_IN_PROGRESS and others
   * @throws {ClientTimeoutError}
   */
  async commit(
    offsets: readonly CommittedOffset[],
    identity: () => GroupIdentity,
    options: CommitOptions,
  ): Promise<void> {
    if (offsets.length === 0) return
    const what = `Committing offsets of group ${this.groupId}`
    const topics = groupByTopic(offsets).map(([name, ofTopic]) => ({
      name,
      topicId: this.#cluster.metadata.topics.get(name)?.topicId,
      partitions: ofTopic.map(({ partition, offset, leaderEpoch, metadata }) => ({
        partitionIndex: partition,
        committedOffset: offset,
        committedLeaderEpoch: leaderEpoch ?? -1,
        committedMetadata: metadata ?? '',
      })),
    }))
    const maxVersion = versionFor(topics)
    await retry(this.#retryOptions(what, identity, options), async () => {
      const { generationId, memberId, groupInstanceId } = identity()
      const response = await this.send(
        OffsetCommit,
        (version) => {
          const { groupId } = this
          const request = { groupId, generationIdOrMemberEpoch: generationId, memberId, topics }
          return version >= 7 ? { ...request, groupInstanceId } : request
        },
        (answer) => firstError(answer.topics.flatMap((topic) => topic.partitions)),
        { ...maxVersion, ...OFFSETS_LANE },
      )
      for (const topic of response.topics) {
        for (const { partitionIndex, errorCode } of topic.partitions) {
          if (errorCode === ErrorCode.NONE) continue
          throw new KafkaError(errorCode, `${what} for ${nameOf(topic, topics)}-${partitionIndex}`)
        }
      }
    })
  }

  /**
   * The stored offsets of these partitions, or of all; those that have none are left out.
   *
   * @throws {KafkaError}
   * @throws {ClientTimeoutError}
   */
  async committed(
    partitions: readonly TopicPartition[] | 'all',
    options: OffsetCallOptions & { requireStable?: boolean; identity?: () => GroupIdentity },
  ): Promise<CommittedOffset[]> {
    const { groupId } = this
    const what = `Fetching offsets of group ${groupId}`
    const topics =
      partitions === 'all'
        ? null
        : groupByTopic(partitions).map(([name, ofTopic]) => ({
            name,
            topicId: this.#cluster.metadata.topics.get(name)?.topicId,
            partitionIndexes: ofTopic.map(({ partition }) => partition),
          }))
    const { requireStable = false, identity = () => NO_MEMBER } = options
    // Asked for all, the coordinator would answer with ids that nobody here has a name for.
    const maxVersion = topics ? versionFor(topics) : { maxVersion: LAST_OFFSET_VERSION_BY_NAME }
    return retry(this.#retryOptions(what, identity, options), async () => {
      const response = await this.send(
        OffsetFetch,
        (version) => {
          if (version < 8) return { groupId, topics, groups: [], requireStable: version >= 7 && requireStable }
          const { memberId, generationId: memberEpoch } = identity()
          const member = memberId === '' ? {} : { memberId, memberEpoch }
          return { groupId: '', topics: [], groups: [{ groupId, topics, ...member }], requireStable }
        },
        (answer) => answer.groups[0]?.errorCode ?? answer.errorCode,
        { ...maxVersion, ...OFFSETS_LANE },
      )
      const answer = response.groups[0] ?? response
      if (answer.errorCode !== ErrorCode.NONE) throw new KafkaError(answer.errorCode, what)
      const offsets: CommittedOffset[] = []
      for (const found of answer.topics) {
        const topic = nameOf(found, topics ?? [])
        for (const entry of found.partitions) {
          const { partitionIndex: partition, committedOffset: offset, committedLeaderEpoch, metadata } = entry
          if (entry.errorCode !== ErrorCode.NONE)
            throw new KafkaError(entry.errorCode, `${what} for ${topic}-${partition}`)
          const epoch = committedLeaderEpoch >= 0 ? { leaderEpoch: committedLeaderEpoch } : {}
          if (offset >= 0) offsets.push({ topic, partition, offset, ...epoch, metadata: metadata ?? '' })
        }
      }
      return offsets
    })
  }

  #retryOptions(what: string, identity: () => GroupIdentity, options: CommitOptions) {
    const { timeoutMs, signal, awaitsTopics = true } = options
    const onRetry = (error: unknown) => {
      if (error instanceof KafkaError && isAboutTopicId(error)) this.#cluster.requestRefresh()
    }
    // A heartbeat that is under way brings the epoch that the coordinator wants.
    const retriable = (error: unknown) =>
      (isRetriable(error) && (awaitsTopics || !(error instanceof KafkaError && isAboutTopic(error)))) ||
      (error instanceof KafkaError && error.kafkaCode === ErrorCode.STALE_MEMBER_EPOCH && identity().memberId !== '')
    return { ...this.#cluster.retryOptions(what), timeoutMs, signal, onRetry, retriable }
  }
}

function isAboutTopic(error: KafkaError): boolean {
  return isAboutTopicId(error) || error.kafkaCode === ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
}

function isAboutTopicId({ kafkaCode }: KafkaError): boolean {
  return kafkaCode === ErrorCode.UNKNOWN_TOPIC_ID || kafkaCode === ErrorCode.INCONSISTENT_TOPIC_ID
}

type RequestedTopic = { readonly name: string; readonly topicId: Uint8Array | undefined }

/** Answers name topics as the request did: by name, or by id from version 10 on. */
function nameOf(topic: { name: string; topicId?: Uint8Array }, asked: readonly RequestedTopic[]): string {
  if (topic.name !== '') return topic.name
  const id = uuidKey(topic.topicId)
  return asked.find(({ topicId }) => uuidKey(topicId) === id)?.name ?? ''
}

/** Topics go by id where all ids are known: then offsets cannot become those of a new topic of the same name. */
function versionFor(topics: readonly RequestedTopic[]): { maxVersion?: number } {
  return topics.every(({ topicId }) => topicId !== undefined) ? {} : { maxVersion: LAST_OFFSET_VERSION_BY_NAME }
}

function firstError(answers: readonly { errorCode: number }[]): number {
  return answers.find((answer) => answer.errorCode !== ErrorCode.NONE)?.errorCode ?? ErrorCode.NONE
}

export function groupByTopic<T extends TopicPartition>(partitions: readonly T[]): [string, T[]][] {
  const byTopic = new Map<string, T[]>()
  for (const partition of partitions) {
    const ofTopic = byTopic.get(partition.topic)
    if (ofTopic) ofTopic.push(partition)
    else byTopic.set(partition.topic, [partition])
  }
  return [...byTopic]
}
