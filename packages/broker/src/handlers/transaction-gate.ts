import { ErrorCode } from '@millrace/kafka'
import { copyBytes } from '@millrace/std'
import { JournalError } from '../journal/journal.ts'
import { CoordinatorUnavailableError } from '../journal/state-runner.ts'
import { BatchRun } from '../log/batch-run.ts'
import type { Partition } from '../metadata/partition.ts'
import type { TransactionError } from '../transactions/transaction-decision.ts'
import type { TransactionCoordinator } from '../transactions/transaction-coordinator.ts'
import type { TopicPartition } from '../transactions/topic-partitions.ts'
import type { AppendTarget } from './produce-batcher.ts'
import { writeErrorCode } from './transaction-error.ts'

/** From this version of Produce on the broker adds partitions to transactions (KIP-890). */
export const addsPartitionsFrom = 12
/** From this version on TRANSACTION_ABORTABLE is known. */
const abortableFrom = 11

/** Whose batches wait, and how they were sent. */
export interface TransactionalProducer {
  readonly transactionalId: string
  readonly producerId: number
  readonly producerEpoch: number
  /** Of the Produce request. */
  readonly version: number
}

/** Hears what becomes of its batch: {@link AppendTarget.appended}, or one of these. */
export interface GatedTarget extends AppendTarget {
  refused(errorCode: number): void
  /** A defect kept it from being appended. */
  failed(cause: unknown): void
}

/** What the coordinator says of the partitions of one request. */
interface Check {
  /** By partition; undefined until it has answered. */
  errorCodes: ReadonlyMap<Partition, number> | undefined
}

interface Waiting {
  readonly producer: TransactionalProducer
  readonly records: Uint8Array
  readonly target: GatedTarget
  check: Check | undefined
}

/**
 * Holds back the first batches of a transaction until the coordinator has made their partitions part of it, or confirmed
 * that they are, so that no record lies in a log whose transaction nobody would end (KIP-890). Later batches of the
 * connection for the same partition wait in line behind them.
 */
export class TransactionGate {
  readonly #transactions: TransactionCoordinator
  readonly #waiting = new Map<Partition, Waiting[]>()
  readonly #run = new BatchRun()

  constructor(transactions: TransactionCoordinator) {
    this.#transactions = transactions
  }

  /** Whether a batch may go into the log past the gate. */
  isOpenFor(partition: Partition, producerId: number, producerEpoch: number): boolean {
    if (this.#waiting.size > 0 && this.#waiting.has(partition)) return false
    return partition.log.hasOngoingTransaction(producerId, producerEpoch)
  }

  /** Batches of one request, which the coordinator is asked about together. */
  add(
    producer: TransactionalProducer,
    batches: readonly { readonly partition: Partition; readonly records: Uint8Array; readonly target: GatedTarget }[],
  ): void {
    const first: Partition[] = []
    const check: Check = { errorCodes: undefined }
    for (const { partition, records, target } of batches) {
      const line = this.#waiting.get(partition)
      // The memory of the request is lent until the end of the read.
      const waiting: Waiting = { producer, records: copyBytes(records), target, check: line ? undefined : check }
      if (line) line.push(waiting)
      else {
        this.#waiting.set(partition, [waiting])
        first.push(partition)
      }
    }
    if (first.length > 0) this.#ask(producer, first, check)
  }

  /** Lets through who is first in line, as far as the answers go. */
  #admit(partition: Partition): void {
    const line = this.#waiting.get(partition)
    if (!line) return
    for (let head = line[0]; head; head = line[0]) {
      const { check, producer, target } = head
      if (!partition.log.hasOngoingTransaction(producer.producerId, producer.producerEpoch)) {
        if (!check) {
          head.check = { errorCodes: undefined }
          this.#ask(producer, [partition], head.check)
          return
        }
        if (!check.errorCodes) return
        const errorCode = this.#verdict(partition, producer, check.errorCodes)
        if (errorCode !== ErrorCode.NONE) {
          refuseWithFollowers(line, producer, errorCode)
          continue
        }
      }
      line.shift()
      this.#append(partition, head.records, producer.version, target)
    }
    this.#waiting.delete(partition)
  }

