import { COMPRESSION_TYPES, type CompressionType } from '../../records/batch.ts'
import {
  type Address,
  CLIENT_DEFAULTS,
  type ClientOptions,
  invalidOption,
  parseBootstrapServers,
  resolveOptions,
} from '../cluster/options.ts'
import type { Partitioner } from './partitioner.ts'

export type Acks = 'all' | -1 | 0 | 1

/** Settings of {@link KafkaProducer}, named and preset as those of Kafka's Java producer. */
export interface KafkaProducerOptions extends ClientOptions {
  /** Who must have a record before it counts as written: all replicas in sync (default), the leader, nobody. */
  acks?: Acks
  /** Each record is written once, in order, even when answers are lost. Needs `acks: 'all'`. Default true. */
  enableIdempotence?: boolean
  /** A batch of a partition is sent when it holds this many bytes. Default 16,384. */
  batchSize?: number
  /** How long a batch that is not full waits for more. Default 5. */
  lingerMs?: number
  /** Requests under way to a broker. At most 5 with idempotence, which is the default. */
  maxInFlightRequestsPerConnection?: number
  retries?: number
  /** From `send` until a record is given up. Default 120,000. */
  deliveryTimeoutMs?: number
  compressionType?: CompressionType
  /** On the codec's own scale. */
  compressionLevel?: number
  /** Bytes of records that wait for their answer; beyond that, `send` waits. Default 32 MiB. */
  bufferMemory?: number
  /** The most a `send` waits for metadata or memory. Default 60,000. */
  maxBlockMs?: number
  /** The largest request and record, bytes before compression. Default 1 MiB. */
  maxRequestSize?: number
  /** Instead of the choice by key, or in turns. */
  partitioner?: Partitioner
  /** Makes the producer transactional. A newer producer with the same id fences this one. Needs idempotence. */
  transactionalId?: string
  /** The broker aborts a transaction that takes longer; it may cap this (15 min by default). Default 60,000. */
  transactionTimeoutMs?: number
  /** How long `close` goes on trying when no broker can be reached. Default 5,000. */
  closeTimeoutMs?: number
}

const PRODUCER_DEFAULTS = {
  ...CLIENT_DEFAULTS,
  bootstrapServers: '' as string | readonly string[],
  acks: 'all' as Acks,
  enableIdempotence: undefined as boolean | undefined,
  batchSize: 16_384,
  lingerMs: 5,
  maxInFlightRequestsPerConnection: 5,
  retries: 0x7fff_ffff,
  deliveryTimeoutMs: 120_000,
  compressionType: 'none' as CompressionType,
  compressionLevel: undefined as number | undefined,
  bufferMemory: 32 * 1024 * 1024,
  maxBlockMs: 60_000,
  maxRequestSize: 1024 * 1024,
  partitioner: undefined as Partitioner | undefined,
  transactionalId: undefined as string | undefined,
  transactionTimeoutMs: 60_000,
  closeTimeoutMs: 5_000,
}

const MAX_IN_FLIGHT_WITH_IDEMPOTENCE = 5

export type ResolvedProducerOptions = Omit<
  typeof PRODUCER_DEFAULTS,
  'acks' | 'bootstrapServers' | 'enableIdempotence'
> & {
  acks: -1 | 0 | 1
  idempotent: boolean
  bootstrapServers: Address[]
}

/** @throws {MillraceError} KAFKA_UNKNOWN_OPTION, KAFKA_INVALID_OPTION */
export function resolveProducerOptions(given: KafkaProducerOptions): ResolvedProducerOptions {
  const resolved = resolveOptions('KafkaProducer', PRODUCER_DEFAULTS, given)
  const acks = checkAcks(resolved.acks)
  const idempotent = checkIdempotence(resolved, acks)
  const { transactionalId } = resolved
  if (transactionalId === '' || (transactionalId !== undefined && !idempotent)) {
    const needed = "an id that is not empty, with idempotence: acks 'all', retries, at most 5 requests in flight"
    throw invalidOption('KafkaProducer', 'transactionalId', `'${transactionalId}'`, needed)
  }
  if (!COMPRESSION_TYPES.includes(resolved.compressionType)) {
    const known = `one of ${COMPRESSION_TYPES.join(', ')}`
    throw invalidOption('KafkaProducer', 'compressionType', resolved.compressionType, known)
  }
  return { ...resolved, acks, idempotent, bootstrapServers: parseBootstrapServers(resolved.bootstrapServers) }
}

function checkAcks(acks: unknown): -1 | 0 | 1 {
  if (acks === 'all' || acks === -1) return -1
  if (acks === 0 || acks === 1) return acks
  throw invalidOption('KafkaProducer', 'acks', acks, `'all', 1 or 0`)
}

/** On by default; settings that rule it out switch it off, and are an error when it was asked for. */
function checkIdempotence(options: typeof PRODUCER_DEFAULTS, acks: number): boolean {
  const { enableIdempotence, maxInFlightRequestsPerConnection, retries } = options
  const conflict =
    acks !== -1
      ? `acks is ${acks}`
      : maxInFlightRequestsPerConnection > MAX_IN_FLIGHT_WITH_IDEMPOTENCE
        ? `maxInFlightRequestsPerConnection is ${maxInFlightRequestsPerConnection}`
        : retries === 0
          ? 'retries is 0'
          : undefined
  if (conflict === undefined) return enableIdempotence ?? true
  if (enableIdempotence !== true) return false
  const needed = `acks 'all', at most ${MAX_IN_FLIGHT_WITH_IDEMPOTENCE} requests in flight and retries`
  throw invalidOption('KafkaProducer', 'enableIdempotence', `true although ${conflict}`, needed)
}
