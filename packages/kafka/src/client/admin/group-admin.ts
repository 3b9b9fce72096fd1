import type { ResponseOf } from '../../codec/schema.ts'
import { DeleteGroups, LeaveGroup, ListGroups, OffsetDelete } from '../../definitions/index.ts'
import { ErrorCode, KafkaError } from '../../errors/index.ts'
import type { TopicPartition } from '../group/assignors/assignor.ts'
import { type CommittedOffset, groupByTopic, NO_MEMBER } from '../group/group-coordinator.ts'
import { throwError } from './admin-context.ts'
import type {
  AdminCallOptions,
  ConsumerGroupDescription,
  GroupDescription,
  GroupFilter,
  GroupListing,
  GroupType,
  PartitionResult,
} from './admin-types.ts'
import { ConfigAdmin } from './config-admin.ts'
import { describeConsumerGroup, describeGroup } from './group-description.ts'

/** From these versions of ListGroups on a broker filters; before, it would silently send all. */
const STATES_VERSION = 4
const TYPES_VERSION = 5

/** Groups and their offsets. */
export class GroupAdmin extends ConfigAdmin {
  /**
   * The groups of all brokers: each knows those that it coordinates.
   *
   * @throws {KafkaError} UNSUPPORTED_VERSION when the broker cannot filter as asked
   */
  async listGroups(options: AdminCallOptions & GroupFilter = {}): Promise<GroupListing[]> {
    const { states = [], types = [] } = options
    const what = 'Listing groups'
    const request = (version: number) => {
      if ((states.length > 0 && version < STATES_VERSION) || (types.length > 0 && version < TYPES_VERSION)) {
        throw new KafkaError(ErrorCode.UNSUPPORTED_VERSION, what, 'the broker does not filter groups')
      }
      const typesFilter = version >= TYPES_VERSION ? { typesFilter: types } : { typesFilter: [] }
      return { statesFilter: states, ...typesFilter }
    }
    const lists = await this.context.retry(what, options, () =>
      this.context.toBrokers(undefined, ListGroups, request, (response) => {
        throwError(what, response)
        return response.groups
      }),
    )
    return lists
      .flat()
      .map(({ groupId, protocolType, groupState: state, groupType }) => {
        return {
          groupId,
          protocolType,
          state,
          type: groupType === '' ? undefined : (groupType.toLowerCase() as GroupType),
        }
      })
      .sort((a, b) => (a.groupId < b.groupId ? -1 : 1))
  }

  /** Groups of the classic protocol, whatever they are for. Those that do not exist come back as `Dead`, as from Kafka. */
  async describeGroups(groupIds: readonly string[], options: AdminCallOptions = {}): Promise<GroupDescription[]> {
    return this.#ofEach(groupIds, 'Describing', options, describeGroup)
  }

  /** Groups of consumers, of the classic protocol and of KIP-848. Those that do not exist come back as `Dead`. */
  async describeConsumerGroups(
    groupIds: readonly string[],
    options: AdminCallOptions = {},
  ): Promise<ConsumerGroupDescription[]> {
    return this.#ofEach(groupIds, 'Describing', options, describeConsumerGroup)
  }

  /** @throws {KafkaError} GROUP_ID_NOT_FOUND, NON_EMPTY_GROUP, for the first that failed; the others are deleted */
  async deleteGroups(groupIds: readonly string[], options: AdminCallOptions = {}): Promise<void> {
    await this.#ofEach(groupIds, 'Deleting', options, async (coordinator, what) => {
      const errorOf = (answer: ResponseOf<typeof DeleteGroups>) => answer.results[0]?.errorCode ?? ErrorCode.NONE
      const groupsNames = [coordinator.groupId]
      const response = await coordinator.send(DeleteGroups, { groupsNames }, errorOf, { lane: 'common' })
      throwError(what, { errorCode: errorOf(response) })
    })
  }

  /** The offsets that a group has stored: all, or those of some partitions. */
  async fetchOffsets(
    groupId: string,
    options: AdminCallOptions & { partitions?: readonly TopicPartition[]; requireStable?: boolean } = {},
  ): Promise<CommittedOffset[]> {
    const { partitions = 'all', requireStable = false } = options
    return this.context
      .coordinator(groupId)
      .committed(partitions, { ...this.context.callOptions(options), requireStable })
  }

  /** Sets offsets of a group that has no members. @throws {KafkaError} UNKNOWN_MEMBER_ID when it has some */
  async alterOffsets(
    groupId: string,
    offsets: readonly CommittedOffset[],
    options: AdminCallOptions = {},
  ): Promise<void> {
    await this.context.coordinator(groupId).commit(offsets, () => NO_MEMBER, this.context.callOptions(options))
  }

  /**
   * Removes stored offsets, of topics that no member subscribes to (KIP-496). Tells what became of each partition.
   *
   * @throws {KafkaError} GROUP_ID_NOT_FOUND
   */
  async deleteOffsets(
    groupId: string,
    partitions: readonly TopicPartition[],
    options: AdminCallOptions = {},
  ): Promise<PartitionResult[]> {
    const what = `Deleting offsets of group ${groupId}`
    const coordinator = this.context.coordinator(groupId)
    const topics = groupByTopic(partitions).map(([name, ofTopic]) => ({
      name,
      partitions: ofTopic.map(({ partition }) => ({ partitionIndex: partition })),
    }))
    const response = await this.context.retry(what, options, async () => {
      const answer = await coordinator.send(OffsetDelete, { groupId, topics }, (all) => all.errorCode, {
        lane: 'common',
      })
      throwError(what, answer)
      return answer
    })
    return response.topics.flatMap(({ name: topic, partitions: results }) =>
      results.map(({ partitionIndex: partition, errorCode }) => ({
        topic,
        partition,
        error:
          errorCode === ErrorCode.NONE ? undefined : new KafkaError(errorCode, `${what} for ${topic}-${partition}`),
      })),
    )
  }

  /**
   * Removes static members by their group.instance.id, or all members, from a group (KIP-345).
   *
   * @throws {KafkaError} UNKNOWN_MEMBER_ID and others, for the first that failed
   */
  async removeMembers(
    groupId: string,
    options: AdminCallOptions & { groupInstanceIds?: readonly string[]; reason?: string } = {},
  ): Promise<void> {
    const what = `Removing members of group ${groupId}`
    const { groupInstanceIds, reason = 'removed by an administrator' } = options
    const coordinator = this.context.coordinator(groupId)
    const members = groupInstanceIds
      ? groupInstanceIds.map((groupInstanceId) => ({ memberId: '', groupInstanceId, reason }))
      : (await this.describeConsumerGroups([groupId], options)).flatMap((group) =>
          group.members.map(({ memberId, groupInstanceId }) => ({ memberId, groupInstanceId, reason })),
        )
    if (members.length === 0) return
    await this.context.retry(what, options, async () => {
      const answer = await coordinator.send(LeaveGroup, { groupId, members }, (all) => all.errorCode, {
        lane: 'common',
      })
      throwError(what, answer)
      for (const result of answer.members) throwError(what, result)
    })
  }

  async #ofEach<T>(
    groupIds: readonly string[],
    doing: string,
    options: AdminCallOptions,
    act: (coordinator: ReturnType<typeof this.context.coordinator>, what: string) => Promise<T>,
  ): Promise<T[]> {
    return this.context.forEach(groupIds, (groupId) => {
      const coordinator = this.context.coordinator(groupId)
      const what = `${doing} group ${groupId}`
      return this.context.retry(what, options, () => act(coordinator, what))
    })
  }
}