  #verdict(partition: Partition, producer: TransactionalProducer, errorCodes: ReadonlyMap<Partition, number>): number {
    const errorCode = errorCodes.get(partition) ?? ErrorCode.NONE
    if (errorCode !== ErrorCode.NONE) return errorCode
    if (partition.isDeleted) return ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
    // While the answer was on its way the transaction may have been ended: then nobody would end it here again.
    const isOpen = this.#transactions.isOpen(producer.transactionalId, producer, targetOf(partition))
    return isOpen ? ErrorCode.NONE : ErrorCode.NOT_ENOUGH_REPLICAS
  }

  #append(partition: Partition, records: Uint8Array, version: number, target: GatedTarget): void {
    const run = this.#run
    run.reset(records)
    run.add(0, records.byteLength)
    try {
      const { leaderEpoch } = partition
      partition.log.appendRun(run, { leaderEpoch, transactionVersion: transactionVersionOf(version) })
    } catch (cause) {
      return target.failed(cause)
    }
    target.appended(run, 0, 1)
    run.release()
  }

  #ask(producer: TransactionalProducer, partitions: readonly Partition[], check: Check): void {
    const answered = (errorCodes: readonly number[]) => {
      check.errorCodes = new Map(partitions.map((partition, i) => [partition, errorCodes[i] ?? ErrorCode.NONE]))
      for (const partition of partitions) this.#admit(partition)
    }
    this.#errorsOf(producer, partitions.map(targetOf)).then(
      (errors) => answered(errors.map((error) => produceErrorCode(error, producer.version))),
      (cause: unknown) => answered(partitions.map(() => unavailableCode(cause))),
    )
  }

  async #errorsOf(
    { transactionalId, producerId, producerEpoch, version }: TransactionalProducer,
    partitions: readonly TopicPartition[],
  ): Promise<readonly TransactionError[]> {
    const request = { transactionalId, producerId, producerEpoch, partitions }
    if (version < addsPartitionsFrom) return this.#transactions.verifyPartitions(request)
    const error = await this.#transactions.addPartitions({ ...request, clientVersion: 2 })
    return partitions.map(() => error)
  }
}

/** What the transactions of clients are under that speak this version of Produce. */
export function transactionVersionOf(produceVersion: number): number {
  return produceVersion >= addsPartitionsFrom ? 2 : 0
}

/** Those behind it would leave a gap in the producer's sequence, which every epoch begins anew. */
function refuseWithFollowers(line: Waiting[], head: TransactionalProducer, errorCode: number): void {
  const isFollower = ({ producer: { producerId, producerEpoch } }: Waiting) =>
    producerId === head.producerId && producerEpoch === head.producerEpoch
  const refused = line.filter(isFollower)
  const left = line.filter((waiting) => !isFollower(waiting))
  line.splice(0, line.length, ...left)
  for (const { target } of refused) target.refused(errorCode)
}

/** What is over in a moment is told as an error that all producers try again after, without looking for a new leader. */
function produceErrorCode(error: TransactionError, version: number): number {
  if (error === 'CONCURRENT_TRANSACTIONS') return ErrorCode.NOT_ENOUGH_REPLICAS
  return writeErrorCode(error, version >= abortableFrom)
}

function unavailableCode(cause: unknown): number {
  const isKnown = cause instanceof CoordinatorUnavailableError || cause instanceof JournalError
  return isKnown ? ErrorCode.NOT_ENOUGH_REPLICAS : ErrorCode.UNKNOWN_SERVER_ERROR
}

function targetOf({ topic, index }: Partition): TopicPartition {
  return { topic: topic.name, partition: index }
}
