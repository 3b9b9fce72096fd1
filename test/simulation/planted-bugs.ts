import { ErrorCode } from '@millrace/kafka'
import { GroupShard } from '../../packages/broker/src/groups/group-shard.ts'
import { PendingOffsets } from '../../packages/broker/src/groups/pending-offsets.ts'
import type { FlushWaiter } from '../../packages/broker/src/log/ack-queue.ts'
import { LogFlusher } from '../../packages/broker/src/log/log-flusher.ts'
import { LogView } from '../../packages/broker/src/log/log-view.ts'
import { PartitionLog } from '../../packages/broker/src/log/partition-log.ts'
import { ProducerState } from '../../packages/broker/src/log/producer-state.ts'
import { LogJournal } from '../../packages/broker/src/metadata/log-journal.ts'
import { MarkerSender } from '../../packages/broker/src/transactions/marker-sender.ts'
import { TransactionCoordinator } from '../../packages/broker/src/transactions/transaction-coordinator.ts'
import { TransactionShard } from '../../packages/broker/src/transactions/transaction-shard.ts'
import type { ViolationKind } from './checker.ts'
import type { Plan } from './plan.ts'

/** A mistake that a broker could have: what is wrong, and what must come to light. */
export interface PlantedBug {
  readonly name: string
  /** Any of these shows it. */
  readonly shows: readonly ViolationKind[]
  /** Circumstances in which it matters, so that few seeds find it. */
  readonly plan?: Partial<Plan>
  /** Plants it; the function that is returned takes it out again. */
  readonly plant: () => () => void
}

/** Losing what was acknowledged takes a loss of power while much is going on. */
const powerFails = { groups: 0, copiers: 0, flush: 'sync', crash: 0.5, durationMs: 1_500, maxSyncMs: 300 } as const
/** Repeated requests take connections that break. */
const connectionsBreak = { cut: 0.1, durationMs: 3_000 } as const
const manyTransactions = {
  transactionalProducers: 3,
  copiers: 1,
  readers: 2,
  plainProducers: 0,
  committers: 0,
  groups: 0,
  durationMs: 1_500,
} as const
const transactionsInCrashes = { ...manyTransactions, ...powerFails, maxSyncMs: 50, copiers: 1 } as const

