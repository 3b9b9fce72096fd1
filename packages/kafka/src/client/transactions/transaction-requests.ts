import {
  AddOffsetsToTxn,
  AddPartitionsToTxn,
  EndTxn,
  InitProducerId,
  TxnOffsetCommit,
} from '../../definitions/index.ts'
import { ErrorCode, KafkaError } from '../../errors/index.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { Coordinator } from '../cluster/coordinator.ts'
import { retry } from '../cluster/waiting.ts'
import type { TopicPartition } from '../group/assignors/assignor.ts'
import { type CommittedOffset, type ConsumerGroupMetadata, groupByTopic } from '../group/group-coordinator.ts'
import type { ProducerIdentity } from '../producer/producer-batch.ts'
import { judge } from './transaction-errors.ts'

/** What is in the way of a transaction is mostly the end of the one before, which takes milliseconds. */
const FIRST_RETRY_MS = 20

/** The last versions that mean transactions v1; a higher one would change the rules of the transaction (KIP-890). */
const V1 = { endTxn: 4, txnOffsetCommit: 4, addOffsets: 3, addPartitions: 3 }
/** Brokers ask each other with later versions. */
const LAST_CLIENT_ADD_PARTITIONS = 3

export type TransactionVersion = 1 | 2

export interface TransactionCallOptions {
  timeoutMs: number
  signal?: AbortSignal | undefined
}

/** The requests of one transactional id, each repeated until it is decided: the coordinator may move, load, or be busy. */
export class TransactionRequests {
  readonly transactionalId: string
  readonly #cluster: Cluster
  readonly #coordinator: Coordinator
  readonly #groups = new Map<string, Coordinator>()

  constructor(cluster: Cluster, transactionalId: string) {
    this.#cluster = cluster
    this.transactionalId = transactionalId
    this.#coordinator = new Coordinator(cluster, { kind: 'transaction', key: transactionalId, lane: 'common' })
  }

  /** The version of transactions that a transaction begun now has. */
  get version(): TransactionVersion {
    return this.#cluster.finalizedFeature('transaction.version') >= 2 ? 2 : 1
  }

