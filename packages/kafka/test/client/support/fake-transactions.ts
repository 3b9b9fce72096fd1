import {
  AddOffsetsToTxn,
  AddPartitionsToTxn,
  EndTxn,
  InitProducerId,
  Produce,
  TxnOffsetCommit,
} from '../../../src/definitions/index.ts'
import { ErrorCode } from '../../../src/errors/index.ts'
import { baseOffset, iterateRecords, producerId } from '../../../src/records/index.ts'
import type { FakeCluster } from './fake-cluster.ts'
import type { FakeLog } from './fake-log.ts'

interface Transaction {
  producerId: number
  epoch: number
  state: 'Empty' | 'Ongoing' | 'CompleteCommit' | 'CompleteAbort'
  readonly partitions: Set<FakeLog>
  readonly offsets: Map<string, number>
}

interface Marker {
  readonly producerId: number
  readonly offset: number
  readonly commit: boolean
}

const { NONE, INVALID_PRODUCER_ID_MAPPING, INVALID_TXN_STATE, PRODUCER_FENCED } = ErrorCode

/** Gives a fake cluster a transaction coordinator, with the rules of transactions v1 or v2 (KIP-890). */
export class FakeTransactions {
  readonly transactions = new Map<string, Transaction>()
  readonly #cluster: FakeCluster
  readonly #markers = new Map<FakeLog, Marker[]>()

