import { AddOffsetsToTxn } from './add-offsets-to-txn.ts'
import { AddPartitionsToTxn } from './add-partitions-to-txn.ts'
import { AlterConfigs } from './alter-configs.ts'
import { ApiVersions } from './api-versions.ts'
import { ConsumerGroupDescribe } from './consumer-group-describe.ts'
import { ConsumerGroupHeartbeat } from './consumer-group-heartbeat.ts'
import { CreatePartitions } from './create-partitions.ts'
import { CreateTopics } from './create-topics.ts'
import { DeleteGroups } from './delete-groups.ts'
import { DeleteRecords } from './delete-records.ts'
import { DeleteTopics } from './delete-topics.ts'
import { DescribeCluster } from './describe-cluster.ts'
import { DescribeConfigs } from './describe-configs.ts'
import { DescribeGroups } from './describe-groups.ts'
import { EndTxn } from './end-txn.ts'
import { Fetch } from './fetch.ts'
import { FindCoordinator } from './find-coordinator.ts'
import { Heartbeat } from './heartbeat.ts'
import { IncrementalAlterConfigs } from './incremental-alter-configs.ts'
import { InitProducerId } from './init-producer-id.ts'
import { JoinGroup } from './join-group.ts'
import { LeaveGroup } from './leave-group.ts'
import { ListGroups } from './list-groups.ts'
import { ListOffsets } from './list-offsets.ts'
import { Metadata } from './metadata.ts'
import { OffsetCommit } from './offset-commit.ts'
import { OffsetFetch } from './offset-fetch.ts'
import { OffsetForLeaderEpoch } from './offset-for-leader-epoch.ts'
import { Produce } from './produce.ts'
import { SyncGroup } from './sync-group.ts'
import { TxnOffsetCommit } from './txn-offset-commit.ts'
import { WriteTxnMarkers } from './write-txn-markers.ts'
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
  AddPartitionsToTxn,
  AddOffsetsToTxn,
  EndTxn,
  WriteTxnMarkers,
  TxnOffsetCommit,
  DescribeConfigs,
  AlterConfigs,
  CreatePartitions,
  DeleteGroups,
  IncrementalAlterConfigs,
  DescribeCluster,
  ConsumerGroupHeartbeat,
  ConsumerGroupDescribe,
]

const byKey = new Map(apis.map((api) => [api.key, api]))

export function apiByKey(key: number): Api | undefined {
  return byKey.get(key)
}
