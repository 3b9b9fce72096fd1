import {
  BATCH_HEADER_BYTES,
  encodeResponse,
  ErrorCode,
  isTransactional,
  Produce,
  type ProduceRequest,
  producerEpoch,
  producerId,
} from '@millrace/kafka'
import type { AppendResult, RecordError } from '../log/append.ts'
import type { BatchRun } from '../log/batch-run.ts'
import type { Partition } from '../metadata/partition.ts'
import type { ResponseOrder, ResponseSlot } from '../net/response.ts'
import type { AppendTarget, ProduceBatcher } from './produce-batcher.ts'
import type { RepeatedRequests } from './registry.ts'
import { type TransactionGate, transactionVersionOf } from './transaction-gate.ts'

/** API key and version; the correlation id follows. */
const beforeCorrelationId = 4
const afterCorrelationId = 8
/** Stands for the base offset in an encoded answer, to find it there. */
const markedOffset = 0x1d_0c0b_0a09_0807
const accepted: AppendResult = {
  errorCode: ErrorCode.NONE,
  baseOffset: -1,
  lastOffset: -1,
  logAppendTime: -1,
  duplicate: false,
  message: undefined,
}

/**
 * Produce requests of one connection that differ from the last decoded one in nothing but correlation id and records, as
 * those of a busy producer do: they are recognised by their bytes. Those of one read become one run, which takes one place
 * among the responses and answers all of them with one piece of memory.
 */
export class RepeatedProduces implements RepeatedRequests {
  readonly #request: ProduceRequest
  readonly #version: number
  readonly #nodeId: number
  readonly #partition: Partition
  readonly #batcher: ProduceBatcher
  readonly #gate: TransactionGate
  /** The bytes up to the size of the records, and those after the records. */
  readonly #prefix: Uint8Array
  readonly #suffix: Uint8Array
  readonly #isFlexible: boolean
  #run: ProduceRun | undefined

  /** `request` must name one partition, which is `partition`, and expect an answer. */
  constructor(
    request: ProduceRequest,
    source: {
      frame: Uint8Array
      version: number
      nodeId: number
      partition: Partition
      batcher: ProduceBatcher
      gate: TransactionGate
    },
  ) {
    const { frame, version, nodeId, partition, batcher, gate } = source
    const records = recordsOf(request)
    this.#request = request
    this.#version = version
    this.#nodeId = nodeId
    this.#partition = partition
    this.#batcher = batcher
    this.#gate = gate
    this.#isFlexible = version >= Produce.flexibleFrom
    const start = records.byteOffset - frame.byteOffset
    const sizeBytes = this.#isFlexible ? uvarintSize(records.byteLength + 1) : 4
    this.#prefix = Uint8Array.from(frame.subarray(0, start - sizeBytes))
    this.#suffix = Uint8Array.from(frame.subarray(start + records.byteLength))
    // Only the shape of it is needed from here on.
    for (const { partitionData } of request.topicData) for (const data of partitionData) data.records = null
  }

