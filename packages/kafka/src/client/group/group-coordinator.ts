import { OffsetCommit, OffsetFetch } from '../../definitions/index.ts'
import { ErrorCode, KafkaError } from '../../errors/index.ts'
import type { TopicPartition } from './assignors/assignor.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { Coordinator } from '../cluster/coordinator.ts'
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

/** Topic ids would be needed from these versions on, for which nothing here has a use. */
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
   * Stores offsets, trying again while the coordinator moves or loads.
   *
   * @throws {KafkaError} ILLEGAL_GENERATION, UNKNOWN_MEMBER_ID, FENCED_INSTANCE_ID, REBALANCE_IN_PROGRESS and others
   * @throws {ClientTimeoutError}
   */
  async commit(
    offsets: readonly CommittedOffset[],
    identity: GroupIdentity,
    options: { timeoutMs: number; signal?: AbortSignal | undefined },
  ): Promise<void> {
    if (offsets.length === 0) return
    const what = `Committing offsets of group ${this.groupId}`
    const topics = groupByTopic(offsets).map(([name, ofTopic]) => ({
      name,
      partitions: ofTopic.map(({ partition, offset, metadata }) => ({
        partitionIndex: partition,
        committedOffset: offset,
        committedMetadata: metadata ?? '',
      })),
    }))
    const request = {
      groupId: this.groupId,
      generationIdOrMemberEpoch: identity.generationId,
      memberId: identity.memberId,
      groupInstanceId: identity.groupInstanceId,
      topics,
    }
    await retry({ ...this.#cluster.retryOptions(what), ...options }, async () => {
      const response = await this.send(
        OffsetCommit,
        (version) => (version >= 7 ? request : { ...request, groupInstanceId: null }),
        (answer) => firstError(answer.topics.flatMap((topic) => topic.partitions)),
        { maxVersion: LAST_OFFSET_VERSION_BY_NAME },
      )
      for (const { name, partitions } of response.topics) {
        for (const { partitionIndex, errorCode } of partitions) {
          if (errorCode !== ErrorCode.NONE) throw new KafkaError(errorCode, `${what} for ${name}-${partitionIndex}`)
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
    options: { timeoutMs: number; signal?: AbortSignal | undefined; requireStable?: boolean },
  ): Promise<CommittedOffset[]> {
    const { groupId } = this
    const what = `Fetching offsets of group ${groupId}`
    const topics =
      partitions === 'all'
        ? null
        : groupByTopic(partitions).map(([name, ofTopic]) => ({
            name,
            partitionIndexes: ofTopic.map(({ partition }) => partition),
          }))
    const { timeoutMs, signal, requireStable = false } = options
    return retry({ ...this.#cluster.retryOptions(what), timeoutMs, signal }, async () => {
      const response = await this.send(
        OffsetFetch,
        (version) => {
          if (version >= 8) return { groupId: '', topics: [], groups: [{ groupId, topics }], requireStable }
          return { groupId, topics, groups: [], requireStable: version >= 7 && requireStable }
        },
        (answer) => answer.groups[0]?.errorCode ?? answer.errorCode,
        { maxVersion: LAST_OFFSET_VERSION_BY_NAME },
      )
      const answer = response.groups[0] ?? response
      if (answer.errorCode !== ErrorCode.NONE) throw new KafkaError(answer.errorCode, what)
      const offsets: CommittedOffset[] = []
      for (const { name: topic, partitions: ofTopic } of answer.topics) {
        for (const { partitionIndex: partition, committedOffset: offset, metadata, errorCode } of ofTopic) {
          if (errorCode !== ErrorCode.NONE) throw new KafkaError(errorCode, `${what} for ${topic}-${partition}`)
          if (offset >= 0) offsets.push({ topic, partition, offset, metadata: metadata ?? '' })
        }
      }
      return offsets
    })
  }
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
