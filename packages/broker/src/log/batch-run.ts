import { ErrorCode } from '@millrace/kafka'
import type { AppendResult, RecordError } from './append.ts'

const initialCapacity = 64
const nothing = new Uint8Array(0)

/**
 * Record batches that lie in one piece of memory, with anything between them, to be appended in order; and what became
 * of each. It is filled, handed to `PartitionLog.appendRun`, read, and used again: no object per batch.
 *
 * @example
 * run.reset(chunk)
 * run.add(40, 310)
 * log.appendRun(run, { leaderEpoch: 0 })
 * if (run.errorCode(0) === ErrorCode.NONE) reply(run.baseOffset(0))
 */
export class BatchRun {
  /** Holds all batches. The log patches offsets, leader epoch and time into them. */
  bytes: Uint8Array = nothing
  count = 0
  /** Milliseconds: the time that the log stamped on all, or -1 when records keep their own timestamps. */
  logAppendTime = -1
  #bounds = new Int32Array(2 * initialCapacity)
  #errorCodes = new Int16Array(initialCapacity)
  #offsets = new Float64Array(2 * initialCapacity)
  #duplicates = new Uint8Array(initialCapacity)
  /** What there is to say of refused batches. */
  readonly #refusals = new Map<number, { readonly message: string; readonly recordErrors: readonly RecordError[] }>()
  /** Batches that the log keeps in another form than they came in. */
  readonly #rewritten = new Map<number, Uint8Array>()
  #rejected = 0

  /** Empties it. The next batches lie in `bytes`. */
  reset(bytes: Uint8Array): void {
    this.bytes = bytes
    this.count = 0
    this.logAppendTime = -1
    this.#rejected = 0
    if (this.#refusals.size > 0) this.#refusals.clear()
    if (this.#rewritten.size > 0) this.#rewritten.clear()
  }

  /** Lets the memory go. */
  release(): void {
    this.reset(nothing)
  }

  /** One more batch: `bytes[start, end)`. */
  add(start: number, end: number): void {
    const i = this.count
    if (i === this.#errorCodes.length) this.#grow()
    this.#bounds[2 * i] = start
    this.#bounds[2 * i + 1] = end
    this.count = i + 1
  }

  start(i: number): number {
    return this.#bounds[2 * i] as number
  }

  end(i: number): number {
    return this.#bounds[2 * i + 1] as number
  }

  /** For the log: what it keeps instead of the batch as it came. */
  rewrite(i: number, batch: Uint8Array): void {
    this.#rewritten.set(i, batch)
  }

  rewritten(i: number): Uint8Array | undefined {
    return this.#rewritten.size === 0 ? undefined : this.#rewritten.get(i)
  }

  errorCode(i: number): number {
    return this.#errorCodes[i] as number
  }

  /** -1 when the batch was rejected. */
  baseOffset(i: number): number {
    return this.#offsets[2 * i] as number
  }

  /** -1 when the batch was rejected. */
  lastOffset(i: number): number {
    return this.#offsets[2 * i + 1] as number
  }

  /** The batch was in the log already. */
  isDuplicate(i: number): boolean {
    return this.#duplicates[i] === 1
  }

  /** No batch was rejected. */
  get allAccepted(): boolean {
    return this.#rejected === 0
  }

  result(i: number): AppendResult {
    const errorCode = this.errorCode(i)
    return {
      errorCode,
      baseOffset: this.baseOffset(i),
      lastOffset: this.lastOffset(i),
      logAppendTime: errorCode === ErrorCode.NONE ? this.logAppendTime : -1,
      duplicate: this.isDuplicate(i),
      message: this.#refusals.get(i)?.message,
      recordErrors: this.#refusals.get(i)?.recordErrors,
    }
  }

  /** For the log: the batch will have these offsets. */
  accept(i: number, baseOffset: number, lastOffset: number): void {
    this.#errorCodes[i] = ErrorCode.NONE
    this.#offsets[2 * i] = baseOffset
    this.#offsets[2 * i + 1] = lastOffset
    this.#duplicates[i] = 0
  }

  /** For the log: the batch is not appended, or was before. Replaces what was said of it. */
  settle(i: number, result: AppendResult): void {
    const { errorCode, baseOffset, lastOffset, duplicate, message, recordErrors = [] } = result
    this.#errorCodes[i] = errorCode
    this.#offsets[2 * i] = baseOffset
    this.#offsets[2 * i + 1] = lastOffset
    this.#duplicates[i] = duplicate ? 1 : 0
    if (errorCode !== ErrorCode.NONE) this.#rejected++
    if (message !== undefined) this.#refusals.set(i, { message, recordErrors })
  }

  #grow(): void {
    const capacity = 2 * this.#errorCodes.length
    const bounds = new Int32Array(2 * capacity)
    bounds.set(this.#bounds)
    this.#bounds = bounds
    this.#errorCodes = new Int16Array(capacity)
    this.#offsets = new Float64Array(2 * capacity)
    this.#duplicates = new Uint8Array(capacity)
  }
}
