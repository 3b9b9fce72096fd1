/**
 * Fetched record batches of JSON bids (200 bytes) → 3 of 7 fields → filter → count per auction and second, through the
 * public API, against the same written by hand for just these bytes. CPU time.
 *
 *   npm run bench -- json
 */
import { json } from '@millrace/connectors/formats'
import { PartitionReader } from '../packages/connectors/src/kafka/partition-reader.ts'
import { ColumnRowCollector } from '../packages/connectors/src/kafka/row-collector.ts'
import { executeJob, field, job, type Source, tumbling } from '@millrace/engine'
import { indexRecords, RecordIndex } from '@millrace/kafka'
import { AUCTIONS, bid, bidBatches, FIRST_TIME } from './bids.ts'
import { countingSink, report } from './measure.ts'

const DISTINCT = 400_000
/** A job goes over the same bytes that often: its code is generated anew for each run, and must get warm as in real life. */
const REPEATS = 10
const COUNT = DISTINCT * REPEATS
const ROUNDS = 3
const { bytes, starts, perRecord } = bidBatches(DISTINCT)
console.log(`${COUNT} bids of ${perRecord.toFixed(0)} bytes`)

const view = new DataView(bytes.buffer, bytes.byteOffset)
const BASE_TIMESTAMP_AT = 27
const MAX_TIMESTAMP_AT = 35
const RECORD_COUNT_AT = 57
let current = 0

/** Makes the bytes those of the `repeat`-th time over: offsets and times go on. */
function moveTo(repeat: number): void {
  const byMs = BigInt((repeat - current) * (DISTINCT / 100))
  current = repeat
  let offset = repeat * DISTINCT
  for (const at of starts) {
    view.setBigInt64(at, BigInt(offset))
    offset += view.getInt32(at + RECORD_COUNT_AT)
    for (const field of [BASE_TIMESTAMP_AT, MAX_TIMESTAMP_AT]) {
      view.setBigInt64(at + field, view.getBigInt64(at + field) + byMs)
    }
  }
}

/** The bytes as a source: the Kafka source's reading, without the network. `repeats` times over, event time going on. */
function fetchedBids(): Source<NonNullable<typeof bid.rowType>> {
  return {
    name: 'fetched bids',
    boundedness: 'bounded',
    schema: bid,
    defaultWatermarks: 'monotonous',
    splitSerializer: { version: 1, serialize: () => new Uint8Array(0), deserialize: () => ({ splitId: 'bids-0' }) },
    createEnumerator: (context) => ({
      start: async () => {
        context.assign(0, [{ splitId: 'bids-0' }])
        context.signalNoMoreSplits(0)
      },
      addSplitsBack: () => {},
      handleSplitRequest: () => {},
      snapshotState: () => new Uint8Array(0),
      close: async () => {},
    }),
    createReader: (context) => {
      const decoder = json(bid).createColumnDecoder?.(context.projection)
      if (!decoder) throw new Error('the schema has no decoder')
      const collector = new ColumnRowCollector({
        schema: bid,
        decoder,
        onBadRecord: ({ problem }) => {
          throw new Error(problem)
        },
      })
      let reader: PartitionReader | undefined
      let repeat = 0
      return {
        start: () => {},
        addSplits: () => {
          reader = new PartitionReader({
            splitId: 'bids-0',
            topic: 'bids',
            partition: 0,
            position: 0,
            stopOffset: COUNT,
            collector,
          })
          context.available()
        },
        noMoreSplits: () => context.available(),
        poll: (output) => {
          if (!reader) return 'nothing'
          if (!reader.hasMore) {
            moveTo(repeat++)
            reader.add({ bytes, starts, nextOffset: repeat * DISTINCT, release: () => {} })
          }
          reader.emit(output)
          return reader.isFinished ? 'end' : 'more'
        },
        snapshotState: () => [],
        checkpointComplete: () => {},
        pendingRecords: () => undefined,
        close: async () => {},
      }
    },
  }
}

const results = countingSink()

const pipeline = job('bids', (env) => {
  env
    .fromSource(fetchedBids())
    .where(field('price').greaterThan(10_000))
    .keyBy('auction')
    .window(tumbling('1 s'))
    .count()
    .sinkTo(results.sink)
})

// By hand: the keys' order and the values' kinds are known, nothing is checked.
const index = new RecordIndex(4096)
const slotOf = new Int32Array(1 << 15).fill(-1)
const keys = new Float64Array(AUCTIONS)
const counts = new Int32Array(AUCTIONS)
interface Result {
  key: number
  start: number
  end: number
  count: number
}

/** Hands on the results of the window that ends, as the pipeline's sink gets them. */
function fire(slots: number, end: number, batch: Result[]): number {
  batch.length = 0
  for (let s = 0; s < slots; s++) {
    const count = counts[s] as number
    if (count > 0) batch.push({ key: keys[s] as number, start: end - 1000, end, count })
  }
  return batch.length
}

function byHand(): number {
  const batch: Result[] = []
  let emitted = 0
  let windowEnd = FIRST_TIME + 1000
  let slots = 0
  slotOf.fill(-1)
  for (let next = 0; next < starts.length * REPEATS; next++) {
    if (next % starts.length === 0) moveTo(next / starts.length)
    indexRecords(bytes, starts[next % starts.length] as number, index)
    const { valueStart, count, data, timestamps } = index
    for (let i = 0; i < count; i++) {
      let p = (valueStart[i] as number) + 11
      let auction = 0
      let c = 0
      while ((c = (data[p] as number) - 48) >= 0) {
        auction = auction * 10 + c
        p++
      }
      p += 10
      while (data[p] !== 44) p++
      p += 9
      let price = 0
      while ((c = (data[p] as number) - 48) >= 0) {
        price = price * 10 + c
        p++
      }
      if (price <= 10_000) continue
      const time = timestamps[i] as number
      if (time >= windowEnd) {
        emitted += fire(slots, windowEnd, batch)
        counts.fill(0)
        windowEnd += 1000
      }
      let h = (Math.imul(auction, 0x9e3779b1) >>> 17) & 32767
      let slot = slotOf[h] as number
      while (slot >= 0 && keys[slot] !== auction) {
        h = (h + 1) & 32767
        slot = slotOf[h] as number
      }
      if (slot < 0) {
        slot = slots++
        slotOf[h] = slot
        keys[slot] = auction
        counts[slot] = 0
      }
      counts[slot] = (counts[slot] as number) + 1
    }
  }
  return emitted + fire(slots, windowEnd, batch)
}

async function cpuOf(work: () => Promise<unknown> | unknown): Promise<number> {
  let best = Number.POSITIVE_INFINITY
  for (let round = 0; round < ROUNDS; round++) {
    const before = process.cpuUsage()
    await work()
    const used = process.cpuUsage(before)
    best = Math.min(best, ((used.user + used.system) * 1000) / COUNT)
  }
  return best
}

let expected = 0
const limit = await cpuOf(() => {
  expected = byHand()
})
const ours = await cpuOf(async () => {
  results.count = 0
  await (await executeJob(pipeline)).result
})
if (results.count !== expected)
  throw new Error(`the pipeline gave ${results.count} results, by hand there are ${expected}`)
report({
  what: 'JSON bids → filter → count per auction and second',
  ours,
  limit,
  unit: 'ns',
  better: 'lower',
  target: { ratio: 0.6 },
})
console.log(`${(1000 / ours).toFixed(2)} M records/s per core (to reach: 4)`)
