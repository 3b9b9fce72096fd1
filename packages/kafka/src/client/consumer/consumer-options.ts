import type { PartitionAssignor } from '../group/assignors/assignor.ts'
import { cooperativeStickyAssignor } from '../group/assignors/cooperative-sticky.ts'
import { rangeAssignor } from '../group/assignors/range.ts'
import { roundRobinAssignor } from '../group/assignors/round-robin.ts'
import {
  type Address,
  CLIENT_DEFAULTS,
  type ClientOptions,
  invalidOption,
  parseBootstrapServers,
  resolveOptions,
} from '../cluster/options.ts'

export type AutoOffsetReset = 'latest' | 'earliest' | 'none'
export type IsolationLevel = 'read_uncommitted' | 'read_committed'
export type GroupProtocol = 'classic' | 'consumer'
export type AssignorName = 'range' | 'roundrobin' | 'cooperative-sticky'

/** Settings of {@link KafkaConsumer}, named and preset as those of Kafka's Java consumer. Times in milliseconds. */
export interface KafkaConsumerOptions extends ClientOptions {
  /** Needed for `subscribe` and for committed offsets. */
  groupId?: string
  /** Makes this a static member (KIP-345): a restart within the session timeout causes no rebalance. */
  groupInstanceId?: string
  /** Where to start without a committed offset, and when the offset is no longer there. Default latest. */
  autoOffsetReset?: AutoOffsetReset
  /** Commits what earlier polls returned, every `autoCommitIntervalMs`, in `poll`. Default true, with a group. */
  enableAutoCommit?: boolean
  autoCommitIntervalMs?: number
  /** A fetch waits until this many bytes are there, at most `fetchMaxWaitMs`. */
  fetchMinBytes?: number
  fetchMaxWaitMs?: number
  /** The most bytes that one answer, and one partition in it, brings; a batch that is larger still comes whole. */
  fetchMaxBytes?: number
  maxPartitionFetchBytes?: number
  /** The most records that one `poll` returns. */
  maxPollRecords?: number
  isolationLevel?: IsolationLevel
  /** Checks the checksum of each batch. Default true. */
  checkCrcs?: boolean
  /** The most that the records of one batch may take when decompressed, bytes. */
  maxDecompressedBytes?: number
  /**
   * How the group works: `classic`, where a member divides the partitions, or `consumer` (KIP-848), where the broker does
   * and no rebalance stops everybody. Default classic.
   */
  groupProtocol?: GroupProtocol
  /** With `groupProtocol: 'consumer'`: how the broker divides, `uniform` or `range`. The broker's choice without it. */
  groupRemoteAssignor?: string
  /** The rack of this client: brokers let it read from a replica nearby (KIP-392). */
  clientRack?: string
  /** Times of a classic group; with `consumer` the broker decides. */
  sessionTimeoutMs?: number
  heartbeatIntervalMs?: number
  /** A member that does not poll for so long leaves its group. */
  maxPollIntervalMs?: number
  /** In the order of preference. Rebalances are cooperative when all of them are. */
  partitionAssignors?: readonly AssignorName[]
  allowAutoCreateTopics?: boolean
  /** For calls that take no timeout of their own. */
  defaultApiTimeoutMs?: number
  /** How long `close` goes on trying when no broker can be reached. Default 5,000. */
  closeTimeoutMs?: number
}

const CONSUMER_DEFAULTS = {
  ...CLIENT_DEFAULTS,
  bootstrapServers: '' as string | readonly string[],
  groupId: undefined as string | undefined,
  groupInstanceId: undefined as string | undefined,
  autoOffsetReset: 'latest' as AutoOffsetReset,
  enableAutoCommit: true,
  autoCommitIntervalMs: 5_000,
  fetchMinBytes: 1,
  fetchMaxWaitMs: 500,
  fetchMaxBytes: 50 * 1024 * 1024,
  maxPartitionFetchBytes: 1024 * 1024,
  maxPollRecords: 500,
  isolationLevel: 'read_uncommitted' as IsolationLevel,
  checkCrcs: true,
  maxDecompressedBytes: 128 * 1024 * 1024,
  groupProtocol: 'classic' as GroupProtocol,
  groupRemoteAssignor: undefined as string | undefined,
  clientRack: undefined as string | undefined,
  sessionTimeoutMs: 45_000,
  heartbeatIntervalMs: 3_000,
  maxPollIntervalMs: 300_000,
  partitionAssignors: ['range', 'cooperative-sticky'] as readonly AssignorName[],
  allowAutoCreateTopics: true,
  defaultApiTimeoutMs: 60_000,
  closeTimeoutMs: 5_000,
}

const ASSIGNORS: Record<AssignorName, PartitionAssignor> = {
  range: rangeAssignor,
  roundrobin: roundRobinAssignor,
  'cooperative-sticky': cooperativeStickyAssignor,
}

export type ResolvedConsumerOptions = Omit<typeof CONSUMER_DEFAULTS, 'bootstrapServers'> & {
  bootstrapServers: Address[]
  assignors: readonly PartitionAssignor[]
}

/** What the other protocol has no use for: not to be given, since it would do nothing. */
const CLASSIC_ONLY = ['sessionTimeoutMs', 'heartbeatIntervalMs', 'partitionAssignors'] as const
const CONSUMER_ONLY = ['groupRemoteAssignor'] as const

/** @throws {MillraceError} KAFKA_UNKNOWN_OPTION, KAFKA_INVALID_OPTION */
export function resolveConsumerOptions(given: KafkaConsumerOptions): ResolvedConsumerOptions {
  const resolved = resolveOptions('KafkaConsumer', CONSUMER_DEFAULTS, given)
  checkChoice('autoOffsetReset', resolved.autoOffsetReset, ['latest', 'earliest', 'none'])
  checkChoice('isolationLevel', resolved.isolationLevel, ['read_uncommitted', 'read_committed'])
  checkChoice('groupProtocol', resolved.groupProtocol, ['classic', 'consumer'])
  for (const key of resolved.groupProtocol === 'consumer' ? CLASSIC_ONLY : CONSUMER_ONLY) {
    if (given[key] === undefined) continue
    const other = resolved.groupProtocol === 'consumer' ? 'classic' : 'consumer'
    throw invalidOption('KafkaConsumer', key, given[key], `it only with groupProtocol '${other}'`)
  }
  const assignors = resolved.partitionAssignors.map((name) => {
    checkChoice('partitionAssignors', name, Object.keys(ASSIGNORS))
    return ASSIGNORS[name]
  })
  if (assignors.length === 0) throw invalidOption('KafkaConsumer', 'partitionAssignors', '[]', 'at least one assignor')
  if (resolved.heartbeatIntervalMs >= resolved.sessionTimeoutMs) {
    const { heartbeatIntervalMs } = resolved
    throw invalidOption('KafkaConsumer', 'heartbeatIntervalMs', heartbeatIntervalMs, 'less than sessionTimeoutMs')
  }
  return { ...resolved, assignors, bootstrapServers: parseBootstrapServers(resolved.bootstrapServers) }
}

function checkChoice(key: string, value: string, choices: readonly string[]): void {
  if (!choices.includes(value)) throw invalidOption('KafkaConsumer', key, value, `one of ${choices.join(', ')}`)
}
