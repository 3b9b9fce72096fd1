import type { Clock, Random, Timers } from '@millrace/std'
import type { ServerConfig } from '../config/server-config.ts'
import type { GroupCoordinator } from '../groups/group-coordinator.ts'
import type { Brokers } from '../metadata/brokers.ts'
import type { Leadership } from '../metadata/leadership.ts'
import type { MetadataManager } from '../metadata/metadata-manager.ts'
import type { TopicCatalog } from '../metadata/topic-catalog.ts'
import type { BufferPool } from '../net/buffer-pool.ts'
import type { TransactionCoordinator } from '../transactions/transaction-coordinator.ts'
import { registerAdminHandlers } from './admin.ts'
import { registerAddOffsetsToTxn } from './add-offsets-to-txn.ts'
import { registerAddPartitionsToTxn } from './add-partitions-to-txn.ts'
import type { BrokerLoggers } from './broker-loggers.ts'
import { registerDeleteGroups } from './delete-groups.ts'
import { registerDeleteRecords } from './delete-records.ts'
import type { LogDirectory } from './describe-log-dirs.ts'
import { registerDescribeGroups } from './describe-groups.ts'
import { registerDescribeProducers } from './describe-producers.ts'
import { registerDescribeTransactions } from './describe-transactions.ts'
import { registerEndTxn } from './end-txn.ts'
import { routeToCoordinators } from './coordinator-routing.ts'
import type { Coordinators } from './coordinators.ts'
import { registerFetch } from './fetch.ts'
import { FetchSessions } from './fetch-session.ts'
import { registerFindCoordinator } from './find-coordinator.ts'
import { registerHeartbeat } from './heartbeat.ts'
import { registerInitProducerId } from './init-producer-id.ts'
import { registerJoinGroup } from './join-group.ts'
import { registerLeaveGroup } from './leave-group.ts'
import { registerConsumerGroupDescribe } from './consumer-group-describe.ts'
import { registerConsumerGroupHeartbeat } from './consumer-group-heartbeat.ts'
import { registerListGroups } from './list-groups.ts'
import { registerOffsetDelete } from './offset-delete.ts'
import { registerListOffsets } from './list-offsets.ts'
import { registerListTransactions } from './list-transactions.ts'
import { registerMetadata } from './metadata.ts'
import { registerOffsetCommit } from './offset-commit.ts'
import { registerOffsetFetch } from './offset-fetch.ts'
import { registerOffsetForLeaderEpoch } from './offset-for-leader-epoch.ts'
import type { PartitionMarkers } from './partition-markers.ts'
import { registerProduce } from './produce.ts'
import { HandlerRegistry } from './registry.ts'
import { registerSyncGroup } from './sync-group.ts'
import { registerTxnOffsetCommit } from './txn-offset-commit.ts'
import { registerWriteTxnMarkers } from './write-txn-markers.ts'

/** What handlers work with. */
export interface HandlerServices {
  readonly server: ServerConfig
  readonly clusterId: string
  readonly brokers: Brokers
  readonly leadership: Leadership
  readonly coordinators: Coordinators
  readonly topics: TopicCatalog
  readonly metadata: MetadataManager
  readonly loggers: BrokerLoggers
  readonly logDirectory: LogDirectory
  readonly groups: GroupCoordinator
  readonly transactions: TransactionCoordinator
  readonly markers: PartitionMarkers
  readonly clock: Clock
  readonly timers: Timers
  /** Of fetches that wait. */
  readonly networkTimers: Timers
  readonly random: Random
  readonly pool: BufferPool
}

/** All APIs that the broker serves. */
export function registerHandlers(services: HandlerServices): HandlerRegistry {
  const { server, clusterId, brokers, topics, metadata, groups, transactions, clock, networkTimers, random, pool } =
    services
  const registry = new HandlerRegistry()
  registerProduce(registry, { topics, transactions, server, brokers })
  const slots = server['max.incremental.fetch.session.cache.slots']
  const sessions = new FetchSessions({ slots, clock, random })
  registerFetch(registry, sessions, {
    topics,
    brokers,
    timers: networkTimers,
    pool,
    maxBytes: server['fetch.max.bytes'],
  })
  registerListOffsets(registry, topics)
  registerMetadata(registry, { topics, metadata, server, clusterId, brokers })
  registerOffsetCommit(registry, groups, topics)
  registerOffsetFetch(registry, groups, topics)
  registerFindCoordinator(registry, groups, transactions, services.coordinators)
  registerJoinGroup(registry, groups)
  registerHeartbeat(registry, groups)
  registerLeaveGroup(registry, groups)
  registerSyncGroup(registry, groups)
  registerDescribeGroups(registry, groups)
  registerListGroups(registry, groups)
  registerOffsetDelete(registry, groups, topics)
  registerConsumerGroupHeartbeat(registry, groups, services)
  registerConsumerGroupDescribe(registry, groups, metadata)
  registerDeleteRecords(registry, topics)
  registerInitProducerId(registry, metadata, transactions)
  registerOffsetForLeaderEpoch(registry, topics)
  registerDeleteGroups(registry, groups)
  registerAddPartitionsToTxn(registry, transactions, topics)
  registerAddOffsetsToTxn(registry, transactions, groups)
  registerEndTxn(registry, transactions)
  registerWriteTxnMarkers(registry, services.markers, topics)
  registerTxnOffsetCommit(registry, { transactions, groups, topics, server })
  registerDescribeProducers(registry, topics)
  registerDescribeTransactions(registry, transactions)
  registerListTransactions(registry, transactions)
  registerAdminHandlers(registry, services)
  if (brokers.ids.length > 1) routeToCoordinators(registry, services.coordinators)
  return registry
}
