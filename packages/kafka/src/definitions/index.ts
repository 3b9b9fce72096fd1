export {
  AddOffsetsToTxn,
  type AddOffsetsToTxnRequest,
  type AddOffsetsToTxnRequestInput,
  type AddOffsetsToTxnResponse,
  type AddOffsetsToTxnResponseInput,
} from './add-offsets-to-txn.ts'
export {
  AddPartitionsToTxn,
  type AddPartitionsToTxnRequest,
  type AddPartitionsToTxnRequestInput,
  type AddPartitionsToTxnResponse,
  type AddPartitionsToTxnResponseInput,
} from './add-partitions-to-txn.ts'
export {
  AlterConfigs,
  type AlterConfigsRequest,
  type AlterConfigsRequestInput,
  type AlterConfigsResponse,
  type AlterConfigsResponseInput,
} from './alter-configs.ts'
export {
  AlterPartitionReassignments,
  type AlterPartitionReassignmentsRequest,
  type AlterPartitionReassignmentsRequestInput,
  type AlterPartitionReassignmentsResponse,
  type AlterPartitionReassignmentsResponseInput,
} from './alter-partition-reassignments.ts'
export {
  AlterReplicaLogDirs,
  type AlterReplicaLogDirsRequest,
  type AlterReplicaLogDirsRequestInput,
  type AlterReplicaLogDirsResponse,
  type AlterReplicaLogDirsResponseInput,
} from './alter-replica-log-dirs.ts'
export {
  ApiVersions,
  type ApiVersionsRequest,
  type ApiVersionsRequestInput,
  type ApiVersionsResponse,
  type ApiVersionsResponseInput,
} from './api-versions.ts'
export {
  ConsumerGroupDescribe,
  type ConsumerGroupDescribeRequest,
  type ConsumerGroupDescribeRequestInput,
  type ConsumerGroupDescribeResponse,
  type ConsumerGroupDescribeResponseInput,
} from './consumer-group-describe.ts'
export {
  ConsumerGroupHeartbeat,
  type ConsumerGroupHeartbeatRequest,
  type ConsumerGroupHeartbeatRequestInput,
  type ConsumerGroupHeartbeatResponse,
  type ConsumerGroupHeartbeatResponseInput,
} from './consumer-group-heartbeat.ts'
export {
  CreatePartitions,
  type CreatePartitionsRequest,
  type CreatePartitionsRequestInput,
  type CreatePartitionsResponse,
  type CreatePartitionsResponseInput,
} from './create-partitions.ts'
export {
  CreateTopics,
  type CreateTopicsRequest,
  type CreateTopicsRequestInput,
  type CreateTopicsResponse,
  type CreateTopicsResponseInput,
} from './create-topics.ts'
export {
  DeleteGroups,
  type DeleteGroupsRequest,
  type DeleteGroupsRequestInput,
  type DeleteGroupsResponse,
  type DeleteGroupsResponseInput,
} from './delete-groups.ts'
export {
  DeleteRecords,
  type DeleteRecordsRequest,
  type DeleteRecordsRequestInput,
  type DeleteRecordsResponse,
  type DeleteRecordsResponseInput,
} from './delete-records.ts'
export {
  DeleteTopics,
  type DeleteTopicsRequest,
  type DeleteTopicsRequestInput,
  type DeleteTopicsResponse,
  type DeleteTopicsResponseInput,
} from './delete-topics.ts'
export {
  DescribeCluster,
  type DescribeClusterRequest,
  type DescribeClusterRequestInput,
  type DescribeClusterResponse,
  type DescribeClusterResponseInput,
} from './describe-cluster.ts'
export {
  DescribeConfigs,
  type DescribeConfigsRequest,
  type DescribeConfigsRequestInput,
  type DescribeConfigsResponse,
  type DescribeConfigsResponseInput,
} from './describe-configs.ts'
export {
  DescribeGroups,
  type DescribeGroupsRequest,
  type DescribeGroupsRequestInput,
  type DescribeGroupsResponse,
  type DescribeGroupsResponseInput,
} from './describe-groups.ts'
export {
  DescribeLogDirs,
  type DescribeLogDirsRequest,
  type DescribeLogDirsRequestInput,
  type DescribeLogDirsResponse,
  type DescribeLogDirsResponseInput,
} from './describe-log-dirs.ts'
export {
  DescribeProducers,
  type DescribeProducersRequest,
  type DescribeProducersRequestInput,
  type DescribeProducersResponse,
  type DescribeProducersResponseInput,
} from './describe-producers.ts'
export {
  DescribeQuorum,
  type DescribeQuorumRequest,
  type DescribeQuorumRequestInput,
  type DescribeQuorumResponse,
  type DescribeQuorumResponseInput,
} from './describe-quorum.ts'
export {
  DescribeTopicPartitions,
  type DescribeTopicPartitionsRequest,
  type DescribeTopicPartitionsRequestInput,
  type DescribeTopicPartitionsResponse,
  type DescribeTopicPartitionsResponseInput,
} from './describe-topic-partitions.ts'
export {
  DescribeTransactions,
  type DescribeTransactionsRequest,
  type DescribeTransactionsRequestInput,
  type DescribeTransactionsResponse,
  type DescribeTransactionsResponseInput,
} from './describe-transactions.ts'
export {
  ElectLeaders,
  type ElectLeadersRequest,
  type ElectLeadersRequestInput,
  type ElectLeadersResponse,
  type ElectLeadersResponseInput,
} from './elect-leaders.ts'
export {
  EndTxn,
  type EndTxnRequest,
  type EndTxnRequestInput,
  type EndTxnResponse,
  type EndTxnResponseInput,
} from './end-txn.ts'
export {
  Fetch,
  type FetchRequest,
  type FetchRequestInput,
  type FetchResponse,
  type FetchResponseInput,
} from './fetch.ts'
export {
  FindCoordinator,
  type FindCoordinatorRequest,
  type FindCoordinatorRequestInput,
  type FindCoordinatorResponse,
  type FindCoordinatorResponseInput,
} from './find-coordinator.ts'
export {
  Heartbeat,
  type HeartbeatRequest,
  type HeartbeatRequestInput,
  type HeartbeatResponse,
  type HeartbeatResponseInput,
} from './heartbeat.ts'
export {
  IncrementalAlterConfigs,
  type IncrementalAlterConfigsRequest,
  type IncrementalAlterConfigsRequestInput,
  type IncrementalAlterConfigsResponse,
  type IncrementalAlterConfigsResponseInput,
} from './incremental-alter-configs.ts'
export {
  InitProducerId,
  type InitProducerIdRequest,
  type InitProducerIdRequestInput,
  type InitProducerIdResponse,
  type InitProducerIdResponseInput,
} from './init-producer-id.ts'
export {
  JoinGroup,
  type JoinGroupRequest,
  type JoinGroupRequestInput,
  type JoinGroupResponse,
  type JoinGroupResponseInput,
} from './join-group.ts'
export {
  LeaveGroup,
  type LeaveGroupRequest,
  type LeaveGroupRequestInput,
  type LeaveGroupResponse,
  type LeaveGroupResponseInput,
} from './leave-group.ts'
export {
  ListConfigResources,
  type ListConfigResourcesRequest,
  type ListConfigResourcesRequestInput,
  type ListConfigResourcesResponse,
  type ListConfigResourcesResponseInput,
} from './list-config-resources.ts'
export {
  ListGroups,
  type ListGroupsRequest,
  type ListGroupsRequestInput,
  type ListGroupsResponse,
  type ListGroupsResponseInput,
} from './list-groups.ts'
export {
  ListOffsets,
  type ListOffsetsRequest,
  type ListOffsetsRequestInput,
  type ListOffsetsResponse,
  type ListOffsetsResponseInput,
} from './list-offsets.ts'
export {
  ListPartitionReassignments,
  type ListPartitionReassignmentsRequest,
  type ListPartitionReassignmentsRequestInput,
  type ListPartitionReassignmentsResponse,
  type ListPartitionReassignmentsResponseInput,
} from './list-partition-reassignments.ts'
export {
  ListTransactions,
  type ListTransactionsRequest,
  type ListTransactionsRequestInput,
  type ListTransactionsResponse,
  type ListTransactionsResponseInput,
} from './list-transactions.ts'
export {
  Metadata,
  type MetadataRequest,
  type MetadataRequestInput,
  type MetadataResponse,
  type MetadataResponseInput,
} from './metadata.ts'
export {
  OffsetCommit,
  type OffsetCommitRequest,
  type OffsetCommitRequestInput,
  type OffsetCommitResponse,
  type OffsetCommitResponseInput,
} from './offset-commit.ts'
export {
  OffsetDelete,
  type OffsetDeleteRequest,
  type OffsetDeleteRequestInput,
  type OffsetDeleteResponse,
  type OffsetDeleteResponseInput,
} from './offset-delete.ts'
export {
  OffsetFetch,
  type OffsetFetchRequest,
  type OffsetFetchRequestInput,
  type OffsetFetchResponse,
  type OffsetFetchResponseInput,
} from './offset-fetch.ts'
export {
  OffsetForLeaderEpoch,
  type OffsetForLeaderEpochRequest,
  type OffsetForLeaderEpochRequestInput,
  type OffsetForLeaderEpochResponse,
  type OffsetForLeaderEpochResponseInput,
} from './offset-for-leader-epoch.ts'
export {
  Produce,
  type ProduceRequest,
  type ProduceRequestInput,
  type ProduceResponse,
  type ProduceResponseInput,
} from './produce.ts'
export {
  SyncGroup,
  type SyncGroupRequest,
  type SyncGroupRequestInput,
  type SyncGroupResponse,
  type SyncGroupResponseInput,
} from './sync-group.ts'
export {
  TxnOffsetCommit,
  type TxnOffsetCommitRequest,
  type TxnOffsetCommitRequestInput,
  type TxnOffsetCommitResponse,
  type TxnOffsetCommitResponseInput,
} from './txn-offset-commit.ts'
export {
  UpdateFeatures,
  type UpdateFeaturesRequest,
  type UpdateFeaturesRequestInput,
  type UpdateFeaturesResponse,
  type UpdateFeaturesResponseInput,
} from './update-features.ts'
export {
  WriteTxnMarkers,
  type WriteTxnMarkersRequest,
  type WriteTxnMarkersRequestInput,
  type WriteTxnMarkersResponse,
  type WriteTxnMarkersResponseInput,
} from './write-txn-markers.ts'
export { apiByKey, apis } from './apis.ts'
export { decodeRequestHeader } from './header.ts'
export {
  ConsumerProtocolAssignment,
  type ConsumerProtocolAssignmentInput,
  ConsumerProtocolSubscription,
  type ConsumerProtocolSubscriptionInput,
} from './consumer-protocol.ts'
export {
  GroupMetadataKey,
  type GroupMetadataKeyInput,
  GroupMetadataValue,
  type GroupMetadataValueInput,
  OffsetCommitKey,
  type OffsetCommitKeyInput,
  OffsetCommitValue,
  type OffsetCommitValueInput,
} from './offsets-topic.ts'
export {
  AbortTransactionRecord,
  BeginTransactionRecord,
  BrokerRegistrationChangeRecord,
  EndTransactionRecord,
  FeatureLevelRecord,
  FenceBrokerRecord,
  NoOpRecord,
  ProducerIdsRecord,
  RegisterBrokerRecord,
  RegisterControllerRecord,
  UnfenceBrokerRecord,
  UnregisterBrokerRecord,
  ZkMigrationStateRecord,
} from './metadata-cluster-records.ts'
export type { MetadataRecordType } from './metadata-record-type.ts'
export {
  decodeMetadataRecord,
  encodeMetadataRecord,
  type MetadataRecord,
  type MetadataRecordInput,
  metadataRecordTypes,
} from './metadata-records.ts'
export {
  ClearElrRecord,
  ConfigRecord,
  PartitionChangeRecord,
  PartitionRecord,
  RemoveTopicRecord,
  TopicRecord,
} from './metadata-topic-records.ts'
export {
  TransactionLogKey,
  type TransactionLogKeyInput,
  TransactionLogValue,
  type TransactionLogValueInput,
} from './transaction-log.ts'
export {
  ControlRecordTypeSchema,
  type ControlRecordTypeSchemaInput,
  EndTxnMarker,
  type EndTxnMarkerInput,
} from './control-records.ts'
export {
  ConsumerGroupCurrentMemberAssignmentKey,
  type ConsumerGroupCurrentMemberAssignmentKeyInput,
  ConsumerGroupCurrentMemberAssignmentValue,
  type ConsumerGroupCurrentMemberAssignmentValueInput,
  ConsumerGroupMemberMetadataKey,
  type ConsumerGroupMemberMetadataKeyInput,
  ConsumerGroupMemberMetadataValue,
  type ConsumerGroupMemberMetadataValueInput,
  ConsumerGroupMetadataKey,
  type ConsumerGroupMetadataKeyInput,
  ConsumerGroupMetadataValue,
  type ConsumerGroupMetadataValueInput,
  ConsumerGroupPartitionMetadataKey,
  type ConsumerGroupPartitionMetadataKeyInput,
  ConsumerGroupPartitionMetadataValue,
  type ConsumerGroupPartitionMetadataValueInput,
  ConsumerGroupRegularExpressionKey,
  type ConsumerGroupRegularExpressionKeyInput,
  ConsumerGroupRegularExpressionValue,
  type ConsumerGroupRegularExpressionValueInput,
  ConsumerGroupTargetAssignmentMemberKey,
  type ConsumerGroupTargetAssignmentMemberKeyInput,
  ConsumerGroupTargetAssignmentMemberValue,
  type ConsumerGroupTargetAssignmentMemberValueInput,
  ConsumerGroupTargetAssignmentMetadataKey,
  type ConsumerGroupTargetAssignmentMetadataKeyInput,
  ConsumerGroupTargetAssignmentMetadataValue,
  type ConsumerGroupTargetAssignmentMetadataValueInput,
} from './consumer-group-records.ts'
export {
  KRaftVersionRecord,
  type KRaftVersionRecordInput,
  LeaderChangeMessage,
  type LeaderChangeMessageInput,
  SnapshotFooterRecord,
  type SnapshotFooterRecordInput,
  SnapshotHeaderRecord,
  type SnapshotHeaderRecordInput,
  VotersRecord,
  type VotersRecordInput,
} from './quorum-records.ts'
