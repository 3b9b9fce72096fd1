import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { decodeStruct, encodeStruct, structVersion, type VersionedStruct } from '../../src/codec/struct.ts'
import {
  ConsumerGroupCurrentMemberAssignmentKey,
  ConsumerGroupCurrentMemberAssignmentValue,
  ConsumerGroupMemberMetadataKey,
  ConsumerGroupMemberMetadataValue,
  ConsumerGroupMetadataKey,
  ConsumerGroupMetadataValue,
  ConsumerGroupRegularExpressionKey,
  ConsumerGroupRegularExpressionValue,
  ConsumerGroupTargetAssignmentMemberKey,
  ConsumerGroupTargetAssignmentMemberValue,
  ConsumerGroupTargetAssignmentMetadataKey,
  ConsumerGroupTargetAssignmentMetadataValue,
  ControlRecordTypeSchema,
  decodeMetadataRecord,
  encodeMetadataRecord,
  EndTxnMarker,
  GroupMetadataKey,
  GroupMetadataValue,
  LeaderChangeMessage,
  OffsetCommitKey,
  OffsetCommitValue,
  SnapshotFooterRecord,
  SnapshotHeaderRecord,
  TransactionLogKey,
  TransactionLogValue,
} from '../../src/definitions/index.ts'
import { BatchCheck, batchSize, indexRecords, isControl, RecordIndex, validateBatch } from '../../src/records/index.ts'

interface KeptRecord {
  readonly control: boolean
  readonly key: Uint8Array | null
  readonly value: Uint8Array | null
}

/** The records of a file that Apache Kafka wrote; see golden/README.md. */
function* recordsOf(file: string): Generator<KeptRecord> {
  const bytes = readFileSync(new URL(`golden/kafka-4.3.1-logs/${file}`, import.meta.url))
  const index = new RecordIndex(16)
  for (let at = 0; at < bytes.length; at += batchSize(bytes, at)) {
    expect(validateBatch(bytes, at, bytes.length)).toBe(BatchCheck.ok)
    expect(indexRecords(bytes, at, index)).toBe(BatchCheck.ok)
    const cut = (start: number, length: number) => (length < 0 ? null : index.data.slice(start, start + length))
    for (let i = 0; i < index.count; i++) {
      yield {
        control: isControl(bytes, at),
        key: cut(index.keyStart[i] as number, index.keyLength[i] as number),
        value: cut(index.valueStart[i] as number, index.valueLength[i] as number),
      }
    }
  }
}

/** Reads a struct, expects the same bytes when it is written again, and says which it was. */
function again(struct: VersionedStruct, bytes: Uint8Array): string {
  const { version, value } = decodeStruct(struct, bytes)
  expect(encodeStruct(struct, version, value)).toEqual(new Uint8Array(bytes))
  return `${struct.name} ${version}`
}

const controlValues: Record<number, VersionedStruct> = {
  0: EndTxnMarker,
  1: EndTxnMarker,
  2: LeaderChangeMessage,
  3: SnapshotHeaderRecord,
  4: SnapshotFooterRecord,
}

const offsetsTopic: Record<number, readonly [VersionedStruct, VersionedStruct]> = {
  1: [OffsetCommitKey, OffsetCommitValue],
  2: [GroupMetadataKey, GroupMetadataValue],
  3: [ConsumerGroupMetadataKey, ConsumerGroupMetadataValue],
  5: [ConsumerGroupMemberMetadataKey, ConsumerGroupMemberMetadataValue],
  6: [ConsumerGroupTargetAssignmentMetadataKey, ConsumerGroupTargetAssignmentMetadataValue],
  7: [ConsumerGroupTargetAssignmentMemberKey, ConsumerGroupTargetAssignmentMemberValue],
  8: [ConsumerGroupCurrentMemberAssignmentKey, ConsumerGroupCurrentMemberAssignmentValue],
  16: [ConsumerGroupRegularExpressionKey, ConsumerGroupRegularExpressionValue],
}

