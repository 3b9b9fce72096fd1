import type { Clock, Random, TimerHandle, Timers } from '@millrace/std'
import type { Journal, ProducerIdentity, TransactionMarker } from '../journal/journal.ts'
import { shardOf } from '../journal/shard-of.ts'
import type { Logger } from '../logger.ts'
import { ClassicGroup } from './classic-group.ts'
import { ConsumerGroup } from './consumer/consumer-group.ts'
import { type ConsumerGroupDescription, describeConsumerGroup } from './consumer/describe.ts'
import type { ConsumerHeartbeat, ConsumerHeartbeatAnswer } from './consumer/protocol.ts'
import type { GroupType, OffsetReader } from './group.ts'
import type { OffsetErrors } from './group-offsets.ts'
import type { CommittedOffsets } from './offset-store.ts'
import type {
  CommitRequest,
  GroupError,
  JoinRequest,
  JoinResponse,
  LeaveRequest,
  LeaveResponse,
  MemberRequest,
  Reply,
  SyncRequest,
  SyncResponse,
} from './protocol.ts'
import { type GroupSettings, noRecords } from './shard-context.ts'
import type { Refusal } from './refused.ts'
import { ShardRunner } from './shard-runner.ts'
import { TopicsImage, type TopicSource } from './topics-image.ts'

export interface GroupCoordinatorOptions {
  /** The logs of `__consumer_offsets`, one per partition. Makes the topic when it is missing. */
  readonly openJournals: () => Promise<readonly Journal[]>
  readonly clock: Clock
  readonly timers: Timers
  readonly random: Random
  readonly logger: Logger
  readonly settings: GroupSettings
  readonly topics: TopicSource
  readonly expireIntervalMs: number
}

export interface GroupDescription {
  readonly state: string
  readonly protocolType: string
  readonly protocol: string
  readonly members: readonly {
    memberId: string
    groupInstanceId: string | null
    clientId: string
    clientHost: string
    metadata: Uint8Array
    assignment: Uint8Array
  }[]
}

export interface GroupListing {
  readonly groupId: string
  readonly type: GroupType
  readonly protocolType: string
  readonly state: string
}

const noBytes = new Uint8Array(0)

/** All groups of the broker: spreads them over the shards, one per partition of `__consumer_offsets`, as Kafka does. */
export class GroupCoordinator {
  readonly #options: GroupCoordinatorOptions
  readonly #topics: TopicsImage
  #runners: readonly ShardRunner[] | undefined
  #loading: Promise<void> | undefined
  #expiry: TimerHandle | undefined
  #closed = false

  constructor(options: GroupCoordinatorOptions) {
    this.#options = options
    this.#topics = new TopicsImage(options.topics)
  }

