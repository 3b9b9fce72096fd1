import {
  ConsumerGroupCurrentMemberAssignmentKey,
  ConsumerGroupCurrentMemberAssignmentValue,
  ConsumerGroupDescribe,
  ConsumerGroupHeartbeat,
  type ConsumerGroupHeartbeatRequestInput,
  ConsumerGroupMemberMetadataKey,
  ConsumerGroupMemberMetadataValue,
  ConsumerGroupMetadataKey,
  ConsumerGroupMetadataValue,
  ConsumerGroupPartitionMetadataKey,
  ConsumerGroupRegularExpressionKey,
  ConsumerGroupRegularExpressionValue,
  ConsumerGroupTargetAssignmentMemberKey,
  ConsumerGroupTargetAssignmentMemberValue,
  ConsumerGroupTargetAssignmentMetadataKey,
  ConsumerGroupTargetAssignmentMetadataValue,
  ConsumerProtocolSubscription,
  decodeStruct,
  encodeStruct,
  Fetch,
  GroupMetadataKey,
  GroupMetadataValue,
  iterateRecords,
  Metadata,
  OffsetCommitKey,
  OffsetCommitValue,
  structVersion,
} from '@millrace/kafka'
import type { Conversation } from './conversation.ts'

/** A heartbeat that joins, unless it says otherwise. */
export function heartbeat(
  talk: Conversation,
  label: string,
  groupId: string,
  memberId: string,
  options: Partial<ConsumerGroupHeartbeatRequestInput> = {},
  version = 1,
) {
  return talk.ask(label, ConsumerGroupHeartbeat, version, { ...joining(groupId, memberId), ...options })
}

export function joining(groupId: string, memberId: string): ConsumerGroupHeartbeatRequestInput {
  return {
    groupId,
    memberId,
    memberEpoch: 0,
    rebalanceTimeoutMs: 30_000,
    subscribedTopicNames: [],
    topicPartitions: [],
  }
}

/** A heartbeat of a member that has nothing to say but what it has. */
export function beating(
  memberEpoch: number,
  topicPartitions: ConsumerGroupHeartbeatRequestInput['topicPartitions'] = null,
) {
  return { memberEpoch, rebalanceTimeoutMs: -1, subscribedTopicNames: null, topicPartitions }
}

export function describeConsumers(talk: Conversation, label: string, groupId: string, version = 1) {
  return talk.ask(label, ConsumerGroupDescribe, version, { groupIds: [groupId], includeAuthorizedOperations: false })
}

/** What a classic consumer says when it joins. */
export function subscription(
  topics: readonly string[],
  owned: Readonly<Record<string, readonly number[]>> = {},
): Uint8Array {
  const ownedPartitions = Object.entries(owned).map(([topic, partitions]) => ({ topic, partitions }))
  return encodeStruct(ConsumerProtocolSubscription, 1, { topics, ownedPartitions })
}

const offsetsTopic = '__consumer_offsets'

/**
 * Keeps the records that a group has left in `__consumer_offsets`, in their order. Records of one kind that follow one another are
 * in none: a broker lists members by ids that it has made up.
 */
export async function records(talk: Conversation, label: string, groupId: string): Promise<void> {
  const { topics } = await talk.tell(Metadata, 12, { topics: [{ name: offsetsTopic }] })
  const partition = javaHash(groupId) % (topics[0]?.partitions.length ?? 1)
  const found: { kind: string; records: object[] }[] = []
  for (let fetchOffset = 0; ; ) {
    const answer = await talk.tell(Fetch, 12, {
      maxWaitMs: 0,
      minBytes: 0,
      topics: [{ topic: offsetsTopic, partitions: [{ partition, fetchOffset, partitionMaxBytes: 1_048_576 }] }],
      forgottenTopicsData: [],
    })
    const bytes = answer.responses[0]?.partitions[0]?.records
    if (!bytes || bytes.byteLength === 0) break
    for (const { key, value, offset } of iterateRecords(bytes)) {
      fetchOffset = offset + 1
      const record = key && readable(key, value, groupId)
      if (!record) continue
      const last = found.at(-1)
      if (last?.kind === record.kind) last.records.push(record)
      else found.push({ kind: record.kind, records: [record] })
    }
  }
  talk.note(`${label}: records`, Object.fromEntries(found.map((run, i) => [`${i}`.padStart(3, '0'), run.records])))
}

const kinds = {
  0: [OffsetCommitKey, OffsetCommitValue],
  1: [OffsetCommitKey, OffsetCommitValue],
  2: [GroupMetadataKey, GroupMetadataValue],
  3: [ConsumerGroupMetadataKey, ConsumerGroupMetadataValue],
  4: [ConsumerGroupPartitionMetadataKey, undefined],
  5: [ConsumerGroupMemberMetadataKey, ConsumerGroupMemberMetadataValue],
  6: [ConsumerGroupTargetAssignmentMetadataKey, ConsumerGroupTargetAssignmentMetadataValue],
  7: [ConsumerGroupTargetAssignmentMemberKey, ConsumerGroupTargetAssignmentMemberValue],
  8: [ConsumerGroupCurrentMemberAssignmentKey, ConsumerGroupCurrentMemberAssignmentValue],
  16: [ConsumerGroupRegularExpressionKey, ConsumerGroupRegularExpressionValue],
} as const

/** Times, versions of the metadata and hashes of ids differ from run to run. */
const transient = new Set([
  'timestamp',
  'version',
  'metadataHash',
  'assignmentTimestamp',
  'currentStateTimestamp',
  'commitTimestamp',
  'expireTimestamp',
])

interface Readable {
  readonly kind: string
  readonly [part: string]: unknown
}

function readable(key: Uint8Array, value: Uint8Array | null, groupId: string): Readable | undefined {
  const version = structVersion(key) as keyof typeof kinds
  if (!(version in kinds)) return { kind: `version ${version}` }
  const [keyType, valueType] = kinds[version]
  const name = decodeStruct(keyType, key).value
  if (('group' in name ? name.group : name.groupId) !== groupId) return undefined
  const decoded = value && valueType ? decodeStruct(valueType, value) : null
  const kept = decoded && Object.entries(decoded.value).filter(([field]) => !transient.has(field))
  return {
    kind: keyType.name,
    key: name,
    valueVersion: decoded?.version ?? null,
    value: kept && Object.fromEntries(kept),
  }
}

function javaHash(text: string): number {
  let hash = 0
  for (let i = 0; i < text.length; i++) hash = (Math.imul(hash, 31) + text.charCodeAt(i)) | 0
  return Math.abs(hash)
}
