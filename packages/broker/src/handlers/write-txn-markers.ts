/**
 * WriteTxnMarkers (27): appends the markers that end transactions to partitions. Brokers send it to each other; here it
 * comes from administrators who abort a hanging transaction (KIP-664, `kafka-transactions.sh abort`).
 */
import { WriteTxnMarkers } from '@millrace/kafka'
import type { HandlerRegistry } from './registry.ts'
import type { PartitionMarkers } from './partition-markers.ts'

export function registerWriteTxnMarkers(registry: HandlerRegistry, markers: PartitionMarkers): void {
  registry.registerSimple({
    api: WriteTxnMarkers,
    versions: [1, 2],
    async handle(request) {
      const answers = request.markers.map(async ({ topics, transactionResult, ...marker }) => ({
        producerId: marker.producerId,
        topics: await Promise.all(
          topics.map(async ({ name, partitionIndexes }) => ({
            name,
            partitions: await Promise.all(
              partitionIndexes.map(async (partitionIndex) => ({
                partitionIndex,
                errorCode: await markers.append(
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
      markers: request.markers.map(({ producerId, topics }) => ({
        producerId,
        topics: topics.map(({ name, partitionIndexes }) => ({
          name,
          partitions: partitionIndexes.map((partitionIndex) => ({ partitionIndex, errorCode })),
        })),
      })),
    }),
  })
}
