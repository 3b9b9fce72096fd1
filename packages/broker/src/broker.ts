import { resolve } from 'node:path'
import { type Clock, hostSystem, MemoryFileSystem, MillraceError, type System } from '@millrace/std'
import { type BrokerNode, NodeListener } from './broker-node.ts'
import { parseServerConfig, type ServerConfig } from './config/server-config.ts'
import { resolveTopicConfig } from './config/topic-config.ts'
import { GroupCoordinator } from './groups/group-coordinator.ts'
import { groupSettings } from './groups/group-settings.ts'
import type { TopicSource } from './groups/topics-image.ts'
import { BrokerLoggers } from './handlers/broker-loggers.ts'
import { Coordinators } from './handlers/coordinators.ts'
import { Dispatcher, type RequestMetrics } from './handlers/dispatcher.ts'
import { registerHandlers } from './handlers/index.ts'
import { PartitionMarkers } from './handlers/partition-markers.ts'
import { Interceptions, type RequestInterceptor } from './handlers/interception.ts'
import { Brokers } from './metadata/brokers.ts'
import { Leadership } from './metadata/leadership.ts'
import { LogJournal } from './metadata/log-journal.ts'
import { parseAdvertisedListener, requireLoopback } from './net/listen-address.ts'
import type { LogMetrics } from './log/log-event.ts'
import type { LogConfig } from './log/log-config.ts'
import { LogManager } from './log/log-manager.ts'
import { cleanerConfigOf } from './metadata/cleaner-config.ts'
import { logEventText } from './metadata/log-event-text.ts'
import { type Logger, silentLogger } from './logger.ts'
import { MetadataManager } from './metadata/metadata-manager.ts'
import { resourceTypes } from './metadata/resource-configs.ts'
import { openOffsetJournals, openTransactionJournals } from './metadata/coordinator-topics.ts'
import { TopicCatalog } from './metadata/topic-catalog.ts'
import { logConfigOf, metadataLogConfig, TopicLogs } from './metadata/topic-logs.ts'
import { isInternalTopic, metadataTopicName, offsetsTopicName, transactionsTopicName } from './metadata/topic-name.ts'
import { BufferPool } from './net/buffer-pool.ts'
import { TransactionCoordinator } from './transactions/transaction-coordinator.ts'

export interface BrokerOptions {
  /** Where to listen (default 127.0.0.1). Only addresses of this machine: there is no authentication yet. */
  readonly host?: string
  /** Default 9092; 0 takes any free port. Of several brokers the first, with the next ones behind it, or one for each. */
  readonly port?: number | readonly number[]
  /** The data folder, made when missing; or `'memory'`: nothing outlives the broker. */
  readonly data: string | 'memory'
  /** Kafka's server properties by name; a name or value that is wrong is refused with the right one. */
  readonly config?: Readonly<Record<string, string | number | boolean>>
  /** The host that clients are told, when it is not the one that the broker listens on. */
  readonly advertisedHost?: string
  /** Parts of the outside world to replace, for tests and simulations. */
  readonly system?: Partial<System>
  /** Time of connections and of fetches that wait, where it is not `system`'s: a test that moves time by hand leaves it to the network. */
  readonly networkTime?: Pick<System, 'clock' | 'timers'>
  /**
   * How many brokers clients see (default 1). With several each has its own port and node id, counted from `node.id`, leads
   * its share of the partitions, and can fail: for tests of what clients do then. They share one process and one data folder.
   */
  readonly brokers?: number
  /** Puts faults in the way of clients: for tests. */
  readonly interceptor?: RequestInterceptor
  /** Default: says nothing. */
  readonly logger?: Logger
}

export interface BrokerMetrics extends RequestMetrics {
  readonly connections: number
  readonly log: LogMetrics
}

