import type { HandlerServices } from './index.ts'
import { registerAlterConfigs } from './alter-configs.ts'
import { registerAlterPartitionReassignments } from './alter-partition-reassignments.ts'
import { registerAlterReplicaLogDirs } from './alter-replica-log-dirs.ts'
import { registerApiVersions } from './api-versions.ts'
import { registerCreatePartitions } from './create-partitions.ts'
import { registerCreateTopics } from './create-topics.ts'
import { registerDeleteTopics } from './delete-topics.ts'
import { registerDescribeCluster } from './describe-cluster.ts'
import { registerDescribeConfigs } from './describe-configs.ts'
import { registerDescribeLogDirs } from './describe-log-dirs.ts'
import { registerDescribeQuorum } from './describe-quorum.ts'
import { registerDescribeTopicPartitions } from './describe-topic-partitions.ts'
import { registerElectLeaders } from './elect-leaders.ts'
import { registerIncrementalAlterConfigs } from './incremental-alter-configs.ts'
import { registerListConfigResources } from './list-config-resources.ts'
import { registerListPartitionReassignments } from './list-partition-reassignments.ts'
import type { HandlerRegistry } from './registry.ts'
import { registerUpdateFeatures } from './update-features.ts'

/** The APIs that describe and change the cluster, its topics and configurations. */
export function registerAdminHandlers(registry: HandlerRegistry, services: HandlerServices): void {
  const { server, clusterId, brokers, metadata, groups } = services
  registerApiVersions(registry, metadata)
  registerCreateTopics(registry, metadata, server)
  registerDeleteTopics(registry, metadata, groups, server)
  registerCreatePartitions(registry, metadata)
  registerDescribeTopicPartitions(registry, services)
  registerDescribeConfigs(registry, services)
  registerAlterConfigs(registry, metadata)
  registerIncrementalAlterConfigs(registry, services)
  registerListConfigResources(registry, services)
  registerUpdateFeatures(registry, metadata)
  registerDescribeCluster(registry, clusterId, brokers)
  registerDescribeQuorum(registry, services)
  registerElectLeaders(registry, services)
  registerAlterPartitionReassignments(registry, services)
  registerListPartitionReassignments(registry)
  registerDescribeLogDirs(registry, services)
  registerAlterReplicaLogDirs(registry, services)
}
