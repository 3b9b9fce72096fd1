import type { Partitions } from '../assignors/assignor.ts'
import type { OwnedPartitions } from './consumer-member.ts'

/** A ConsumerGroupHeartbeat, free of versions. Null, and -1 as the timeout, mean: as before. */
export interface ConsumerHeartbeat {
  readonly groupId: string
  /** Empty: the coordinator is to choose one (version 0). */
  readonly memberId: string
  /** 0 joins, -1 leaves, -2 leaves for a while as a static member. */
  readonly memberEpoch: number
  readonly instanceId: string | null
  readonly rackId: string | null
  readonly rebalanceTimeoutMs: number
  readonly subscribedTopicNames: readonly string[] | null
  readonly subscribedTopicRegex: string | null
  readonly serverAssignor: string | null
  /** What the member has. */
  readonly owned: Partitions | null
  readonly clientId: string
  readonly clientHost: string
}

export interface ConsumerHeartbeatAnswer {
  readonly memberId: string
  readonly memberEpoch: number
  readonly heartbeatIntervalMs: number
  /** Null: as before. */
  readonly assignment: OwnedPartitions | null
}
