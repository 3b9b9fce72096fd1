import { readInt16, readInt32, readInt64 } from '@millrace/kafka'
import { OFFSET_ENTRY_BYTES, TIME_ENTRY_BYTES } from '../log/segment-index.ts'
import { TRANSACTION_ENTRY_BYTES } from '../log/transaction-index.ts'
import type { Problems } from './problem.ts'

/** Entries of an index file, which a walk over the segment's batches compares in passing. */
class EntryCursor {
  readonly file: string
  readonly bytes: Uint8Array
  readonly #entryBytes: number
  readonly count: number
  next = 0

  constructor(file: string, bytes: Uint8Array, entryBytes: number, problems: Problems) {
    this.file = file
    this.bytes = bytes
    this.#entryBytes = entryBytes
    const whole = Math.floor(bytes.byteLength / entryBytes)
    let count = whole
    // Kafka makes the files of an active segment larger than they need be, with zeros at their end. Alone, an entry of
    // zeros is sound: the first batch, at the beginning.
    while (count > 0 && whole > 1 && isZero(bytes, (count - 1) * entryBytes, entryBytes)) count--
    this.count = count
    if (count === whole && bytes.byteLength % entryBytes !== 0) {
      problems.add(file, `Its size is no multiple of ${entryBytes}`, count * entryBytes)
    }
  }

  /** Position of the next entry. */
  get at(): number {
    return this.next * this.#entryBytes
  }

  get isDone(): boolean {
    return this.next >= this.count
  }
}

function isZero(bytes: Uint8Array, at: number, length: number): boolean {
  for (let i = 0; i < length; i++) if (bytes[at + i] !== 0) return false
  return true
}

/** Every entry of a `.index` must name a batch: where it begins, and its last offset. */
export class OffsetIndexCheck {
  readonly #cursor: EntryCursor
  readonly #base: number
  readonly #problems: Problems

  constructor(file: string, bytes: Uint8Array, base: number, problems: Problems) {
    this.#cursor = new EntryCursor(file, bytes, OFFSET_ENTRY_BYTES, problems)
    this.#base = base
    this.#problems = problems
  }

  batch(position: number, last: number): void {
    const cursor = this.#cursor
    while (!cursor.isDone) {
      const at = readInt32(cursor.bytes, cursor.at + 4) >>> 0
      if (at > position) return
      const offset = this.#base + (readInt32(cursor.bytes, cursor.at) >>> 0)
      if (at < position || offset !== last) {
        const found = at < position ? 'no batch begins there' : `the batch there ends with offset ${last}`
        this.#problems.add(cursor.file, `An entry says offset ${offset}, position ${at}: ${found}`, cursor.at)
      }
      cursor.next++
    }
  }

  end(): void {
    const cursor = this.#cursor
    if (cursor.isDone) return
    this.#problems.add(cursor.file, 'Entries point behind the end of the segment, or do not ascend', cursor.at)
  }
}

/** Every entry of a `.timeindex` must be the latest timestamp so far, and name the batch that brought it. */
export class TimeIndexCheck {
  readonly #cursor: EntryCursor
  readonly #base: number
  readonly #problems: Problems
  #latest = Number.NEGATIVE_INFINITY

  constructor(file: string, bytes: Uint8Array, base: number, problems: Problems) {
    this.#cursor = new EntryCursor(file, bytes, TIME_ENTRY_BYTES, problems)
    this.#base = base
    this.#problems = problems
  }

  batch(first: number, last: number, timestamp: number): void {
    const cursor = this.#cursor
    this.#latest = Math.max(this.#latest, timestamp)
    while (!cursor.isDone) {
      const offset = this.#base + (readInt32(cursor.bytes, cursor.at + 8) >>> 0)
      if (offset > last) return
      const time = readInt64(cursor.bytes, cursor.at)
      if (offset < first || time !== timestamp || time !== this.#latest) {
        const found = offset < first ? 'no batch holds it' : `its batch has ${timestamp}, the latest is ${this.#latest}`
        this.#problems.add(cursor.file, `An entry says timestamp ${time} at offset ${offset}: ${found}`, cursor.at)
      }
      cursor.next++
    }
  }

  end(): void {
    const cursor = this.#cursor
    if (cursor.isDone) return
    this.#problems.add(cursor.file, 'Entries name offsets behind the end of the segment, or do not ascend', cursor.at)
  }
}

/** Every entry of a `.txnindex` must belong to the marker that it names. */
export class TransactionIndexCheck {
  readonly #cursor: EntryCursor
  readonly #problems: Problems
  readonly #isSettled: boolean

  /** `isSettled`: all entries must be there; otherwise the last ones may be about to be written. */
  constructor(file: string, bytes: Uint8Array, { isSettled, problems }: { isSettled: boolean; problems: Problems }) {
    this.#isSettled = isSettled
    this.#cursor = new EntryCursor(file, bytes, TRANSACTION_ENTRY_BYTES, problems)
    this.#problems = problems
  }

  /** A batch that aborts no transaction of which there are records. */
  other(offset: number): void {
    while (!this.#cursor.isDone && this.#lastOffset <= offset) this.#foreign()
  }

  /**
   * The marker at `offset` aborts a transaction of `producerId` that begins between `earliest` and `latest`. With
   * `lastStableOffset` undefined that is not known.
   */
  marker(
    offset: number,
    producerId: number,
    expected: {
      readonly earliest: number
      readonly latest: number
      readonly lastStableOffset: number | undefined
      /** There are records of it, so consumers need the entry. */
      readonly isNeeded: boolean
    },
  ): void {
    const cursor = this.#cursor
    while (!cursor.isDone && this.#lastOffset < offset) this.#foreign()
    if (cursor.isDone || this.#lastOffset !== offset) {
      if (expected.isNeeded && this.#isSettled) {
        this.#problems.add(
          cursor.file,
          `The transaction that producer ${producerId} aborted at offset ${offset} is missing`,
          cursor.at,
        )
      }
      return
    }
    const { at, bytes } = cursor
    const first = readInt64(bytes, at + 10)
    const stable = readInt64(bytes, at + 26)
    const isSound =
      readInt16(bytes, at) === 0 &&
      readInt64(bytes, at + 2) === producerId &&
      first >= expected.earliest &&
      first <= expected.latest &&
      (expected.lastStableOffset === undefined ? stable <= offset + 1 : stable === expected.lastStableOffset)
    if (!isSound)
      this.#problems.add(cursor.file, `The entry of the marker at offset ${offset} does not agree with the log`, at)
    cursor.next++
  }

  end(): void {
    while (!this.#cursor.isDone) this.#foreign()
  }

  get #lastOffset(): number {
    return readInt64(this.#cursor.bytes, this.#cursor.at + 18)
  }

  #foreign(): void {
    const cursor = this.#cursor
    this.#problems.add(cursor.file, `No transaction was aborted at offset ${this.#lastOffset}`, cursor.at)
    cursor.next++
  }
}