  /** Makes `__consumer_offsets` when it is missing and replays it. Undefined when that is done. */
  ready(): Promise<void> | undefined {
    if (this.#runners) return undefined
    this.#loading ??= this.#load().finally(() => {
      this.#loading = undefined
    })
    return this.#loading
  }

  async join(request: JoinRequest): Promise<JoinResponse> {
    const runner = await this.#runnerFor(request.groupId)
    return runner.ask((reply) => runner.shard.membership.join(request, reply))
  }

  async sync(request: SyncRequest): Promise<SyncResponse> {
    const runner = await this.#runnerFor(request.groupId)
    return runner.ask((reply) => runner.shard.membership.sync(request, reply))
  }

  async heartbeat(request: MemberRequest): Promise<GroupError> {
    const runner = await this.#runnerFor(request.groupId)
    return runner.shard.membership.heartbeat(request)
  }

  async leave(request: LeaveRequest): Promise<LeaveResponse> {
    const runner = await this.#runnerFor(request.groupId)
    return runner.ask((reply) => runner.shard.membership.leave(request, reply))
  }

  /** The heartbeat of a KIP-848 member: its answer, or why it is refused. */
  async consumerHeartbeat(request: ConsumerHeartbeat): Promise<ConsumerHeartbeatAnswer | Refusal> {
    const runner = await this.#runnerFor(request.groupId)
    return runner.ask((reply: Reply<ConsumerHeartbeatAnswer | Refusal>) => {
      const { records, response } = runner.shard.consumers.heartbeat(request)
      reply(response)
      return records
    })
  }

  async commit(request: CommitRequest): Promise<OffsetErrors> {
    const runner = await this.#runnerFor(request.groupId)
    return runner.ask((reply) => {
      const { records, response } = runner.shard.offsets.commit(request)
      reply(response)
      return records
    })
  }

  /**
   * Commits offsets as part of a producer's transaction: they count once {@link completeTransaction} commits it. `isOpen` is
   * asked in the same breath whether the transaction is still open; `undefined` is answered when it is not. Rejects with
   * JournalError when the producer is fenced.
   */
  async commitTransactional(
    request: CommitRequest,
    producer: ProducerIdentity,
    isOpen: () => boolean,
  ): Promise<OffsetErrors | undefined> {
    const runner = await this.#runnerFor(request.groupId)
    return runner.ask((reply: Reply<OffsetErrors | undefined>) => {
      if (!isOpen()) {
        reply(undefined)
        return noRecords
      }
      const { records, response } = runner.shard.offsets.commit(request)
      reply(response)
      return records
    }, producer)
  }

  /** Ends a producer's transaction in a partition of `__consumer_offsets`. Resolves when that is durable. */
  async completeTransaction(partition: number, marker: TransactionMarker): Promise<void> {
    await this.ready()
    const runner = this.#runners?.[partition]
    if (!runner) throw new RangeError(`There is no partition ${partition} of the offsets of groups.`)
    return new Promise((resolve, reject) => {
      runner.mark(marker, resolve, reject)
    })
  }

  /** The partition of `__consumer_offsets` that a group belongs to. */
  async partitionOf(groupId: string): Promise<number> {
    await this.ready()
    return partitionOfGroup(groupId, this.#runners?.length ?? 1)
  }

  /**
   * What `read` makes of the committed offsets of a group, once all that it saw is durable; or why who asks may not read them.
   */
  async readOffsets<T>(
    groupId: string,
    reader: OffsetReader,
    read: (offsets: CommittedOffsets, isPending: (topic: string, partition: number) => boolean) => T,
  ): Promise<T | GroupError> {
    const runner = await this.#runnerFor(groupId)
    return runner.ask((reply: Reply<T | GroupError>) => {
      const error = runner.shard.groups.get(groupId)?.checkOffsetFetch(reader) ?? 'NONE'
      // Now, not when it is answered: by then commits may have come that are not durable.
      const { committed, pending } = runner.shard
      const isPending = (topic: string, partition: number) => pending.has({ group: groupId, topic, partition })
      reply(error === 'NONE' ? read(committed.of(groupId), isPending) : error)
      return noRecords
    })
  }

  /** Deletes committed offsets of topics that the group is not subscribed to: an error for all, or one for each. */
  async deleteOffsets(
    groupId: string,
    partitions: readonly { readonly topic: string; readonly partition: number }[],
  ): Promise<{ readonly error: GroupError; readonly errors: OffsetErrors }> {
    const runner = await this.#runnerFor(groupId)
    return runner.ask((reply) => {
      const { records, response } = runner.shard.offsets.deleteOffsets(groupId, partitions)
      reply(response)
      return records
    })
  }

  async delete(groupId: string): Promise<GroupError> {
    const runner = await this.#runnerFor(groupId)
    return runner.ask((reply) => {
      const { records, response } = runner.shard.offsets.deleteGroup(groupId)
      reply(response)
      return records
    })
  }

  /** A classic group, or why there is none. */
  async describe(groupId: string): Promise<GroupDescription | Refusal> {
    const runner = await this.#runnerFor(groupId)
    const group = runner.shard.groups.get(groupId)
    if (group instanceof ClassicGroup) return describe(group)
    const message = group ? `Group ${groupId} is not a classic group.` : `Group ${groupId} not found.`
    return { error: 'GROUP_ID_NOT_FOUND', message }
  }

  /** A consumer group, or why there is none. */
  async describeConsumerGroup(groupId: string): Promise<ConsumerGroupDescription | Refusal> {
    const runner = await this.#runnerFor(groupId)
    const group = runner.shard.groups.get(groupId)
    if (group instanceof ConsumerGroup) {
      return describeConsumerGroup(group, this.#topics, this.#options.settings.consumer.assignors[0] ?? 'uniform')
    }
    const message = group ? `Group ${groupId} is not a consumer group.` : `Group ${groupId} not found.`
    return { error: 'GROUP_ID_NOT_FOUND', message }
  }

  async list(): Promise<GroupListing[]> {
    await this.ready()
    return (this.#runners ?? []).flatMap(({ shard }) =>
      [...shard.groups.values()].map(({ id, type, protocolType, state }) => ({
        groupId: id,
        type,
        protocolType: protocolType ?? '',
        state,
      })),
    )
  }

  /** Offsets in a topic that was deleted mean nothing any more. */
  topicDeleted(topic: string, topicId: Uint8Array): void {
    for (const runner of this.#runners ?? []) runner.run(() => runner.shard.offsets.forgetTopic(topic, topicId))
  }

  close(): void {
    this.#closed = true
    if (this.#expiry) this.#options.timers.cancel(this.#expiry)
    for (const runner of this.#runners ?? []) runner.close()
  }

  async #runnerFor(groupId: string): Promise<ShardRunner> {
    await this.ready()
    this.#refreshTopics()
    const runners = this.#runners as readonly ShardRunner[]
    return runners[partitionOfGroup(groupId, runners.length)] as ShardRunner
  }

  async #load(): Promise<void> {
    const { openJournals, ...options } = this.#options
    const journals = await openJournals()
    this.#topics.refresh()
    const runners = journals.map((journal) => new ShardRunner({ ...options, topics: this.#topics, journal }))
    for (const runner of runners) runner.load()
    this.#runners = runners
    this.#scheduleExpiry()
  }

  #refreshTopics(): void {
    const changed = this.#topics.refresh()
    if (changed.length === 0) return
    for (const { shard } of this.#runners ?? []) shard.topicsChanged(changed)
  }

  #scheduleExpiry(): void {
    if (this.#closed) return
    this.#expiry = this.#options.timers.scheduleBackground(this.#options.expireIntervalMs, () => {
      for (const runner of this.#runners ?? []) runner.run(() => runner.shard.offsets.expire())
      this.#scheduleExpiry()
    })
  }
}

/** The partition of `__consumer_offsets` that a group belongs to: Java's hash of its id. */
export function partitionOfGroup(groupId: string, partitions: number): number {
  return shardOf(groupId, partitions)
}

function describe(group: ClassicGroup): GroupDescription {
  const { protocol } = group
  const isStable = group.state === 'Stable'
  return {
    state: group.state,
    protocolType: group.protocolType ?? '',
    protocol: isStable ? (protocol ?? '') : '',
    members: [...group.members.values()].map((member) => ({
      memberId: member.memberId,
      groupInstanceId: member.groupInstanceId,
      clientId: member.clientId,
      clientHost: member.clientHost,
      metadata: (isStable && member.protocols.find(({ name }) => name === protocol)?.metadata) || noBytes,
      assignment: member.assignment,
    })),
  }
}