export const plantedBugs: readonly PlantedBug[] = [
  {
    name: 'records are acknowledged before they are synced',
    shows: ['lost-acknowledged-record'],
    plan: powerFails,
    plant: () =>
      replaceMethod(
        LogFlusher.prototype,
        'wait',
        () =>
          function (_endOffset: number, waiter: FlushWaiter) {
            waiter.flushed(ErrorCode.NONE)
          },
      ),
  },
  {
    name: 'consumers see records that are not synced yet',
    shows: ['record-changed', 'record-not-read', 'wrong-answer'],
    plan: { ...powerFails, readers: 3 },
    plant: () => replaceGetter(LogView.prototype, 'highWatermark', () => Number.MAX_SAFE_INTEGER),
  },
  {
    name: 'a repeated batch of an idempotent producer is appended again',
    shows: ['duplicate'],
    plan: connectionsBreak,
    plant: () =>
      replaceMethod(
        ProducerState.prototype,
        'check',
        (check) =>
          function (this: ProducerState, bytes: Uint8Array, at: number) {
            const error = check.call(this, bytes, at)
            this.duplicateOffset = -1
            return error
          },
      ),
  },
  {
    name: 'sequence numbers are not checked',
    shows: ['reordered', 'duplicate'],
    plan: connectionsBreak,
    plant: () =>
      replaceMethod(
        ProducerState.prototype,
        'check',
        () =>
          function (this: ProducerState) {
            this.duplicateOffset = -1
            return ErrorCode.NONE
          },
      ),
  },
  {
    name: 'producers are forgotten in a restart',
    shows: ['duplicate', 'reordered'],
    plan: { crash: 0.5, cut: 0.05, durationMs: 3_000, idempotentProducers: 3 },
    plant: () => {
      // A log that has begun to append is no longer being opened.
      const opened = new WeakSet<ProducerState>()
      return all(
        replaceMethod(
          ProducerState.prototype,
          'begin',
          (begin) =>
            function (this: ProducerState) {
              opened.add(this)
              begin.call(this)
            },
        ),
        replaceMethod(
          ProducerState.prototype,
          'update',
          (update) =>
            function (this: ProducerState, bytes: Uint8Array, at: number, now: number) {
              return opened.has(this) ? update.call(this, bytes, at, now) : undefined
            },
        ),
        replaceMethod(ProducerState.prototype, 'restore', () => () => {}),
      )
    },
  },
  {
    name: 'commits of offsets are answered before they are durable',
    shows: ['lost-group-offset'],
    plan: { ...powerFails, committers: 4 },
    plant: () =>
      replaceMethod(
        LogJournal.prototype,
        'whenDurable',
        () =>
          function (callback: (ok: boolean) => void) {
            callback(true)
          },
      ),
  },
  {
    name: 'the last stable offset is the high watermark',
    shows: ['aborted-record-read'],
    plan: manyTransactions,
    plant: () => replaceGetter(LogView.prototype, 'lastStableOffset', (view) => view.highWatermark),
  },
  {
    name: 'the last stable offset is off by one',
    shows: ['aborted-record-read', 'record-not-read'],
    plan: manyTransactions,
    plant: () => {
      const read = Object.getOwnPropertyDescriptor(LogView.prototype, 'lastStableOffset')?.get as () => number
      return replaceGetter(LogView.prototype, 'lastStableOffset', (view) =>
        Math.min(read.call(view) + 1, view.highWatermark),
      )
    },
  },
  {
    name: 'consumers are not told what was aborted',
    shows: ['aborted-record-read'],
    plan: manyTransactions,
    plant: () => replaceMethod(LogView.prototype, 'abortedTransactions', () => () => []),
  },
  {
    name: 'a marker is dropped',
    shows: ['open-transaction', 'torn-transaction', 'aborted-record-read'],
    plan: { ...manyTransactions, partitions: 3 },
    plant: () =>
      replaceMethod(
        PartitionLog.prototype,
        'appendEndTxnMarker',
        (append) =>
          function (this: PartitionLog, marker) {
            if (this.partition !== 1) return append.call(this, marker)
            const offset = this.endOffset
            return {
              errorCode: ErrorCode.NONE,
              baseOffset: offset,
              lastOffset: offset - 1,
              logAppendTime: -1,
              duplicate: false,
              message: undefined,
            }
          } as typeof append,
      ),
  },
  {
    name: 'a transaction is complete before its markers are durable',
    shows: ['open-transaction', 'torn-transaction', 'aborted-record-read', 'not-copied-once', 'wrong-answer'],
    plan: transactionsInCrashes,
    plant: () =>
      replaceMethod(
        MarkerSender.prototype,
        'send',
        (send) =>
          function (this: MarkerSender, transactionalId, value, ended) {
            ended()
            send.call(this, transactionalId, value, () => {})
          } as typeof send,
      ),
  },
  {
    name: 'what was decided when the broker crashed is not completed',
    shows: ['open-transaction', 'wrong-answer'],
    plan: transactionsInCrashes,
    plant: () => replaceMethod(TransactionShard.prototype, 'prepared', () => function* () {}),
  },
  {
    name: 'a new producer gets the epoch of the one before it',
    shows: [
      'torn-transaction',
      'aborted-record-read',
      'duplicate',
      'reordered',
      'not-copied-once',
      'lost-acknowledged-record',
    ],
    plan: { ...manyTransactions, ...connectionsBreak },
    plant: () =>
      replaceMethod(
        TransactionShard.prototype,
        'initProducer',
        (initProducer) =>
          function (this: TransactionShard, request, context) {
            const before = this.get(request.transactionalId)
            const decision = initProducer.call(this, request, context)
            if (!before || 'needsProducerId' in decision || !decision.next) return decision
            return { ...decision, next: { ...decision.next, producerEpoch: before.producerEpoch } }
          } as typeof initProducer,
      ),
  },
  {
    name: 'a late end of a transaction ends the one after it',
    shows: ['torn-transaction', 'aborted-record-read', 'not-copied-once'],
    plan: { ...manyTransactions, ...connectionsBreak },
    plant: () =>
      replaceMethod(
        TransactionShard.prototype,
        'endTransaction',
        (endTransaction) =>
          function (this: TransactionShard, request, context) {
            const current = this.get(request.transactionalId)
            const { producerEpoch, producerId } = current ?? request
            return endTransaction.call(this, { ...request, producerEpoch, producerId }, context)
          } as typeof endTransaction,
      ),
  },
  {
    name: 'partitions are not added to the transaction before they are written to',
    shows: ['open-transaction', 'torn-transaction', 'wrong-answer'],
    plan: manyTransactions,
    plant: () =>
      all(
        replaceMethod(TransactionCoordinator.prototype, 'isOpen', () => () => true),
        replaceMethod(
          TransactionCoordinator.prototype,
          'addPartitions',
          (add) =>
            function (this: TransactionCoordinator, request) {
              // The first partition begins the transaction; others are forgotten.
              return request.partitions[0]?.partition === 0 ? add.call(this, request) : Promise.resolve('NONE')
            } as typeof add,
        ),
      ),
  },
  {
    name: 'transactions that nobody ends stay open',
    shows: ['open-transaction', 'wrong-answer'],
    plan: manyTransactions,
    plant: () => replaceMethod(TransactionShard.prototype, 'timedOut', () => function* () {}),
  },
  {
    name: 'offsets of an aborted transaction count',
    shows: ['not-copied-once'],
    plan: { ...manyTransactions, ...connectionsBreak, copiers: 2 },
    plant: () =>
      replaceMethod(
        GroupShard.prototype,
        'replayMarker',
        (replay) =>
          function (this: GroupShard, marker) {
            replay.call(this, { ...marker, commit: true })
          } as typeof replay,
      ),
  },
  {
    name: 'offsets of a committed transaction do not count',
    shows: ['not-copied-once'],
    plan: { ...manyTransactions, copiers: 2 },
    plant: () =>
      replaceMethod(
        PendingOffsets.prototype,
        'end',
        (end) =>
          function (this: PendingOffsets, producerId) {
            end.call(this, producerId)
            return []
          } as typeof end,
      ),
  },
]

/** Takes several changes back. */
function all(...restores: readonly (() => void)[]): () => void {
  return () => {
    for (const restore of restores) restore()
  }
}

/** Exchanges a method for the time of a run. */
function replaceMethod<T extends object, K extends keyof T>(target: T, name: K, make: (original: T[K]) => T[K]) {
  const original = target[name]
  if (typeof original !== 'function') throw new Error(`There is no method ${String(name)} to plant a bug in`)
  target[name] = make(original)
  return () => {
    target[name] = original
  }
}

/** Exchanges what an accessor reads for the time of a run. */
function replaceGetter<T extends object, K extends keyof T>(target: T, name: K, read: (self: T) => T[K]) {
  const original = Object.getOwnPropertyDescriptor(target, name)
  if (!original?.get) throw new Error(`There is no accessor ${String(name)} to plant a bug in`)
  Object.defineProperty(target, name, {
    ...original,
    get(this: T) {
      return read(this)
    },
  })
  return () => {
    Object.defineProperty(target, name, original)
  }
}
