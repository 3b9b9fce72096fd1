import { crc32c, Fetch, type FetchRequestInput, Produce, RecordBatchBuilder, writeInt32 } from '@millrace/kafka'
import { utf8 } from '@millrace/std'
import type { Conversation } from './conversation.ts'

const time = 1_700_000_000_000
const attributesAt = 21

interface BatchInput {
  values?: readonly string[]
  key?: string | null
  timestamps?: readonly number[]
  producer?: { producerId: number; producerEpoch: number; baseSequence: number }
  control?: boolean
  transactional?: boolean
}

export function batch({ values = ['a'], key = 'k', timestamps = [], producer, ...flags }: BatchInput = {}): Uint8Array {
  const builder = new RecordBatchBuilder()
  for (const [i, value] of values.entries()) {
    builder.append(key === null ? null : utf8(key), utf8(value), timestamps[i] ?? time)
  }
  return Uint8Array.from(builder.finish({ ...producer, ...flags }))
}

/** A sound batch with other bytes at a position; its checksum is right, unless `keepChecksum`. */
export function patched(
  bytes: Uint8Array,
  change: (bytes: Uint8Array) => void,
  options: { keepChecksum?: boolean } = {},
): Uint8Array {
  change(bytes)
  if (!options.keepChecksum) writeInt32(bytes, 17, crc32c(bytes, attributesAt, bytes.byteLength))
  return bytes
}

export function produce(
  talk: Conversation,
  label: string,
  topic: string,
  records: Uint8Array,
  options: { acks?: number; index?: number; version?: number } = {},
) {
  const { acks = -1, index = 0, version = 12 } = options
  return talk.ask(label, Produce, version, {
    acks,
    timeoutMs: 10_000,
    topicData: [{ name: topic, partitionData: [{ index, records }] }],
  })
}

interface FetchInput extends Partial<FetchRequestInput> {
  partition?: number
  offset?: number
  currentLeaderEpoch?: number
  lastFetchedEpoch?: number
}

export function fetch(talk: Conversation, label: string, topic: string, input: FetchInput = {}, version = 12) {
  const { partition = 0, offset = 0, currentLeaderEpoch = -1, lastFetchedEpoch = -1, ...options } = input
  return talk.ask(label, Fetch, version, {
    maxWaitMs: 0,
    minBytes: 1,
    topics: [
      {
        topic,
        partitions: [
          { partition, fetchOffset: offset, currentLeaderEpoch, lastFetchedEpoch, partitionMaxBytes: 1_048_576 },
        ],
      },
    ],
    forgottenTopicsData: [],
    ...options,
  })
}
