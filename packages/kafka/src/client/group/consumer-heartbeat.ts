import { ConsumerGroupHeartbeat, type ConsumerGroupHeartbeatResponse } from '../../definitions/index.ts'
import { ErrorCode, KafkaError } from '../../errors/index.ts'
import { uuidKey } from '../cluster/metadata.ts'
import type { ResolvedConsumerOptions } from '../consumer/consumer-options.ts'
import type { SubscriptionState } from '../consumer/subscription.ts'
import type { TopicPartition } from './assignors/assignor.ts'
import { type GroupCoordinator, groupByTopic } from './group-coordinator.ts'

/** A partition as KIP-848 knows it: a topic that was made anew under the same name is another one. */
export interface AssignedPartition extends TopicPartition {
  readonly topicId: Uint8Array
}

/** Instead of an epoch: joins, leaves for good, leaves for a while as a static member. */
export const JOIN_EPOCH = 0
export const LEAVE_EPOCH = -1
export const LEAVE_STATIC_EPOCH = -2

/** From this version on a member chooses its id (KIP-1082) and may subscribe by a regular expression. */
const OWN_MEMBER_ID_VERSION = 1

/** What one heartbeat may tell: what did not change since the last answer is left out. */
export interface HeartbeatState {
  readonly memberId: string
  readonly memberEpoch: number
  readonly owned: readonly AssignedPartition[]
}

/**
 * The one request of KIP-848. Each field is sent when it is new for the coordinator; after a failure all are, since nobody
 * knows what arrived.
 */
export class ConsumerHeartbeat {
  readonly #coordinator: GroupCoordinator
  readonly #options: ResolvedConsumerOptions
  readonly #subscription: SubscriptionState
  /** As the coordinator last confirmed them. */
  #known: { subscription: string; owned: string } | undefined
  #hasJoined = false

  constructor(coordinator: GroupCoordinator, options: ResolvedConsumerOptions, subscription: SubscriptionState) {
    this.#coordinator = coordinator
    this.#options = options
    this.#subscription = subscription
  }

  /** @throws {KafkaError} what the coordinator answers @throws {ConnectionError} */
  async send(state: HeartbeatState): Promise<ConsumerGroupHeartbeatResponse> {
    const { groupId } = this.#coordinator
    const { memberEpoch } = state
    const isJoining = memberEpoch === JOIN_EPOCH
    if (isJoining) this.#known = undefined
    const { topics, serverPattern } = this.#subscription
    const subscription = JSON.stringify([topics, serverPattern])
    const owned = JSON.stringify(state.owned.map(({ topicId, partition }) => [uuidKey(topicId), partition]).sort())
    const isLeaving = memberEpoch < 0
    const tellsSubscription = !isLeaving && this.#known?.subscription !== subscription
    const tellsOwned = !isLeaving && this.#known?.owned !== owned
    const tellsAll = !isLeaving && this.#known === undefined
    this.#known = undefined
    const response = await this.#coordinator.send(
      ConsumerGroupHeartbeat,
      (version) => ({
        groupId,
        memberId: version < OWN_MEMBER_ID_VERSION && !this.#hasJoined ? '' : state.memberId,
        memberEpoch,
        // Also tells a static member that leaves from others.
        instanceId: tellsAll || isLeaving ? (this.#options.groupInstanceId ?? null) : null,
        ...(tellsAll
          ? {
              rackId: this.#options.clientRack ?? null,
              rebalanceTimeoutMs: this.#options.maxPollIntervalMs,
              serverAssignor: this.#options.groupRemoteAssignor ?? null,
            }
          : {}),
        ...(tellsSubscription ? { subscribedTopicNames: topics, ...this.#patternField(version) } : {}),
        ...(tellsOwned ? { topicPartitions: isJoining ? [] : toTopics(state.owned) } : {}),
      }),
      (answer) => answer.errorCode,
    )
    if (response.errorCode !== ErrorCode.NONE) {
      throw new KafkaError(response.errorCode, `Being a member of group ${groupId}`, response.errorMessage)
    }
    this.#hasJoined = true
    this.#known = isLeaving ? undefined : { subscription, owned: isJoining ? '[]' : owned }
    return response
  }

  #patternField(version: number): { subscribedTopicRegex?: string } {
    const { serverPattern } = this.#subscription
    if (version >= OWN_MEMBER_ID_VERSION) return { subscribedTopicRegex: serverPattern ?? '' }
    if (serverPattern === undefined) return {}
    const what = 'Subscribing by a pattern that the broker matches'
    throw new KafkaError(ErrorCode.UNSUPPORTED_VERSION, what, 'the broker is too old: subscribe with a RegExp instead')
  }
}

function toTopics(owned: readonly AssignedPartition[]) {
  return groupByTopic(owned).map(([, ofTopic]) => ({
    topicId: (ofTopic[0] as AssignedPartition).topicId,
    partitions: ofTopic.map(({ partition }) => partition),
  }))
}
