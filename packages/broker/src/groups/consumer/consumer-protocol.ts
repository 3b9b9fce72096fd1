import {
  ConsumerProtocolAssignment,
  ConsumerProtocolSubscription,
  decodeStruct,
  encodeStruct,
  structVersion,
} from '@millrace/kafka'
import type { Partitions } from '../assignors/assignor.ts'
import type { Protocol } from '../protocol.ts'
import type { TopicsImage } from '../topics-image.ts'
import type { OwnedPartitions } from './consumer-member.ts'

/** What a consumer that speaks the classic protocol is subscribed to. */
export interface Subscription {
  /** Ascending, each once. */
  readonly topics: readonly string[]
  readonly rackId: string | null
  /** What it says it has. */
  readonly owned: Partitions
}

/** Newer versions only append to this one. */
const latestVersion = 3

/** The subscription in the metadata of a JoinGroup. Throws ProtocolError when it is not what it claims. */
export function decodeSubscription(metadata: Uint8Array, topics: TopicsImage): Subscription {
  const { value } = decodeStruct(ConsumerProtocolSubscription, metadata)
  return {
    topics: [...new Set(value.topics)].sort(),
    rackId: value.rackId || null,
    owned: keyed(value.ownedPartitions, topics),
  }
}

/** The partitions in the assignment of a SyncGroup, and whether an assignor has put something of its own with them. */
export function decodeAssignment(
  bytes: Uint8Array,
  topics: TopicsImage,
): { partitions: Partitions; hasUserData: boolean } {
  if (bytes.byteLength === 0) return { partitions: new Map(), hasUserData: false }
  const { value } = decodeStruct(ConsumerProtocolAssignment, bytes)
  return {
    partitions: keyed(value.assignedPartitions, topics),
    hasUserData: value.userData !== null && value.userData.byteLength > 0,
  }
}

/** The assignment as a consumer that speaks the classic protocol reads it, in the version in which it has subscribed. */
export function encodeAssignment(
  partitions: Partitions | OwnedPartitions,
  { metadata }: Protocol,
  topics: TopicsImage,
): Uint8Array {
  const assignedPartitions = [...partitions].flatMap(([key, indexes]) => {
    const topic = topics.getByKey(key)
    return topic ? [{ topic: topic.name, partitions: Array.isArray(indexes) ? indexes : [...indexes.keys()] }] : []
  })
  const version = Math.min(structVersion(metadata), latestVersion)
  return encodeStruct(ConsumerProtocolAssignment, version, { assignedPartitions })
}

function keyed(named: readonly { topic: string; partitions: readonly number[] }[], topics: TopicsImage): Partitions {
  const partitions = new Map<string, readonly number[]>()
  for (const { topic: name, partitions: indexes } of named) {
    const topic = topics.get(name)
    if (topic)
      partitions.set(
        topic.key,
        indexes.toSorted((a, b) => a - b),
      )
  }
  return partitions
}
