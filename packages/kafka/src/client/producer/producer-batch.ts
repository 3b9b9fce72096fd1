import { assert } from '@millrace/std'
import { BatchCheck, NO_PRODUCER_EPOCH, NO_PRODUCER_ID, NO_SEQUENCE, patchProducer } from '../../records/batch.ts'
import type { RecordBatchBuilder } from '../../records/builder.ts'
import { readHeaders } from '../../records/reader.ts'
import { indexRecords, RecordIndex } from '../../records/record-index.ts'

/** Who waits for records of a batch: for one record, or for a run of them from columns. */
export interface BatchWaiter {
  /** Records that it stands for, in a row from `firstDelta` on. */
  readonly firstDelta: number
  readonly count: number
  /** `baseOffset` -1: written, but the broker did not say where. `logAppendTime` -1: the records keep their timestamps. */
  done(baseOffset: number, logAppendTime: number): void
  fail(error: Error): void
  /** After a split: for `count` of its records, which begin at `firstDelta` now. */
  moved(firstDelta: number, count: number): BatchWaiter
}

export interface ProducerIdentity {
  readonly producerId: number
  readonly producerEpoch: number
  /** Its batches are part of a transaction. */
  readonly transactional?: boolean
}

/** Records for one partition on their way: filled, closed, sent as often as needed, then completed or failed. */
export class ProducerBatch {
  readonly topic: string
  readonly partition: number
  /** On the monotonic clock, as all times here. */
  readonly createdAt: number
  readonly builder: RecordBatchBuilder
  /** The finished batch; undefined while records may still be added. */
  bytes: Uint8Array | undefined
  recordCount = 0
  /** What it counts against bufferMemory. */
  accountedBytes = 0
  producerId = NO_PRODUCER_ID
  producerEpoch = NO_PRODUCER_EPOCH
  baseSequence = NO_SEQUENCE
  isTransactional = false
  /** Its place among the batches of its partition; -1 until it leaves for the first time. */
  ordinal = -1
  attempts = 0
  retryAt = 0
  lastError: Error | undefined
  /** It was sent, and the answer is lost: it may have been written. */
  isUndecided = false
  readonly #waiters: BatchWaiter[] = []
  #onFinished: (() => void)[] = []
  #isFinished = false

  constructor(options: { topic: string; partition: number; createdAt: number; builder: RecordBatchBuilder }) {
    this.topic = options.topic
    this.partition = options.partition
    this.createdAt = options.createdAt
    this.builder = options.builder
  }

  get isClosed(): boolean {
    return this.bytes !== undefined
  }

  get hasSequence(): boolean {
    return this.baseSequence !== NO_SEQUENCE
  }

  addWaiter(waiter: BatchWaiter): void {
    this.#waiters.push(waiter)
  }

  /** No more records: header, compression and checksum are made, with the identity under which it will be sent. */
  close(identity?: ProducerIdentity & { baseSequence: number }): void {
    assert(!this.isClosed, 'a batch is closed once')
    this.recordCount = this.builder.recordCount
    if (identity) this.#setIdentity(identity)
    this.bytes = this.builder.finish(identity)
  }

  /** The same records under another identity: what an epoch bump does to batches that were numbered before. */
  renumber(identity: ProducerIdentity & { baseSequence: number }): void {
    assert(this.bytes !== undefined, 'an open batch has no numbers yet')
    this.#setIdentity(identity)
    patchProducer(this.bytes, 0, identity)
  }

  /** Resolves when the batch is completed or failed. */
  finished(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#isFinished) resolve()
      else this.#onFinished.push(resolve)
    })
  }

  complete(baseOffset: number, logAppendTime: number): void {
    this.#finish()
    for (const waiter of this.#waiters) waiter.done(baseOffset, logAppendTime)
  }

  fail(error: Error): void {
    this.#finish()
    for (const waiter of this.#waiters) waiter.fail(error)
  }

  /** Splits what the broker found too large in two, each with a builder of its own. This batch is finished with that. */
  split(makeBuilder: () => RecordBatchBuilder): ProducerBatch[] {
    const bytes = this.bytes as Uint8Array
    const index = new RecordIndex(this.recordCount)
    assert(indexRecords(bytes, 0, index) === BatchCheck.ok, 'a batch that was built can be read')
    const middle = Math.ceil(index.count / 2)
    const halves = [
      [0, middle],
      [middle, index.count],
    ] as const
    const parts = halves.map(([from, to]) => {
      const part = new ProducerBatch({ ...this.#place(), builder: makeBuilder() })
      for (let i = from; i < to; i++) {
        const key = slice(index.data, index.keyStart[i] as number, index.keyLength[i] as number)
        const value = slice(index.data, index.valueStart[i] as number, index.valueLength[i] as number)
        const headers = readHeaders(index.data, index.headersStart[i] as number)
        part.builder.append(key, value, index.timestamps[i] as number, headers)
      }
      part.accountedBytes = part.builder.sizeInBytes
      part.attempts = this.attempts
      for (const waiter of this.#waiters) {
        const first = Math.max(from, waiter.firstDelta)
        const end = Math.min(to, waiter.firstDelta + waiter.count)
        if (end > first) part.addWaiter(waiter.moved(first - from, end - first))
      }
      return part
    })
    this.#handOver(parts)
    this.#isFinished = true
    return parts
  }

  /** Whoever waited for this batch now waits for its parts. */
  #handOver(parts: readonly ProducerBatch[]): void {
    const waiting = this.#onFinished
    this.#onFinished = []
    void Promise.all(parts.map((part) => part.finished())).then(() => {
      for (const resolve of waiting) resolve()
    })
  }

  #place() {
    return { topic: this.topic, partition: this.partition, createdAt: this.createdAt }
  }

  #setIdentity(identity: ProducerIdentity & { baseSequence: number }): void {
    this.producerId = identity.producerId
    this.producerEpoch = identity.producerEpoch
    this.baseSequence = identity.baseSequence
    this.isTransactional = identity.transactional ?? false
  }

  #finish(): void {
    this.#isFinished = true
    const waiting = this.#onFinished
    this.#onFinished = []
    for (const resolve of waiting) resolve()
  }
}

function slice(data: Uint8Array, start: number, length: number): Uint8Array | null {
  return length < 0 ? null : data.subarray(start, start + length)
}
