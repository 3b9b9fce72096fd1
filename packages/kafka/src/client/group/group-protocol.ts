import { decodeStruct, encodeStruct } from '../../codec/struct.ts'
import { ConsumerProtocolAssignment, ConsumerProtocolSubscription } from '../../definitions/index.ts'
import type { GroupMember, PartitionAssignor, TopicPartition } from './assignors/assignor.ts'
import { groupByTopic } from './group-coordinator.ts'

/** What members and the leader of a classic group tell each other through the coordinator, which does not look into it. */
export const CONSUMER_PROTOCOL_TYPE = 'consumer'

const SUBSCRIPTION_VERSION = 3
const ASSIGNMENT_VERSION = 3

export function encodeSubscription(
  assignor: PartitionAssignor,
  subscription: { topics: readonly string[]; ownedPartitions: readonly TopicPartition[]; generationId: number },
): Uint8Array {
  const { topics, ownedPartitions, generationId } = subscription
  return encodeStruct(ConsumerProtocolSubscription, SUBSCRIPTION_VERSION, {
    topics,
    // Members of before KIP-792 look for the generation here.
    userData: assignor.name === 'cooperative-sticky' ? int32(generationId) : null,
    ownedPartitions: toTopics(ownedPartitions),
    generationId,
  })
}

/** @throws {ProtocolError} */
export function decodeSubscription(
  memberId: string,
  groupInstanceId: string | null,
  metadata: Uint8Array,
): GroupMember {
  const { value } = decodeStruct(ConsumerProtocolSubscription, metadata)
  const { topics, userData, ownedPartitions } = value
  const fromUserData = userData?.byteLength === 4 ? new DataView(userData.buffer, userData.byteOffset).getInt32(0) : -1
  return {
    memberId,
    groupInstanceId,
    topics,
    ownedPartitions: fromTopics(ownedPartitions),
    generationId: value.generationId >= 0 ? value.generationId : fromUserData,
  }
}

export function encodeAssignment(partitions: readonly TopicPartition[]): Uint8Array {
  return encodeStruct(ConsumerProtocolAssignment, ASSIGNMENT_VERSION, { assignedPartitions: toTopics(partitions) })
}

/**
 * No bytes at all mean no partitions: what a coordinator hands to a member that the leader forgot.
 *
 * @throws {ProtocolError}
 */
export function decodeAssignment(bytes: Uint8Array): TopicPartition[] {
  if (bytes.byteLength === 0) return []
  return fromTopics(decodeStruct(ConsumerProtocolAssignment, bytes).value.assignedPartitions)
}

function toTopics(partitions: readonly TopicPartition[]) {
  return groupByTopic(partitions).map(([topic, ofTopic]) => ({ topic, partitions: ofTopic.map((p) => p.partition) }))
}

function fromTopics(topics: readonly { topic: string; partitions: readonly number[] }[]): TopicPartition[] {
  return topics.flatMap(({ topic, partitions }) => partitions.map((partition) => ({ topic, partition })))
}

function int32(value: number): Uint8Array {
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setInt32(0, value)
  return bytes
}
