/** ListPartitionReassignments (46): the partitions that are on their way to other brokers (KIP-455). There are no others. */
import { ListPartitionReassignments } from '@millrace/kafka'
import type { HandlerRegistry } from './registry.ts'

export function registerListPartitionReassignments(registry: HandlerRegistry): void {
  registry.registerSimple({
    api: ListPartitionReassignments,
    versions: [0, 0],
    handle: () => ({ topics: [] }),
    errorResponse: (_request, errorCode) => ({ errorCode, topics: [] }),
  })
}
