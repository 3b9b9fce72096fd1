import { ErrorCode } from '@millrace/kafka'
import type { Brokers } from '../metadata/brokers.ts'
import type { Partition } from '../metadata/partition.ts'

/** Where a partition is and who leads it, as Metadata and DescribeTopicPartitions tell. */
export function describePartition({ index, leaderId, leaderEpoch, replicas, isr }: Partition, brokers: Brokers) {
  return {
    errorCode: leaderId < 0 ? ErrorCode.LEADER_NOT_AVAILABLE : ErrorCode.NONE,
    partitionIndex: index,
    leaderId,
    leaderEpoch,
    replicaNodes: replicas,
    isrNodes: isr,
    offlineReplicas: replicas.filter((id) => !brokers.isAlive(id)),
  }
}
