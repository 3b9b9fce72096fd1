import {
  type Batch,
  type Column,
  columnBatch,
  objectBatch,
  type ReaderOutput,
  type Schema,
  schema,
  type Source,
  type SourceReader,
  type SourceSplit,
} from '@millrace/engine'
import { seededRandom } from '@millrace/std'

export const BATCH = 1024
/** Records of one millisecond of event time, as in the Flink baseline: one record per microsecond. */
const PER_MS = 1000
/** Batches between watermarks: about 100 ms of event time. */
const PER_WATERMARK = 100

export interface Bid {
  readonly key: number
  readonly price: number
}
export const bidSchema = schema({ key: 'int32', price: 'float64' })

/** A supply of batches that are used again and again; only their time stamps change. */
export interface Supply {
  readonly schema: Schema | undefined
  readonly batches: readonly Batch[]
}

/** Uniform keys below `keys`, prices from 0 to 100. */
export function bidColumns(keys: number, count = 512): Supply {
  const random = seededRandom(1)
  const batches = Array.from({ length: count }, () => {
    const columns: Column[] = [
      {
        kind: 'numbers',
        values: Int32Array.from({ length: BATCH }, () => Math.floor(random.next() * keys)),
        nulls: undefined,
      },
      { kind: 'numbers', values: Float64Array.from({ length: BATCH }, () => random.next() * 100), nulls: undefined },
    ]
    return columnBatch(bidSchema, columns, new Float64Array(BATCH), BATCH)
  })
  return { schema: bidSchema, batches }
}

/** All keys below `keys`, one after the other. */
export function everyKey(keys: number): Supply {
  const batches = Array.from({ length: Math.ceil(keys / BATCH) }, (_, n) => {
    const columns: Column[] = [
      {
        kind: 'numbers',
        values: Int32Array.from({ length: BATCH }, (_, i) => (n * BATCH + i) % keys),
        nulls: undefined,
      },
      { kind: 'numbers', values: new Float64Array(BATCH).fill(1.5), nulls: undefined },
    ]
    return columnBatch(bidSchema, columns, new Float64Array(BATCH), BATCH)
  })
  return { schema: bidSchema, batches }
}

export function bidObjects(keys: number, count = 64): Supply {
  const random = seededRandom(1)
  const batches = Array.from({ length: count }, () => {
    const values = Array.from({ length: BATCH }, (): Bid => {
      return { key: Math.floor(random.next() * keys), price: random.next() * 100 }
    })
    return objectBatch(values, new Float64Array(BATCH), BATCH)
  })
  return { schema: undefined, batches }
}

/** Lines of eight words, 5,000 words by Zipf's law. */
export function zipfLines(count = 64): Supply {
  const random = seededRandom(1)
  const weights = Array.from({ length: 5000 }, (_, rank) => 1 / (rank + 1))
  const total = weights.reduce((a, b) => a + b)
  const bounds: number[] = []
  for (const weight of weights) bounds.push((bounds.at(-1) ?? 0) + weight / total)
  const word = () => {
    const x = random.next()
    let low = 0
    let high = bounds.length - 1
    while (low < high) {
      const middle = (low + high) >> 1
      if ((bounds[middle] as number) < x) low = middle + 1
      else high = middle
    }
    return `Word${low.toString(36)}`
  }
  const batches = Array.from({ length: count }, () => {
    const lines = Array.from({ length: BATCH }, () => Array.from({ length: 8 }, word).join(' '))
    // As they come from a decoder: flat strings, not ropes.
    return objectBatch(
      lines.map((line) => Buffer.from(line).toString('latin1')),
      new Float64Array(BATCH),
      BATCH,
    )
  })
  return { schema: undefined, batches }
}

/** Batch number `n` of a run, with its time stamps: one record per microsecond from 0 on. */
export function batchAt({ batches }: Supply, n: number): Batch {
  const batch = batches[n % batches.length] as Batch
  const first = n * BATCH
  const ms = Math.floor(first / PER_MS)
  const { timestamps } = batch
  for (let at = 0, time = ms, end = (ms + 1) * PER_MS - first; at < BATCH; at = end, time++, end += PER_MS) {
    timestamps.fill(time, at, Math.min(end, BATCH))
  }
  return batch
}

/** The watermark after batch `n`, if there is one: all before it has been seen. */
export function watermarkAfter(n: number): number | undefined {
  return (n + 1) % PER_WATERMARK === 0 ? Math.floor(((n + 1) * BATCH) / PER_MS) - 1 : undefined
}

/**
 * A source of the first `total` batches. `atEnd` is called when all are processed; there
 * are no watermarks before it, so all windows are open then.
 */
export function supplySource<T>(supply: Supply, total: number, atEnd?: () => void): Source<T> {
  return {
    name: 'supply',
    boundedness: 'bounded',
    schema: supply.schema as Schema<T> | undefined,
    defaultWatermarks: undefined,
    createEnumerator: (context) => ({
      start: () => {
        context.assign(0, [{ splitId: 'supply' }])
        context.signalNoMoreSplits(0)
        return Promise.resolve()
      },
      addSplitsBack: () => {},
      handleSplitRequest: () => {},
      snapshotState: () => new Uint8Array(0),
      close: () => Promise.resolve(),
    }),
    createReader: () => new SupplyReader(supply, total, atEnd),
    splitSerializer: { version: 1, serialize: () => new Uint8Array(0), deserialize: () => ({ splitId: 'supply' }) },
  }
}

class SupplyReader implements SourceReader<SourceSplit> {
  readonly #supply: Supply
  readonly #total: number
  readonly #atEnd: (() => void) | undefined
  #next = 0

  constructor(supply: Supply, total: number, atEnd: (() => void) | undefined) {
    this.#supply = supply
    this.#total = total
    this.#atEnd = atEnd
  }

  poll(output: ReaderOutput): 'more' | 'end' {
    const n = this.#next++
    if (n === this.#total) {
      this.#atEnd?.()
      output.releaseSplit('supply')
      return 'end'
    }
    output.emit(batchAt(this.#supply, n), 'supply')
    const watermark = watermarkAfter(n)
    if (watermark !== undefined && this.#atEnd === undefined) output.watermark(watermark, 'supply')
    return 'more'
  }

  start(): void {}
  addSplits(): void {}
  noMoreSplits(): void {}
  snapshotState(): readonly SourceSplit[] {
    return []
  }
  checkpointComplete(): void {}
  pendingRecords(): undefined {}
  close(): Promise<void> {
    return Promise.resolve()
  }
}
