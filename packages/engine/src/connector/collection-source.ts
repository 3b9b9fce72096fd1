import { type ObjectBatch, objectBatch } from '../element/batch.ts'
import type {
  EnumeratorContext,
  ReaderOutput,
  Source,
  SourceReader,
  SourceSplit,
  SplitEnumerator,
  SplitSerializer,
} from './source.ts'

/** All records from `position` on. */
interface CollectionSplit extends SourceSplit {
  readonly position: number
}

const batchSize = 1024
const splitId = 'collection'

/**
 * A bounded source of given records, read by one subtask in order. They carry no time stamps: give the job watermarks
 * with a `timestamp` for event time.
 *
 * @example
 * env.fromSource(collectionSource(['to', 'be', 'or', 'not']))
 */
export function collectionSource<T>(records: readonly T[]): Source<T, CollectionSplit> {
  return {
    name: `collection (${records.length} ${records.length === 1 ? 'record' : 'records'})`,
    boundedness: 'bounded',
    schema: undefined,
    defaultWatermarks: undefined,
    createEnumerator: (context) => new SingleSplitEnumerator(context),
    createReader: () => new CollectionReader(records),
    splitSerializer: positionSerializer,
  }
}

const positionSerializer: SplitSerializer<CollectionSplit> = {
  version: 1,
  serialize: (split) => {
    const bytes = new Uint8Array(8)
    new DataView(bytes.buffer).setFloat64(0, split.position)
    return bytes
  },
  deserialize: (_version, bytes) => ({
    splitId,
    position: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getFloat64(0),
  }),
}

/** Gives the one split to the first reader; the others have nothing to do. */
class SingleSplitEnumerator implements SplitEnumerator<CollectionSplit> {
  readonly #context: EnumeratorContext<CollectionSplit>
  #waiting: readonly CollectionSplit[]

  constructor(context: EnumeratorContext<CollectionSplit>) {
    this.#context = context
    this.#waiting = context.restored ? [] : [{ splitId, position: 0 }]
  }

  start(): Promise<void> {
    this.#assign()
    for (let reader = 0; reader < this.#context.parallelism; reader++) this.#context.signalNoMoreSplits(reader)
    return Promise.resolve()
  }

  addSplitsBack(splits: readonly CollectionSplit[]): void {
    this.#waiting = splits
    this.#assign()
  }

  handleSplitRequest(): void {}

  snapshotState(): Uint8Array {
    return new Uint8Array(0)
  }

  close(): Promise<void> {
    return Promise.resolve()
  }

  #assign(): void {
    if (this.#waiting.length === 0) return
    const splits = this.#waiting
    this.#waiting = []
    this.#context.assign(0, splits)
  }
}

class CollectionReader<T> implements SourceReader<CollectionSplit> {
  readonly #records: readonly T[]
  readonly #batch: ObjectBatch
  #position: number | undefined
  #noMore = false

  constructor(records: readonly T[]) {
    this.#records = records
    const size = Math.min(batchSize, records.length)
    this.#batch = objectBatch(new Array(size), new Float64Array(size).fill(Number.NaN), 0)
  }

  start(): void {}

  addSplits(splits: readonly CollectionSplit[]): void {
    for (const split of splits) this.#position = split.position
  }

  noMoreSplits(): void {
    this.#noMore = true
  }

  poll(output: ReaderOutput): 'more' | 'nothing' | 'end' {
    const from = this.#position
    if (from === undefined) return this.#noMore ? 'end' : 'nothing'
    const records = this.#records
    const batch = this.#batch
    const length = Math.min(batchSize, records.length - from)
    for (let i = 0; i < length; i++) batch.values[i] = records[from + i]
    batch.length = length
    batch.timestamps.fill(Number.NaN, 0, length)
    batch.origin = { describe: (index) => `record ${from + index} of the collection` }
    this.#position = from + length
    if (length > 0) output.emit(batch, splitId)
    if (this.#position < records.length) return 'more'
    if (!this.#noMore) return 'nothing'
    output.releaseSplit(splitId)
    return 'end'
  }

  snapshotState(): readonly CollectionSplit[] {
    return this.#position === undefined ? [] : [{ splitId, position: this.#position }]
  }

  checkpointComplete(): void {}

  pendingRecords(): number {
    return this.#position === undefined ? 0 : this.#records.length - this.#position
  }

  close(): Promise<void> {
    return Promise.resolve()
  }
}
