import {
  BatchCheck,
  baseOffset,
  batchSize,
  DescribeConfigs,
  DescribeTransactions,
  ErrorCode,
  Fetch,
  isControl,
  lastOffset,
  ListGroups,
  ListOffsets,
  Metadata,
  OffsetFetch,
  producerId as producerIdOf,
  validateBatch,
} from '@millrace/kafka'
import type { RawClient } from './raw-client.ts'

type Again = { readonly errorCode: number; readonly baseOffset: number } | undefined

interface Part {
  readonly start: number
  readonly end: number
  readonly stable: number
  /** By base offset: the batch, 'damaged' where an error or a wrong checksum tells; with what read_committed makes of it. */
  readonly records: Map<number, string>
}

export async function readPartition(client: RawClient, topic: string): Promise<Part> {
  const offsetOf = async (timestamp: number, isolationLevel = 0) => {
    const partitions = [{ partitionIndex: 0, timestamp }]
    const answer = await client.call(ListOffsets, 7, {
      replicaId: -1,
      isolationLevel,
      topics: [{ name: topic, partitions }],
    })
    const found = answer.topics[0]?.partitions[0]
    return found?.errorCode === ErrorCode.NONE ? found.offset : -1
  }
  const [first, end, stable] = [await offsetOf(-2), await offsetOf(-1), await offsetOf(-1, 1)]
  const records = new Map<number, string>()
  for (let offset = Math.max(0, first); offset < end; ) {
    const partitions = [{ partition: 0, fetchOffset: offset, partitionMaxBytes: 1 }]
    const isolationLevel = offset < stable ? 1 : 0
    const request = {
      maxWaitMs: 0,
      minBytes: 1,
      isolationLevel,
      topics: [{ topic, partitions }],
      forgottenTopicsData: [],
    }
    const answer = (await client.call(Fetch, 12, request)).responses[0]?.partitions[0]
    const bytes = answer?.records
    if (answer?.errorCode !== ErrorCode.NONE || !bytes || bytes.byteLength === 0) {
      records.set(offset++, 'damaged')
      continue
    }
    const whole = Uint8Array.from(bytes.subarray(0, batchSize(bytes, 0)))
    // The leader epoch is not covered by the checksum; it says nothing about records.
    whole.fill(0, 12, 16)
    if (validateBatch(whole, 0, whole.byteLength) !== BatchCheck.ok || lastOffset(whole, 0) < offset) {
      records.set(offset++, 'damaged')
      continue
    }
    const isAborted = (answer.abortedTransactions ?? []).some(
      (one) => one.producerId === producerIdOf(whole, 0) && one.firstOffset <= baseOffset(whole, 0),
    )
    const seen = offset >= stable ? 'undecided' : isControl(whole, 0) ? 'marker' : isAborted ? 'aborted' : 'committed'
    records.set(baseOffset(whole, 0), `${seen} ${Buffer.from(whole).toString('latin1')}`)
    offset = lastOffset(whole, 0) + 1
  }
  return { start: first, end, stable, records }
}

export interface Observed {
  readonly parts: Record<string, Part>
  /** All else that clients can ask for. */
  readonly rest: unknown
}

/** `again`: produces once more what was produced last, and answers what came of it. */
export async function observe(
  client: RawClient,
  { topics, ids, again: produceAgain }: { topics: readonly string[]; ids: string[]; again: () => Promise<Again> },
): Promise<Observed> {
  const parts: Record<string, Part> = {}
  for (const topic of topics) parts[topic] = await readPartition(client, topic)
  const metadata = await client.call(Metadata, 12, { topics: null })
  const offsets = await client.call(OffsetFetch, 8, {
    groups: ['g', 'copiers'].map((groupId) => ({ groupId, topics: null })),
  })
  const configs = await client.call(DescribeConfigs, 4, {
    resources: [{ resourceType: 2, resourceName: 'compacted', configurationKeys: ['cleanup.policy'] }],
  })
  const transactions = await client.call(DescribeTransactions, 0, { transactionalIds: ids })
  const again = await produceAgain()
  return {
    parts,
    rest: {
      topics: metadata.topics.map(({ errorCode, name, partitions, topicId }) => [
        errorCode,
        name,
        [...topicId],
        partitions.length,
      ]),
      offsets: offsets.groups.map(({ groupId, errorCode, topics: found }) => [
        groupId,
        errorCode,
        found.flatMap(({ partitions }) => partitions.map(({ committedOffset }) => committedOffset)),
      ]),
      groups: (await client.call(ListGroups, 5, {})).groups
        .map(({ groupId, groupType }) => [groupId, groupType])
        .sort(),
      configs: configs.results.map(({ configs: found }) => found.map(({ value }) => value)),
      transactions: transactions.transactionStates.map(({ errorCode, transactionState, producerId, producerEpoch }) => [
        errorCode,
        transactionState,
        producerId,
        producerEpoch,
      ]),
      again: [again?.errorCode, again?.baseOffset],
    },
  }
}

function contentOf(record: string): string {
  return record.slice(record.indexOf(' '))
}

function kindOf(record: string | undefined): string {
  return record?.split(' ', 1)[0] ?? 'nothing'
}

/**
 * What clients may not get, whatever was said: other records, aborted ones as committed. Damage in a transaction may hold back
 * what comes after it.
 */
export function wrongData(sound: Observed, found: Observed): string[] {
  const wrong: string[] = []
  for (const topic of Object.keys(sound.parts)) {
    for (const [offset, record] of found.parts[topic]?.records ?? []) {
      const right = sound.parts[topic]?.records.get(offset)
      if (record === 'damaged' || right === undefined || record === right) continue
      if (kindOf(record) !== 'undecided' || contentOf(record) !== contentOf(right))
        wrong.push(`${topic}@${offset}: ${kindOf(record)} instead of ${kindOf(right)}`)
    }
  }
  return wrong
}

/** What is missing, or different, without an error in its place. */
export function missing(sound: Observed, found: Observed): string[] {
  const lost: string[] = []
  for (const topic of Object.keys(sound.parts)) {
    const { records, ...extent } = found.parts[topic] as Part
    const { records: all, ...whole } = sound.parts[topic] as Part
    if (JSON.stringify(extent) !== JSON.stringify(whole))
      lost.push(`${topic}: ${JSON.stringify(extent)} instead of ${JSON.stringify(whole)}`)
    for (const offset of all.keys()) if (!records.has(offset)) lost.push(`${topic}@${offset} is not there`)
    for (const offset of records.keys()) if (!all.has(offset)) lost.push(`${topic}@${offset} was not there`)
  }
  if (JSON.stringify(found.rest) !== JSON.stringify(sound.rest))
    lost.push(`${JSON.stringify(found.rest)} instead of ${JSON.stringify(sound.rest)}`)
  return lost
}
