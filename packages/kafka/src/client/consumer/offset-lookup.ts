import type { TopicPartition } from '../group/assignors/assignor.ts'
import { ListOffsets } from '../../definitions/index.ts'
import { ErrorCode, KafkaError } from '../../errors/index.ts'
import type { Cluster } from '../cluster/cluster.ts'
import type { IsolationLevel } from './consumer-options.ts'
import { needsRefresh } from '../cluster/errors.ts'
import { partitionKey } from './subscription.ts'
import { retry } from '../cluster/waiting.ts'

/** Stand for the end and the beginning of a partition where a timestamp is expected (ListOffsets). */
export const LATEST_TIMESTAMP = -1
export const EARLIEST_TIMESTAMP = -2
/** The record with the latest timestamp (KIP-734). */
export const MAX_TIMESTAMP = -3

export interface OffsetQuery extends TopicPartition {
  /** Milliseconds since the epoch, or one of the special values. */
  readonly timestamp: number
}

export interface FoundOffset extends TopicPartition {
  /** -1: no record has this timestamp or a later one. */
  readonly offset: number
  /** Of the record found; -1 for the special values. */
  readonly timestamp: number
}

export interface LookupOptions {
  isolationLevel: IsolationLevel
  timeoutMs: number
  signal?: AbortSignal | undefined
}

/**
 * Asks the leaders of the partitions for offsets by timestamp.
 *
 * @throws {KafkaError} when a partition's answer is an error that a retry does not cure
 * @throws {ClientTimeoutError}
 */
export async function lookUpOffsets(
  cluster: Cluster,
  queries: readonly OffsetQuery[],
  options: LookupOptions,
): Promise<FoundOffset[]> {
  // A request may name a partition once: what asks for it again goes into another one.
  const rounds: OffsetQuery[][] = []
  const asked = new Map<string, number>()
  const roundOf = queries.map((query) => {
    const key = partitionKey(query)
    const round = asked.get(key) ?? 0
    asked.set(key, round + 1)
    if (rounds[round]) rounds[round].push(query)
    else rounds.push([query])
    return round
  })
  const found = await Promise.all(rounds.map((round) => lookUpDistinct(cluster, round, options)))
  return queries.map((query, i) => found[roundOf[i] as number]?.get(partitionKey(query)) as FoundOffset)
}

async function lookUpDistinct(
  cluster: Cluster,
  queries: readonly OffsetQuery[],
  options: LookupOptions,
): Promise<Map<string, FoundOffset>> {
  const found = new Map<string, FoundOffset>()
  const { timeoutMs, signal } = options
  const onRetry = (error: unknown) => {
    if (needsRefresh(error)) cluster.requestRefresh()
  }
  await retry({ ...cluster.retryOptions('Looking up offsets'), timeoutMs, signal, onRetry }, async (remainingMs) => {
    const missing = queries.filter((query) => !found.has(partitionKey(query)))
    const byLeader = new Map<number, OffsetQuery[]>()
    for (const query of missing) {
      const { partitions } = await cluster.topic(query.topic, { timeoutMs: remainingMs, signal })
      const leader = partitions[query.partition]?.leader ?? -1
      if (leader < 0) {
        const code = partitions[query.partition] ? ErrorCode.LEADER_NOT_AVAILABLE : ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
        throw new KafkaError(code, `Looking up an offset of ${partitionKey(query)}`)
      }
      const ofLeader = byLeader.get(leader)
      if (ofLeader) ofLeader.push(query)
      else byLeader.set(leader, [query])
    }
    const isolationLevel = options.isolationLevel === 'read_committed' ? 1 : 0
    const outcomes = await Promise.allSettled(
      [...byLeader].map(([leader, ofLeader]) => askLeader(cluster, leader, ofLeader, isolationLevel, found)),
    )
    for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason
  })
  return found
}

async function askLeader(
  cluster: Cluster,
  leader: number,
  queries: readonly OffsetQuery[],
  isolationLevel: number,
  found: Map<string, FoundOffset>,
): Promise<void> {
  const names = [...new Set(queries.map((query) => query.topic))]
  const topics = names.map((name) => ({
    name,
    partitions: queries
      .filter((query) => query.topic === name)
      .map(({ partition, timestamp }) => ({
        partitionIndex: partition,
        currentLeaderEpoch: cluster.metadata.partition(name, partition)?.leaderEpoch ?? -1,
        timestamp,
      })),
  }))
  const timeoutMs = cluster.options.requestTimeoutMs
  const response = await cluster.send(leader, ListOffsets, { replicaId: -1, isolationLevel, topics, timeoutMs })
  let failure: KafkaError | undefined
  for (const { name: topic, partitions } of response.topics) {
    for (const { partitionIndex: partition, errorCode, offset, timestamp } of partitions) {
      if (errorCode === ErrorCode.NONE)
        found.set(partitionKey({ topic, partition }), { topic, partition, offset, timestamp })
      else failure ??= new KafkaError(errorCode, `Looking up an offset of ${topic}-${partition}`)
    }
  }
  if (failure) throw failure
}
