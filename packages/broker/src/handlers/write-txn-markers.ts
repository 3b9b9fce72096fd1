/**
 * WriteTxnMarkers (27): appends the markers that end transactions to partitions. Brokers send it to each other; here it
 * comes from administrators who abort a hanging transaction (KIP-664, `kafka-transactions.sh abort`).
 */
import { ErrorCode, WriteTxnMarkers } from '@millrace/kafka'
import type { TransactionMarker } from '../journal/journal.ts'
import type { TopicCatalog } from '../metadata/topic-catalog.ts'
import type { TopicPartition } from '../transactions/topic-partitions.ts'
import { leaderError } from './leader-error.ts'
import type { HandlerRegistry } from './registry.ts'
import type { PartitionMarkers } from './partition-markers.ts'

export function registerWriteTxnMarkers(
  registry: HandlerRegistry,
  markers: PartitionMarkers,
  topics: TopicCatalog,
): void {
  registry.registerSimple({
    api: WriteTxnMarkers,
    versions: [1, 2],
    async handle(request, { client: { nodeId } }) {
      const append = async (target: TopicPartition, marker: TransactionMarker): Promise<number> => {
        const partition = topics.partition(target.topic, target.partition)
        const misled = partition ? leaderError(partition, nodeId) : ErrorCode.NONE
        return misled === ErrorCode.NONE ? markers.append(target, marker) : misled
      }
      const answers = request.markers.map(async ({ topics: asked, transactionResult, ...marker }) => ({
        producerId: marker.producerId,
        topics: await Promise.all(
          asked.map(async ({ name, partitionIndexes }) => ({
            name,
            partitions: await Promise.all(
              partitionIndexes.map(async (partitionIndex) => ({
                partitionIndex,
                errorCode: await append(
                  { topic: name, partition: partitionIndex },
                  { ...marker, commit: transactionResult },
                ),
              })),
            ),
          })),
        ),
      }))
      return { markers: await Promise.all(answers) }
    },
    errorResponse: (request, errorCode) => ({
      markers: request.markers.map(({ producerId, topics: asked }) => ({
        producerId,
        topics: asked.map(({ name, partitionIndexes }) => ({
          name,
          partitions: partitionIndexes.map((partitionIndex) => ({ partitionIndex, errorCode })),
        })),
      })),
    }),
  })
}