  take(bytes: Uint8Array, start: number, end: number, responses: ResponseOrder): boolean {
    if (this.#partition.isDeleted || this.#partition.leaderId !== this.#nodeId) return false
    if (!this.#partition.hasEnoughReplicas) return false
    const recordsStart = this.#recordsStart(bytes, start, end)
    if (recordsStart < 0) return false
    const recordsEnd = end - this.#suffix.byteLength
    if (!this.#mayAppend(bytes, recordsStart, recordsEnd)) return false
    let run = this.#run
    if (!run) {
      run = new ProduceRun(this.#request, this.#version, this.#partition, responses.open(), this.#onAppended)
      this.#run = run
    }
    run.add(readInt32(bytes, start + beforeCorrelationId))
    const { buffer, byteOffset } = bytes
    this.#batcher.addRange(
      this.#partition,
      buffer,
      byteOffset + recordsStart,
      byteOffset + recordsEnd,
      run,
      transactionVersionOf(this.#version),
    )
    return true
  }

  interrupted(): void {
    this.#run = undefined
  }

  readonly #onAppended = (): void => {
    this.#run = undefined
  }

  /** A batch of a transaction only while its transaction is known to be open in the partition. */
  #mayAppend(bytes: Uint8Array, start: number, end: number): boolean {
    if (end - start < BATCH_HEADER_BYTES || !isTransactional(bytes, start)) return true
    if (this.#request.transactionalId === null) return false
    return this.#gate.isOpenFor(this.#partition, producerId(bytes, start), producerEpoch(bytes, start))
  }

  /** Where the records begin, or -1 when the request is not like the first. */
  #recordsStart(bytes: Uint8Array, start: number, end: number): number {
    const prefix = this.#prefix
    const suffix = this.#suffix
    const length = prefix.byteLength
    const recordsEnd = end - suffix.byteLength
    if (recordsEnd < start + length + 4) return -1
    for (let i = 0; i < beforeCorrelationId; i++) if (bytes[start + i] !== prefix[i]) return -1
    for (let i = afterCorrelationId; i < length; i++) if (bytes[start + i] !== prefix[i]) return -1
    for (let i = 0; i < suffix.byteLength; i++) if (bytes[recordsEnd + i] !== suffix[i]) return -1
    let at = start + length
    if (!this.#isFlexible) return readInt32(bytes, at) === recordsEnd - at - 4 ? at + 4 : -1
    let size = 0
    for (let shift = 0; shift < 28; shift += 7) {
      const byte = bytes[at++] as number
      size |= (byte & 0x7f) << shift
      if (byte < 0x80) return size > 1 && size - 1 === recordsEnd - at ? at : -1
    }
    return -1
  }
}

/** The requests of one read that were recognised one after the other. */
class ProduceRun implements AppendTarget {
  readonly #request: ProduceRequest
  readonly #version: number
  readonly #partition: Partition
  readonly #slot: ResponseSlot
  readonly #correlationIds: number[] = []
  /** The answers when all is well and nothing special. */
  #answers: Uint8Array | undefined
  /** What became of the batches when there is something to say of one of them. */
  readonly #results: AppendResult[] = []
  readonly #onAppended: () => void

  /** `onAppended`: nothing can be added any more. */
  constructor(
    request: ProduceRequest,
    version: number,
    partition: Partition,
    slot: ResponseSlot,
    onAppended: () => void,
  ) {
    this.#request = request
    this.#version = version
    this.#partition = partition
    this.#slot = slot
    this.#onAppended = onAppended
  }

  add(correlationId: number): void {
    if (this.#correlationIds.length > 0) this.#slot.share()
    this.#correlationIds.push(correlationId)
  }

  appended(run: BatchRun, first: number, end: number): void {
    this.#onAppended()
    if (run.allAccepted && run.logAppendTime === -1) this.#answers = this.#encodePlain(run, first, end)
    else for (let i = first; i < end; i++) this.#results.push(run.result(i))
    let flushed = -1
    for (let i = first; i < end; i++) flushed = Math.max(flushed, run.lastOffset(i) + 1)
    if (flushed > 0) this.#partition.log.whenFlushed(flushed, this)
    else this.flushed(ErrorCode.NONE)
  }

  /** All of them are durable, or may never be. */
  flushed(errorCode: number): void {
    if (this.#answers && errorCode === ErrorCode.NONE) this.#slot.send([this.#answers])
    else
      this.#slot.send(
        this.#correlationIds.flatMap((id, i) => this.#encodeFlushed(id, this.#results[i] ?? accepted, errorCode)),
      )
  }

  #encodePlain(run: BatchRun, first: number, end: number): Uint8Array {
    const model = this.#model()
    const offsetAt = markedPosition(model)
    const size = model.byteLength
    const answers = Buffer.allocUnsafe(size * (end - first)).fill(model)
    for (let i = first, at = 0; i < end; i++, at += size) {
      writeInt32(answers, at + beforeCorrelationId, this.#correlationIds[i - first] as number)
      const baseOffset = run.baseOffset(i)
      writeInt32(answers, at + offsetAt, Math.floor(baseOffset / 0x1_0000_0000))
      writeInt32(answers, at + offsetAt + 4, baseOffset | 0)
    }
    return answers
  }

  #encodeFlushed(correlationId: number, result: AppendResult, flushError: number): Uint8Array[] {
    if (result.errorCode !== ErrorCode.NONE || flushError === ErrorCode.NONE) {
      return this.#encodeOne(correlationId, result)
    }
    return this.#encodeOne(correlationId, { ...result, errorCode: flushError, baseOffset: -1 })
  }

  /** An answer without an error, whose correlation id and base offset are to be filled in. */
  #model(): Uint8Array {
    return Buffer.concat(this.#encodeOne(0, { ...accepted, baseOffset: markedOffset }))
  }

  #encodeOne(correlationId: number, result: AppendResult): Uint8Array[] {
    const { errorCode, baseOffset, logAppendTime, message, recordErrors } = result
    const logStartOffset = toldStartOffset(errorCode, this.#partition)
    return encodeResponse(Produce, this.#version, correlationId, {
      responses: this.#request.topicData.map(({ name, topicId, partitionData }) => ({
        name,
        topicId,
        partitionResponses: partitionData.map(({ index }) => ({
          index,
          errorCode,
          baseOffset,
          logAppendTimeMs: logAppendTime,
          logStartOffset,
          recordErrors: recordErrorsOf(recordErrors),
          errorMessage: message ?? null,
        })),
      })),
    })
  }
}

/** Errors for which Kafka looks at the batch only, not at the log. */
const errorsOfBatch: ReadonlySet<number> = new Set([
  ErrorCode.CORRUPT_MESSAGE,
  ErrorCode.MESSAGE_TOO_LARGE,
  ErrorCode.RECORD_LIST_TOO_LARGE,
  ErrorCode.KAFKA_STORAGE_ERROR,
])

/** The log start offset that goes with an answer: -1 where Kafka knows none. */
export function toldStartOffset(errorCode: number, { log }: Partition): number {
  return errorsOfBatch.has(errorCode) ? -1 : log.logStartOffset
}

/** As the answer has them (KIP-467). */
export function recordErrorsOf(errors: readonly RecordError[] = []) {
  return errors.map(({ index, message }) => ({ batchIndex: index, batchIndexErrorMessage: message }))
}

function recordsOf(request: ProduceRequest): Uint8Array {
  return request.topicData[0]?.partitionData[0]?.records as Uint8Array
}

function markedPosition(model: Uint8Array): number {
  const mark = Buffer.alloc(8)
  mark.writeBigInt64BE(BigInt(markedOffset))
  return Buffer.from(model.buffer, model.byteOffset, model.byteLength).indexOf(mark)
}

function uvarintSize(value: number): number {
  return value < 0x80 ? 1 : value < 0x4000 ? 2 : value < 0x20_0000 ? 3 : value < 0x1000_0000 ? 4 : 5
}

function readInt32(bytes: Uint8Array, at: number): number {
  return (
    ((bytes[at] as number) << 24) |
    ((bytes[at + 1] as number) << 16) |
    ((bytes[at + 2] as number) << 8) |
    (bytes[at + 3] as number)
  )
}

function writeInt32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >> 24
  bytes[at + 1] = value >> 16
  bytes[at + 2] = value >> 8
  bytes[at + 3] = value
}
