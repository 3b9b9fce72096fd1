import { ApiVersions } from './apiVersions.ts'
import { CreatePartitions } from './createPartitions.ts'
import { CreateTopics } from './createTopics.ts'
import { DeleteGroups } from './deleteGroups.ts'
import { DeleteRecords } from './deleteRecords.ts'
import { DeleteTopics } from './deleteTopics.ts'
import { DescribeCluster } from './describeCluster.ts'
import { DescribeConfigs } from './describeConfigs.ts'
import { DescribeGroups } from './describeGroups.ts'
import { Fetch } from './fetch.ts'
import { FindCoordinator } from './findCoordinator.ts'
import { Heartbeat } from './heartbeat.ts'
import { InitProducerId } from './initProducerId.ts'
import { JoinGroup } from './joinGroup.ts'
import { LeaveGroup } from './leaveGroup.ts'
import { ListGroups } from './listGroups.ts'
import { ListOffsets } from './listOffsets.ts'
import { Metadata } from './metadata.ts'
import { OffsetCommit } from './offsetCommit.ts'
import { OffsetFetch } from './offsetFetch.ts'
import { OffsetForLeaderEpoch } from './offsetForLeaderEpoch.ts'
import { Produce } from './produce.ts'
import { SyncGroup } from './syncGroup.ts'
import type { Api } from '../codec/schema.ts'

/** Every API that has a definition, by key. */
export const apis: readonly Api[] = [
  Produce,
  Fetch,
  ListOffsets,
  Metadata,
  OffsetCommit,
  OffsetFetch,
  FindCoordinator,
  JoinGroup,
  Heartbeat,
  LeaveGroup,
  SyncGroup,
  DescribeGroups,
  ListGroups,
  ApiVersions,
  CreateTopics,
  DeleteTopics,
  DeleteRecords,
  InitProducerId,
  OffsetForLeaderEpoch,
  DescribeConfigs,
  CreatePartitions,
  DeleteGroups,
  DescribeCluster,
]

const byKey = new Map(apis.map((api) => [api.key, api]))

export function apiByKey(key: number): Api | undefined {
  return byKey.get(key)
}
