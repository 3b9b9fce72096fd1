import {
  decodeStruct,
  encodeStruct,
  GroupMetadataKey,
  GroupMetadataValue,
  OffsetCommitKey,
  OffsetCommitValue,
  structVersion,
} from '@millrace/kafka'
import {
  decodeConsumerGroupRecord,
  type EncodedRecord,
  encodeConsumerGroupRecord,
} from './consumer/consumer-record-codec.ts'
import { type GroupRecord, groupRecord, offsetRecord } from './group-records.ts'

// The versions that Apache Kafka writes. The version that leads a key tells the kind of record.
const offsetKeyVersion = 1
const groupKeyVersion = 2
const offsetValueVersion = 4
/** Only this version has an expire timestamp; Kafka writes it for commits with a retention time of their own. */
const expiringOffsetValueVersion = 1
const groupValueVersion = 3

/** A record as `__consumer_offsets` holds it. */
export function encodeGroupRecord(record: GroupRecord): EncodedRecord {
  if (record.kind === 'offset') {
    const { key, value } = record
    const version = value && value.expireTimestamp >= 0 ? expiringOffsetValueVersion : offsetValueVersion
    return {
      key: encodeStruct(OffsetCommitKey, offsetKeyVersion, key),
      value: value && encodeStruct(OffsetCommitValue, version, value),
    }
  }
  if (record.kind !== 'group') return encodeConsumerGroupRecord(record)
  const { group, value } = record
  return {
    key: encodeStruct(GroupMetadataKey, groupKeyVersion, { group }),
    value:
      value &&
      encodeStruct(GroupMetadataValue, groupValueVersion, {
        protocolType: value.protocolType,
        generation: value.generation,
        protocol: value.protocol,
        leader: value.leader,
        currentStateTimestamp: value.stateTimestamp,
        members: value.members.map(({ rebalanceTimeoutMs, sessionTimeoutMs, ...member }) => ({
          ...member,
          rebalanceTimeout: rebalanceTimeoutMs,
          sessionTimeout: sessionTimeoutMs,
        })),
      }),
  }
}

/** Undefined for a kind of record that is not known here. Throws ProtocolError for bytes that are not what they claim. */
export function decodeGroupRecord(key: Uint8Array, value: Uint8Array | null): GroupRecord | undefined {
  const keyVersion = structVersion(key)
  if (keyVersion <= offsetKeyVersion) {
    const offsetKey = decodeStruct(OffsetCommitKey, key).value
    if (!value) return offsetRecord(offsetKey, null)
    return offsetRecord(offsetKey, decodeStruct(OffsetCommitValue, value).value)
  }
  if (keyVersion !== groupKeyVersion) return decodeConsumerGroupRecord(keyVersion, key, value)
  const { group } = decodeStruct(GroupMetadataKey, key).value
  if (!value) return groupRecord(group, null)
  const decoded = decodeStruct(GroupMetadataValue, value).value
  return groupRecord(group, {
    protocolType: decoded.protocolType,
    generation: decoded.generation,
    protocol: decoded.protocol,
    leader: decoded.leader,
    stateTimestamp: decoded.currentStateTimestamp,
    members: decoded.members.map(({ rebalanceTimeout, sessionTimeout, ...member }) => ({
      ...member,
      // Version 0 has one timeout for both.
      rebalanceTimeoutMs: rebalanceTimeout < 0 ? sessionTimeout : rebalanceTimeout,
      sessionTimeoutMs: sessionTimeout,
    })),
  })
}
