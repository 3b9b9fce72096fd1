/**
 * ListOffsets (2): offsets by timestamp: -1 latest, -2 earliest, -3 of the largest timestamp (KIP-734), -4 earliest local,
 * -5 latest tiered (none here). Without a match offset and timestamp are -1. From version 2 on a client of `read_committed`
 * is told of nothing at or after the last stable offset (KIP-98): that is its latest.
 */
import { ErrorCode, ListOffsets } from '@millrace/kafka'
import type { Partition } from '../metadata/partition.ts'
import type { TopicCatalog } from '../metadata/topic-catalog.ts'
import { leaderError } from './leader-error.ts'
import { duplicates } from './duplicates.ts'
import type { HandlerRegistry } from './registry.ts'

/** The version from which on a special timestamp may be asked for. */
const specialTimestampsFrom: Readonly<Record<number, number>> = {
  [-1]: 0,
  [-2]: 0,
  [-3]: 7,
  [-4]: 8,
  [-5]: 9,
  [-6]: 11,
}

const readCommitted = 1
const latest = -1

/** A leader's epoch begins where the log ended, whether or not anything was written in it. */
function epochOf(partition: Partition, timestamp: number, found: number): number {
  return timestamp === latest ? partition.leaderEpoch : Math.max(found, 0)
}

export function registerListOffsets(registry: HandlerRegistry, topics: TopicCatalog): void {
  registry.registerSimple({
    api: ListOffsets,
    versions: [1, 11],
    handle: (request, { version, client }) => ({
      topics: request.topics.map(({ name, partitions }) => {
        const isolation = request.isolationLevel === readCommitted ? 'read_committed' : 'read_uncommitted'
        const twice = duplicates(partitions.map(({ partitionIndex }) => String(partitionIndex)))
        const distinct = partitions.filter(
          ({ partitionIndex }, i) => partitions.findIndex((other) => other.partitionIndex === partitionIndex) === i,
        )
        return {
          name,
          partitions: distinct.map(({ partitionIndex, currentLeaderEpoch, timestamp }) => {
            if (twice.has(String(partitionIndex))) return { partitionIndex, errorCode: ErrorCode.INVALID_REQUEST }
            const partition = topics.partition(name, partitionIndex)
            if (!partition) return { partitionIndex, errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION }
            const fenced = leaderError(partition, client.nodeId, currentLeaderEpoch)
            if (fenced !== ErrorCode.NONE) return { partitionIndex, errorCode: fenced }
            if (version < (specialTimestampsFrom[timestamp] ?? (timestamp < 0 ? Number.POSITIVE_INFINITY : 0))) {
              return { partitionIndex, errorCode: ErrorCode.UNSUPPORTED_VERSION }
            }
            const found = partition.log.offsetForTimestamp(timestamp, isolation)
            return {
              partitionIndex,
              errorCode: found.errorCode,
              timestamp: found.timestamp,
              offset: found.offset,
              leaderEpoch: found.offset < 0 || version < 4 ? -1 : epochOf(partition, timestamp, found.leaderEpoch),
            }
          }),
        }
      }),
    }),
    errorResponse: (request, errorCode) => ({
      topics: request.topics.map(({ name, partitions }) => ({
        name,
        partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, errorCode })),
      })),
    }),
  })
}
