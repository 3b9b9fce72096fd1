import { ErrorCode } from '@millrace/kafka'
import type { Partition } from '../metadata/partition.ts'

/**
 * Whether the leader epoch that a client knows is the present one (KIP-320), and whether it came to the leader at all.
 * -1: it does not say what it knows.
 */
export function leaderError(partition: Partition, nodeId: number, currentLeaderEpoch = -1): number {
  const { leaderEpoch } = partition
  if (currentLeaderEpoch < 0 || currentLeaderEpoch === leaderEpoch) {
    return partition.leaderId === nodeId ? ErrorCode.NONE : ErrorCode.NOT_LEADER_OR_FOLLOWER
  }
  return currentLeaderEpoch < leaderEpoch ? ErrorCode.FENCED_LEADER_EPOCH : ErrorCode.UNKNOWN_LEADER_EPOCH
}