function controlRecord({ key, value }: KeptRecord): string {
  again(ControlRecordTypeSchema, key as Uint8Array)
  const { type } = decodeStruct(ControlRecordTypeSchema, key as Uint8Array).value
  return again(controlValues[type] as VersionedStruct, value as Uint8Array)
}

function metadataRecord(value: Uint8Array): string {
  const record = decodeMetadataRecord(value)
  if (!record) return `unknown ${value[1]}`
  const version = value[2] as number
  expect(encodeMetadataRecord(record, version)).toEqual(new Uint8Array(value))
  return `${record.kind} ${version}`
}

function offsetsTopicRecord({ key, value }: KeptRecord): string {
  const [keys, values] = offsetsTopic[structVersion(key as Uint8Array)] as readonly [VersionedStruct, VersionedStruct]
  again(keys, key as Uint8Array)
  return value ? again(values, value) : `${keys.name} deleted`
}

/** The kinds of records of a file, with their versions, each once and sorted. */
function kinds(file: string, kindOf: (record: KeptRecord) => string): string[] {
  const found = new Set<string>()
  for (const record of recordsOf(file)) found.add(record.control ? controlRecord(record) : kindOf(record))
  return [...found].sort()
}

describe('what Apache Kafka 4.3.1 left on disk is read, and written again byte for byte', () => {
  it('__cluster_metadata', () => {
    expect(kinds('__cluster_metadata.log', ({ value }) => metadataRecord(value as Uint8Array))).toEqual([
      'BeginTransactionRecord 0',
      'BrokerRegistrationChangeRecord 0',
      'BrokerRegistrationChangeRecord 3',
      'ClearElrRecord 0',
      'ConfigRecord 0',
      'EndTransactionRecord 0',
      'FeatureLevelRecord 0',
      'LeaderChangeMessage 0',
      'NoOpRecord 0',
      'PartitionRecord 2',
      'ProducerIdsRecord 0',
      'RegisterBrokerRecord 4',
      'RegisterControllerRecord 0',
      'RemoveTopicRecord 0',
      'TopicRecord 0',
    ])
  })

  it('a checkpoint of it', () => {
    expect(kinds('bootstrap.checkpoint', ({ value }) => metadataRecord(value as Uint8Array))).toEqual([
      'FeatureLevelRecord 0',
      'SnapshotFooterRecord 0',
      'SnapshotHeaderRecord 0',
    ])
  })

  it('__consumer_offsets', () => {
    expect(kinds('__consumer_offsets.log', offsetsTopicRecord)).toEqual([
      'ConsumerGroupCurrentMemberAssignmentKey deleted',
      'ConsumerGroupCurrentMemberAssignmentValue 0',
      'ConsumerGroupMemberMetadataKey deleted',
      'ConsumerGroupMemberMetadataValue 0',
      'ConsumerGroupMetadataValue 0',
      'ConsumerGroupRegularExpressionKey deleted',
      'ConsumerGroupRegularExpressionValue 0',
      'ConsumerGroupTargetAssignmentMemberKey deleted',
      'ConsumerGroupTargetAssignmentMemberValue 0',
      'ConsumerGroupTargetAssignmentMetadataValue 0',
      'EndTxnMarker 0',
      'GroupMetadataValue 3',
      'OffsetCommitValue 4',
    ])
  })

  it('__transaction_state', () => {
    const statuses: number[] = []
    const found = kinds('__transaction_state.log', ({ key, value }) => {
      expect(decodeStruct(TransactionLogKey, key as Uint8Array).value).toEqual({ transactionalId: 'tx-1' })
      statuses.push(decodeStruct(TransactionLogValue, value as Uint8Array).value.transactionStatus)
      return again(TransactionLogValue, value as Uint8Array)
    })
    expect(found).toEqual(['TransactionLogValue 1'])
    expect(statuses).toEqual([0, 1, 1, 2, 4, 1, 1, 3, 5, 1, 1, 2, 4])
  })
})