  constructor(cluster: FakeCluster, version: 1 | 2) {
    this.#cluster = cluster
    cluster.features.set('transaction.version', version)
    cluster.on(InitProducerId, ({ body }) => this.#initialize(body.transactionalId as string, body.producerEpoch))
    cluster.on(AddPartitionsToTxn, ({ body }) => {
      const transaction = this.transactions.get(body.v3AndBelowTransactionalId)
      const code = this.#check(transaction, body.v3AndBelowProducerId, body.v3AndBelowProducerEpoch)
      const resultsByTopicV3AndBelow = body.v3AndBelowTopics.map(({ name, partitions }) => ({
        name,
        resultsByPartition: partitions.map((partitionIndex) => {
          if (code === NONE) this.#add(transaction as Transaction, cluster.log(name, partitionIndex))
          return { partitionIndex, partitionErrorCode: code }
        }),
      }))
      return { resultsByTopicV3AndBelow, resultsByTransaction: [] }
    })
    cluster.on(AddOffsetsToTxn, ({ body }) => {
      const transaction = this.transactions.get(body.transactionalId)
      const errorCode = this.#check(transaction, body.producerId, body.producerEpoch)
      if (errorCode === NONE) (transaction as Transaction).state = 'Ongoing'
      return { errorCode }
    })
    cluster.on(TxnOffsetCommit, ({ body, version }) => {
      const transaction = this.transactions.get(body.transactionalId)
      let code = this.#check(transaction, body.producerId, body.producerEpoch)
      if (code === NONE && version >= 5) (transaction as Transaction).state = 'Ongoing'
      if (code === NONE && transaction?.state !== 'Ongoing') code = INVALID_TXN_STATE
      return {
        topics: body.topics.map(({ name, partitions }) => ({
          name,
          partitions: partitions.map(({ partitionIndex, committedOffset }) => {
            if (code === NONE) transaction?.offsets.set(`${body.groupId}/${name}-${partitionIndex}`, committedOffset)
            return { partitionIndex, errorCode: code }
          }),
        })),
      }
    })
    cluster.on(EndTxn, ({ body, version }) =>
      this.#end(body.transactionalId, body.producerId, body.producerEpoch, body.committed, version >= 5),
    )
    // Answered as usual, after the coordinator was asked.
    cluster.override(Produce, ({ body, version }) => {
      if (body.transactionalId === null) return undefined
      const transaction = this.transactions.get(body.transactionalId) as Transaction
      let errorCode: number = NONE
      for (const { name, topicId, partitionData } of body.topicData) {
        for (const { index, records } of partitionData) {
          const log = cluster.log(cluster.nameOf({ topicId }, name), index)
          if (producerId(records as Uint8Array, 0) !== transaction.producerId) errorCode = PRODUCER_FENCED
          else if (version >= 12) this.#add(transaction, log)
          else if (!transaction.partitions.has(log)) errorCode = INVALID_TXN_STATE
        }
      }
      if (errorCode === NONE) return undefined
      return {
        responses: body.topicData.map(({ name, topicId, partitionData }) => ({
          name,
          topicId,
          partitionResponses: partitionData.map(({ index }) => ({ index, errorCode, baseOffset: -1 })),
        })),
      }
    })
  }

  /** What a read_committed consumer sees of a log, once everything is decided. */
  committed(log: FakeLog): string[] {
    const markers = this.#markers.get(log) ?? []
    return log.batches.flatMap((batch) => {
      const id = producerId(batch, 0)
      const marker = markers.find((each) => each.producerId === id && each.offset > baseOffset(batch, 0))
      if (!marker?.commit) return []
      return [...iterateRecords(batch)].map(({ value }) => Buffer.from(value ?? []).toString())
    })
  }

  #initialize(transactionalId: string, currentEpoch: number) {
    const known = this.transactions.get(transactionalId)
    if (!known) {
      const fresh = { producerId: this.#cluster.nextProducerId++, epoch: 0, state: 'Empty' as const }
      this.transactions.set(transactionalId, { ...fresh, partitions: new Set(), offsets: new Map() })
      return { producerId: fresh.producerId, producerEpoch: 0 }
    }
    if (currentEpoch >= 0 && currentEpoch !== known.epoch && currentEpoch !== known.epoch - 1) {
      return { errorCode: PRODUCER_FENCED, producerEpoch: -1 }
    }
    if (known.state === 'Ongoing') this.#decide(known, false)
    if (currentEpoch !== known.epoch - 1 || currentEpoch < 0) known.epoch++
    known.state = 'Empty'
    return { producerId: known.producerId, producerEpoch: known.epoch }
  }

  #end(transactionalId: string, id: number, epoch: number, commit: boolean, raises: boolean) {
    const transaction = this.transactions.get(transactionalId)
    const refuse = (errorCode: number) => ({ errorCode, producerId: -1, producerEpoch: -1 })
    if (!transaction || transaction.producerId !== id) return refuse(INVALID_PRODUCER_ID_MAPPING)
    const done = commit ? 'CompleteCommit' : 'CompleteAbort'
    const answer = () =>
      raises ? { producerId: id, producerEpoch: transaction.epoch } : { producerId: -1, producerEpoch: -1 }
    const isRepeat = epoch === (raises ? transaction.epoch - 1 : transaction.epoch)
    if (transaction.state.startsWith('Complete') && isRepeat)
      return transaction.state === done ? answer() : refuse(INVALID_TXN_STATE)
    if (epoch !== transaction.epoch) return refuse(PRODUCER_FENCED)
    // Transactions v2 may abort what the coordinator has not heard of.
    if (transaction.state !== 'Ongoing' && (commit || !raises)) return refuse(INVALID_TXN_STATE)
    this.#decide(transaction, commit)
    transaction.state = done
    if (raises) transaction.epoch++
    return answer()
  }

  #decide(transaction: Transaction, commit: boolean): void {
    for (const log of transaction.partitions) {
      const markers = this.#markers.get(log) ?? []
      this.#markers.set(log, markers)
      markers.push({ producerId: transaction.producerId, offset: log.endOffset, commit })
    }
    if (commit) for (const [key, offset] of transaction.offsets) this.#cluster.offsets.set(key, offset)
    transaction.partitions.clear()
    transaction.offsets.clear()
  }

  #add(transaction: Transaction, log: FakeLog): void {
    transaction.state = 'Ongoing'
    transaction.partitions.add(log)
  }

  #check(transaction: Transaction | undefined, id: number, epoch: number): number {
    if (!transaction || transaction.producerId !== id) return INVALID_PRODUCER_ID_MAPPING
    return epoch === transaction.epoch ? NONE : PRODUCER_FENCED
  }
}
