/**
 * TxnOffsetCommit (28): stores offsets of a group as part of a producer's transaction. They count once it is committed.
 *
 * From version 3 on a member of the group says who it is, and is refused when it is not (any more) (KIP-447). From version 5 on
 * the partition of the group is added to the transaction here (KIP-890); before, it must have been added by AddOffsetsToTxn.
 */
import { ErrorCode, TxnOffsetCommit, type TxnOffsetCommitRequest } from '@millrace/kafka'
import type { ServerConfig } from '../config/server-config.ts'
import type { GroupCoordinator } from '../groups/group-coordinator.ts'
import type { CommitRequest } from '../groups/protocol.ts'
import { JournalError } from '../journal/journal.ts'
import type { TopicCatalog } from '../metadata/topic-catalog.ts'
import { offsetsTopicName } from '../metadata/topic-name.ts'
import type { TransactionCoordinator } from '../transactions/transaction-coordinator.ts'
import { coordinate } from './coordinate.ts'
import type { HandlerRegistry } from './registry.ts'
import { writeErrorCode } from './transaction-error.ts'

const addsFrom = 5
const abortableFrom = 4

type Offset = CommitRequest['offsets'][number]
interface Answer {
  readonly partitionIndex: number
  errorCode: number
}

export function registerTxnOffsetCommit(
  registry: HandlerRegistry,
  services: {
    transactions: TransactionCoordinator
    groups: GroupCoordinator
    topics: TopicCatalog
    server: ServerConfig
  },
): void {
  const { transactions, groups, topics, server } = services

  /** Error codes of the offsets, in their order. */
  async function commit(request: TxnOffsetCommitRequest, version: number, offsets: readonly Offset[]) {
    const { groupId, transactionalId, producerId, producerEpoch, memberId, groupInstanceId, generationId } = request
    const all = (errorCode: number) => offsets.map(() => errorCode)
    const producer = { producerId, producerEpoch }
    const target = { topic: offsetsTopicName, partition: await groups.partitionOf(groupId) }
    const isVerified = version >= addsFrom || server['transaction.partition.verification.enable']
    const added = { transactionalId, ...producer, partitions: [target] }
    const error =
      version >= addsFrom
        ? await transactions.addPartitions({ ...added, clientVersion: 2 })
        : isVerified
          ? (await transactions.verifyPartitions(added))[0]
          : 'NONE'
    if (error !== undefined && error !== 'NONE') return all(writeErrorCode(error, version >= abortableFrom))
    const commitRequest: CommitRequest = {
      groupId,
      memberId,
      groupInstanceId,
      generationId,
      retentionTimeMs: -1,
      version,
      isTransactional: true,
      offsets,
    }
    const isOpen = () => !isVerified || transactions.isOpen(transactionalId, producer, target)
    const errors = await groups.commitTransactional(commitRequest, producer, isOpen)
    // The transaction was ended while the answer was on its way: what all clients try again after tells them so.
    return errors ? errors.map((each) => ErrorCode[each]) : all(ErrorCode.COORDINATOR_LOAD_IN_PROGRESS)
  }

  registry.registerSimple({
    api: TxnOffsetCommit,
    versions: [0, 5],
    async handle(request, { version }) {
      const offsets: Offset[] = []
      const known: Answer[] = []
      const answers = request.topics.map(({ name, partitions }) => ({
        name,
        partitions: partitions.map((partition): Answer => {
          const { partitionIndex, committedOffset, committedLeaderEpoch, committedMetadata } = partition
          const answer: Answer = { partitionIndex, errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION }
          const topic = topics.get(name)
          if (!topic?.partitions[partitionIndex]) return answer
          known.push(answer)
          offsets.push({
            topic: name,
            partition: partitionIndex,
            offset: committedOffset,
            leaderEpoch: committedLeaderEpoch,
            metadata: committedMetadata ?? '',
            topicId: topic.id,
          })
          return answer
        }),
      }))
      if (offsets.length > 0) {
        const errors = await coordinate(commit(request, version, offsets).catch(refusedByLog(offsets)))
        for (const [i, answer] of known.entries()) answer.errorCode = errors[i] ?? ErrorCode.NONE
      }
      return { topics: answers }
    },
    errorResponse: ({ topics: asked }, errorCode) => ({
      topics: asked.map(({ name, partitions }) => ({
        name,
        partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, errorCode })),
      })),
    }),
  })
}

/** The log of the group knows a newer epoch of the producer. */
function refusedByLog(offsets: readonly Offset[]) {
  return (cause: unknown): number[] => {
    if (!(cause instanceof JournalError) || cause.errorCode === ErrorCode.KAFKA_STORAGE_ERROR) throw cause
    return offsets.map(() => cause.errorCode)
  }
}