/** A running broker. */
export interface Broker {
  readonly host: string
  readonly port: number
  /** `host:port`, as clients take it; of several brokers with commas. */
  readonly bootstrapServers: string
  readonly clusterId: string
  /** The brokers that clients see: as many as {@link BrokerOptions.brokers} says. */
  readonly nodes: readonly BrokerNode[]
  /** Who leads a partition; -1: nobody, or there is no such partition. */
  leaderOf(topic: string, partition: number): number
  /** Who coordinates a group or a transactional id; -1: nobody, or none was there yet. */
  coordinatorOf(kind: 'group' | 'transaction', id: string): number
  /** Makes another broker lead a partition. False: there is no such partition, or that broker is away or has none of it. */
  moveLeader(topic: string, partition: number, nodeId: number): boolean
  metrics(): BrokerMetrics
  /** Takes no more requests, answers what it can, syncs, and lets go of port and folder; in well under a second. */
  close(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

/** What lies in pooled buffers of sockets when nothing flows. */
const maxIdleBufferBytes = 33_554_432
/** How long clients have to take their last answers when the broker stops. */
const closeGraceMs = 200
/** The id that Apache Kafka gives the metadata log. */
const metadataTopicId = new Uint8Array(16).fill(1, 15)
const memoryFolder = '/broker'

/**
 * Starts a broker that speaks Apache Kafka's protocol. Any number fits in one process.
 *
 * @throws MillraceError BROKER_CONFIG_UNKNOWN, BROKER_CONFIG_INVALID, BROKER_HOST_NOT_LOOPBACK, BROKER_PORT_IN_USE,
 *   BROKER_PORT_FORBIDDEN, BROKER_CANNOT_LISTEN, BROKER_DATA_LOCKED, BROKER_DATA_UNUSABLE, BROKER_DATA_FOREIGN,
 *   BROKER_DATA_DAMAGED
 *
 * @example
 * await using broker = await startBroker({ port: 0, data: 'memory', config: { 'num.partitions': 3 } })
 * console.log(broker.bootstrapServers)
 */
export async function startBroker(options: BrokerOptions): Promise<Broker> {
  const { host = '127.0.0.1', port = 9092, data } = options
  const loggers = new BrokerLoggers()
  const logger = loggers.filter(options.logger ?? silentLogger)
  const server = parseServerConfig(options.config ?? {})
  requireLoopback(host)
  const advertised = parseAdvertisedListener(server['advertised.listeners'])
  const system = systemFor(options)
  const { clock, timers, random, network } = system
  const { networkTime = system, interceptor } = options
  const brokers = new Brokers(brokerIds(options.brokers ?? 1, server, advertised !== undefined))
  const topics = new TopicCatalog()
  let topicLogs: TopicLogs | undefined
  const folder = data === 'memory' ? memoryFolder : data
  const logs = LogManager.open({
    folder,
    fileSystem: system.fileSystem,
    clock,
    timers,
    random,
    nodeId: server['node.id'],
    retentionCheckIntervalMs: server['log.retention.check.interval.ms'],
    cleaner: () => cleanerConfigOf(server),
    // Until the metadata is read, logs are as a topic without configuration of its own.
    configOf: initialLogConfig(server),
    listener: {
      highWatermarkAdvanced: (log) => topicLogs?.highWatermarkAdvanced(log),
      event: (_log, event) => {
        const { level, message } = logEventText(event)
        logger[level](message, { ...event })
      },
    },
  })
  try {
    topicLogs = new TopicLogs(logs, { catalog: topics, server, brokers })
    const metadata = await openMetadata({ logs, topicLogs, server, brokers, system, logger })
    for (const folder of await topicLogs.removeLeftovers(metadata.image, metadataTopicName)) {
      logger.warn(
        `${folder} belongs to no known topic; it is left alone until one of that name is created, which takes it over`,
      )
    }
    const groups = newGroupCoordinator({ metadata, topics, server, system, logger })
    if (topics.get(offsetsTopicName)) await groups.ready()
    const markers = new PartitionMarkers({ topics, metadata, groups, logger })
    const transactions = newTransactionCoordinator({ metadata, topics, server, system, logger, markers })
    if (topics.get(transactionsTopicName)) await transactions.ready()
    const metrics: RequestMetrics = { requests: 0, failedRequests: 0 }
    const pool = new BufferPool(maxIdleBufferBytes)
    const { clusterId } = logs.meta
    const leadership = new Leadership(brokers, topics)
    const coordinators = new Coordinators(brokers, topics)
    const registry = registerHandlers({
      server,
      clusterId,
      brokers,
      leadership,
      coordinators,
      topics,
      metadata,
      loggers,
      logDirectory: { path: resolve(folder), volume: () => system.fileSystem.volume?.(folder) },
      groups,
      transactions,
      markers,
      clock,
      timers,
      networkTimers: networkTime.timers,
      random,
      pool,
    })
    const limits = {
      maxFrameBytes: server['socket.request.max.bytes'],
      maxPendingRequests: server['queued.max.requests'],
      maxIdleMs: server['connections.max.idle.ms'],
      get maxConnections() {
        return server['max.connections']
      },
    }
    const interceptions = interceptor && new Interceptions({ interceptor, topics, timers: networkTime.timers })
    const dispatching = { registry, logger, metrics, ...(interceptions && { interceptions }) }
    const nodes = brokers.ids.map(
      (nodeId, i) =>
        new NodeListener({
          nodeId,
          host,
          port: typeof port === 'number' ? (port === 0 ? 0 : port + i) : (port[i] ?? 0),
          advertised: { host: advertised?.host ?? options.advertisedHost, port: advertised?.port },
          sockets: {
            network,
            clock: networkTime.clock,
            timers: networkTime.timers,
            logger,
            pool,
            limits,
            accept: (remote) => new Dispatcher(remote, nodeId, dispatching),
          },
          brokers,
          leadership,
          graceMs: closeGraceMs,
        }),
    )
    try {
      for (const node of nodes) await node.restore()
    } catch (cause) {
      await Promise.all(nodes.map((node) => node.close()))
      transactions.close()
      groups.close()
      throw cause
    }
    const [first] = nodes as [NodeListener]
    const bootstrapServers = nodes.map((node) => `${host.includes(':') ? `[${host}]` : host}:${node.port}`).join(',')
    logger.info(`The broker answers on ${bootstrapServers}`, { clusterId, data })
    let closing: Promise<void> | undefined
    const close = async () => {
      for (const node of nodes) node.stopRequests()
      await Promise.all([...logs.logs()].map((log) => log.flush()))
      await Promise.all(nodes.map((node) => node.close()))
      transactions.close()
      groups.close()
      metadata.close()
      await logs.close()
      logger.info(`The broker on ${bootstrapServers} has stopped`)
    }
    const broker: Broker = {
      host,
      port: first.port,
      bootstrapServers,
      clusterId,
      nodes,
      leaderOf: (topic, partition) => topics.partition(topic, partition)?.leaderId ?? -1,
      coordinatorOf: (kind, id) => coordinators.idOf(kind, id),
      moveLeader: (topic, partition, nodeId) => {
        const found = topics.partition(topic, partition)
        return found !== undefined && leadership.move(found, nodeId)
      },
      metrics: () => ({
        ...metrics,
        connections: nodes.reduce((sum, node) => sum + node.connectionCount, 0),
        log: logs.metrics(),
      }),
      close: () => {
        closing ??= close()
        return closing
      },
      [Symbol.asyncDispose]: () => broker.close(),
    }
    return broker
  } catch (cause) {
    await logs.close()
    throw cause
  }
}

function brokerIds(count: number, server: ServerConfig, isAdvertised: boolean): number[] {
  if (!Number.isInteger(count) || count < 1 || count > 100 || (count > 1 && isAdvertised)) {
    throw new MillraceError('BROKER_CONFIG_INVALID', {
      message: `There can be 1 to 100 brokers, and one where advertised.listeners is set, not ${count}.`,
      fix: 'Give another number of brokers, or leave advertised.listeners out.',
    })
  }
  return Array.from({ length: count }, (_, i) => server['node.id'] + i)
}

function systemFor({ data, system }: BrokerOptions): System {
  const whole = { ...hostSystem, ...system }
  return data === 'memory' ? { ...whole, fileSystem: new MemoryFileSystem({ clock: whole.clock }) } : whole
}

/** All logs that clients write to begin with the same one: there can be very many. */
function initialLogConfig(server: ServerConfig): (topic: string) => LogConfig {
  const topicConfig = resolveTopicConfig(new Map(), server)
  const common = logConfigOf('', topicConfig, server)
  return (topic) => {
    if (topic === metadataTopicName) return metadataLogConfig(server)
    return isInternalTopic(topic) ? logConfigOf(topic, topicConfig, server) : common
  }
}

async function openMetadata(parts: {
  logs: LogManager
  topicLogs: TopicLogs
  server: ServerConfig
  brokers: Brokers
  system: System
  logger: Logger
}): Promise<MetadataManager> {
  const { logs, topicLogs, server, brokers, logger } = parts
  const { clock, random, timers } = parts.system
  const log = logs.get(metadataTopicName, 0) ?? (await logs.createPartition(metadataTopicName, 0, metadataTopicId))
  const metadata = new MetadataManager({
    journal: new LogJournal(log, clock),
    log,
    server,
    brokers,
    random,
    apply: (image, changes) => topicLogs.apply(image, changes),
    timers,
    logger,
  })
  metadata.load()
  for (const { name, partitions } of metadata.image.topics.values()) {
    for (let partition = 0; partition < partitions; partition++) {
      if (!logs.get(name, partition) && logs.hadFolder(name, partition))
        logger.warn(`${name}-${partition} has no folder; it is begun anew, without records`)
    }
  }
  await topicLogs.apply(metadata.image)
  await metadata.bootstrap()
  return metadata
}

function newGroupCoordinator(parts: {
  metadata: MetadataManager
  topics: TopicCatalog
  server: ServerConfig
  system: System
  logger: Logger
}): GroupCoordinator {
  const { metadata, topics, server, logger } = parts
  const { clock, timers, random } = parts.system
  return new GroupCoordinator({
    openJournals: () => openOffsetJournals({ metadata, topics, server, clock }),
    clock,
    timers,
    random,
    logger,
    expireIntervalMs: server['offsets.retention.check.interval.ms'],
    settings: groupSettings(server, (groupId) => metadata.image.configsOf(resourceTypes.group, groupId)),
    topics: topicSource(metadata, clock),
  })
}

/** Versions are times, so that those of a later run are later ones. */
function topicSource(metadata: MetadataManager, clock: Clock): TopicSource {
  let version = clock.now()
  metadata.onChange(() => {
    version = Math.max(version + 1, clock.now())
  })
  return { topics: () => metadata.image.topics.values(), version: () => version }
}

function newTransactionCoordinator(parts: {
  metadata: MetadataManager
  topics: TopicCatalog
  server: ServerConfig
  system: System
  logger: Logger
  markers: PartitionMarkers
}): TransactionCoordinator {
  const { metadata, topics, server, logger, markers } = parts
  const { clock, timers } = parts.system
  return new TransactionCoordinator({
    openJournals: () => openTransactionJournals({ metadata, topics, server, clock }),
    nextProducerId: () => metadata.nextProducerId(),
    markers,
    clock,
    timers,
    logger,
    settings: {
      maxTimeoutMs: server['transaction.max.timeout.ms'],
      expirationMs: server['transactional.id.expiration.ms'],
      abortIntervalMs: server['transaction.abort.timed.out.transaction.cleanup.interval.ms'],
      expireIntervalMs: server['transaction.remove.expired.transaction.cleanup.interval.ms'],
      addWaitMs: server['add.partitions.to.txn.retry.backoff.max.ms'],
    },
  })
}
