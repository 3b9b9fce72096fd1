import type { EnumeratorContext, SourceSplit, SplitEnumerator, SplitSerializer } from '@millrace/engine'
import { MillraceError } from '@millrace/std'

/** The records with the numbers `next` to `end`, the end excluded; Infinity for a source without end. */
export interface RecordRange extends SourceSplit {
  readonly next: number
  readonly end: number
  /** Numbers between two records: the number of splits of an endless source. */
  readonly step: number
}

/** Deals the numbers 0, 1, 2 … out to the readers: in equal ranges, or in turns when there is no end. */
export class RangeEnumerator implements SplitEnumerator<RecordRange> {
  readonly #context: EnumeratorContext<RecordRange>
  readonly #count: number

  constructor(context: EnumeratorContext<RecordRange>, count: number) {
    this.#context = context
    this.#count = count
  }

  start(): Promise<void> {
    const { parallelism, restored } = this.#context
    for (let reader = 0; reader < parallelism; reader++) {
      if (restored === undefined) this.#context.assign(reader, [this.#range(reader, parallelism)])
      this.#context.signalNoMoreSplits(reader)
    }
    return Promise.resolve()
  }

  addSplitsBack(splits: readonly RecordRange[]): void {
    splits.forEach((split, i) => this.#context.assign(i % this.#context.parallelism, [split]))
  }

  handleSplitRequest(): void {}

  snapshotState(): Uint8Array {
    return new Uint8Array(0)
  }

  close(): Promise<void> {
    return Promise.resolve()
  }

  #range(reader: number, parallelism: number): RecordRange {
    const splitId = `records-${reader}`
    if (this.#count === Number.POSITIVE_INFINITY) return { splitId, next: reader, end: this.#count, step: parallelism }
    const next = Math.floor((this.#count * reader) / parallelism)
    const end = Math.floor((this.#count * (reader + 1)) / parallelism)
    return { splitId, next, end, step: 1 }
  }
}

export const rangeSerializer: SplitSerializer<RecordRange> = {
  version: 1,
  serialize: ({ splitId, next, end, step }) => {
    const id = Buffer.from(splitId)
    const bytes = Buffer.alloc(24 + id.byteLength)
    bytes.writeDoubleBE(next, 0)
    bytes.writeDoubleBE(end, 8)
    bytes.writeDoubleBE(step, 16)
    id.copy(bytes, 24)
    return bytes
  },
  deserialize: (_version, bytes) => {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    return {
      splitId: Buffer.from(bytes.subarray(24)).toString(),
      next: view.getFloat64(0),
      end: view.getFloat64(8),
      step: view.getFloat64(16),
    }
  },
}

/** @throws MillraceError `CONNECTOR_BAD_OPTION` */
export function checkCount(count: number | undefined, where: string): number {
  if (count === undefined) return Number.POSITIVE_INFINITY
  if (Number.isSafeInteger(count) && count >= 0) return count
  throw new MillraceError('CONNECTOR_BAD_OPTION', {
    message: `The count of ${where} is ${String(count)}.`,
    fix: 'Give a whole number of records, or leave it out for a stream without end.',
  })
}

/** @throws MillraceError `CONNECTOR_BAD_OPTION` */
export function checkRate(rate: number | undefined, where: string): number {
  if (rate === undefined) return Number.POSITIVE_INFINITY
  if (typeof rate === 'number' && rate > 0) return rate
  throw new MillraceError('CONNECTOR_BAD_OPTION', {
    message: `The ratePerSecond of ${where} is ${String(rate)}.`,
    fix: 'Give records per second, more than zero, or leave it out to go as fast as the job takes them.',
  })
}