  /**
   * Asks for id and epoch. Without `current` this fences older producers and ends their transaction; with it, the epoch is
   * raised (KIP-360).
   */
  async initialize(
    transactionTimeoutMs: number,
    current: ProducerIdentity | undefined,
    options: TransactionCallOptions,
  ): Promise<ProducerIdentity> {
    const { transactionalId } = this
    return this.#retry('Getting the producer id', options, async (what) => {
      const response = await this.#coordinator.send(
        InitProducerId,
        (version) => {
          const request = { transactionalId, transactionTimeoutMs }
          if (!current) return request
          if (version >= 3) return { ...request, ...current }
          throw new KafkaError(ErrorCode.UNSUPPORTED_VERSION, what, 'the broker cannot raise an epoch (KIP-360)')
        },
        (answer) => answer.errorCode,
      )
      if (response.errorCode !== ErrorCode.NONE) throw new KafkaError(response.errorCode, what)
      const { producerId, producerEpoch } = response
      return { producerId, producerEpoch }
    })
  }

  /** Transactions v1: announces partitions before they are written to. */
  async addPartitions(
    identity: ProducerIdentity,
    partitions: readonly TopicPartition[],
    options: TransactionCallOptions,
  ): Promise<void> {
    const request = {
      v3AndBelowTransactionalId: this.transactionalId,
      v3AndBelowProducerId: identity.producerId,
      v3AndBelowProducerEpoch: identity.producerEpoch,
      v3AndBelowTopics: groupByTopic(partitions).map(([name, ofTopic]) => ({
        name,
        partitions: ofTopic.map(({ partition }) => partition),
      })),
      transactions: [],
    }
    await this.#retry('Adding partitions', options, async (what) => {
      const response = await this.#coordinator.send(
        AddPartitionsToTxn,
        request,
        (answer) => answer.resultsByTopicV3AndBelow[0]?.resultsByPartition[0]?.partitionErrorCode ?? ErrorCode.NONE,
        { maxVersion: LAST_CLIENT_ADD_PARTITIONS },
      )
      throwWorst(
        what,
        response.resultsByTopicV3AndBelow.flatMap(({ name, resultsByPartition }) =>
          resultsByPartition.map((result) => ({
            of: `${name}-${result.partitionIndex}`,
            errorCode: result.partitionErrorCode,
          })),
        ),
      )
    })
  }

  /** Adds offsets of a group. With v1 the coordinator must know of the group first. */
  async commitOffsets(
    identity: ProducerIdentity,
    offsets: readonly CommittedOffset[],
    group: ConsumerGroupMetadata,
    version: TransactionVersion,
    options: TransactionCallOptions,
  ): Promise<void> {
    const { transactionalId } = this
    const { groupId, generationId, memberId, groupInstanceId } = group
    const { producerId, producerEpoch } = identity
    if (version === 1) {
      await this.#retry('Adding a group', options, async (what) => {
        const { errorCode } = await this.#coordinator.send(
          AddOffsetsToTxn,
          { transactionalId, producerId, producerEpoch, groupId },
          (answer) => answer.errorCode,
          { maxVersion: V1.addOffsets },
        )
        if (errorCode !== ErrorCode.NONE) throw new KafkaError(errorCode, what)
      })
    }
    const topics = groupByTopic(offsets).map(([name, ofTopic]) => ({
      name,
      partitions: ofTopic.map(({ partition, offset, leaderEpoch, metadata }) => ({
        partitionIndex: partition,
        committedOffset: offset,
        committedLeaderEpoch: leaderEpoch ?? -1,
        committedMetadata: metadata ?? '',
      })),
    }))
    const request = { transactionalId, groupId, producerId, producerEpoch, topics }
    await this.#retry(`Committing offsets of group ${groupId}`, options, async (what) => {
      const response = await this.#groupCoordinator(groupId).send(
        TxnOffsetCommit,
        // Before version 3 a coordinator cannot tell a fenced member (KIP-447).
        (agreed) => (agreed >= 3 ? { ...request, generationId, memberId, groupInstanceId } : request),
        (answer) => answer.topics[0]?.partitions[0]?.errorCode ?? ErrorCode.NONE,
        version === 1 ? { maxVersion: V1.txnOffsetCommit } : {},
      )
      throwWorst(
        what,
        response.topics.flatMap(({ name, partitions }) =>
          partitions.map(({ partitionIndex, errorCode }) => ({ of: `${name}-${partitionIndex}`, errorCode })),
        ),
      )
    })
  }

  /** Ends the transaction. Returns the identity for the next one: with v2 a new epoch, at times a new id. */
  async end(
    identity: ProducerIdentity,
    decision: 'commit' | 'abort',
    version: TransactionVersion,
    options: TransactionCallOptions,
  ): Promise<ProducerIdentity> {
    const { transactionalId } = this
    const { producerId, producerEpoch } = identity
    const request = { transactionalId, producerId, producerEpoch, committed: decision === 'commit' }
    return this.#retry(decision === 'commit' ? 'Committing' : 'Aborting', options, async (what) => {
      const response = await this.#coordinator.send(
        EndTxn,
        request,
        (answer) => answer.errorCode,
        version === 1 ? { maxVersion: V1.endTxn } : {},
      )
      if (response.errorCode !== ErrorCode.NONE) throw new KafkaError(response.errorCode, what)
      if (response.producerEpoch < 0) return identity
      return { producerId: response.producerId, producerEpoch: response.producerEpoch }
    })
  }

  #retry<T>(doing: string, options: TransactionCallOptions, attempt: (what: string) => Promise<T>): Promise<T> {
    const what = `${doing} (transactional id ${this.transactionalId})`
    const settings = this.#cluster.retryOptions(what)
    const retryBackoffMs = Math.min(FIRST_RETRY_MS, settings.retryBackoffMs)
    const retriable = (error: unknown) => judge(error, 'coordinator') === 'retry'
    return retry({ ...settings, ...options, retryBackoffMs, retriable, awaitsAttempts: true }, () => attempt(what))
  }

  #groupCoordinator(groupId: string): Coordinator {
    let coordinator = this.#groups.get(groupId)
    if (!coordinator) {
      coordinator = new Coordinator(this.#cluster, { kind: 'group', key: groupId, lane: 'common' })
      this.#groups.set(groupId, coordinator)
    }
    return coordinator
  }
}

/** Of several answers the one that decides: a retry makes sense only if nothing else is wrong. */
function throwWorst(what: string, answers: readonly { of: string; errorCode: number }[]): void {
  let retriable: KafkaError | undefined
  for (const { of, errorCode } of answers) {
    if (errorCode === ErrorCode.NONE || errorCode === ErrorCode.OPERATION_NOT_ATTEMPTED) continue
    const error = new KafkaError(errorCode, `${what} for ${of}`)
    if (judge(error, 'coordinator') !== 'retry') throw error
    retriable ??= error
  }
  if (retriable) throw retriable
}
