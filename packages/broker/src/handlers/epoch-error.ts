import { ErrorCode } from '@millrace/kafka'
import { leaderEpoch } from '../metadata/partition.ts'

/** KIP-320: whether the leader epoch that a client knows is the present one. -1: it does not say. */
export function epochError(currentLeaderEpoch: number): number {
  if (currentLeaderEpoch < 0 || currentLeaderEpoch === leaderEpoch) return ErrorCode.NONE
  return currentLeaderEpoch < leaderEpoch ? ErrorCode.FENCED_LEADER_EPOCH : ErrorCode.UNKNOWN_LEADER_EPOCH
}
