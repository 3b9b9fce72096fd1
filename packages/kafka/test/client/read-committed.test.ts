import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { FetchedPartition } from '../../src/client/consumer/fetched-partition.ts'
import type { ConsumerRecord } from '../../src/client/index.ts'
import { ControlRecordTypeSchema, EndTxnMarker } from '../../src/definitions/index.ts'
import { encodeStruct } from '../../src/codec/struct.ts'
import { RecordBatchBuilder } from '../../src/records/index.ts'

interface Entry {
  readonly producerId: number
  readonly values?: readonly string[]
  readonly marker?: 'commit' | 'abort'
}

const ABORT = 0
const COMMIT = 1

/** The batches of a log, with the aborted transactions in the order of their markers, as an index on disk has them. */
function logOf(entries: readonly Entry[], { without = new Set<number>() } = {}) {
  const batches: Uint8Array[] = []
  const aborted: { producerId: number; firstOffset: number }[] = []
  const open = new Map<number, number>()
  let offset = 0
  entries.forEach(({ producerId, values = [], marker }, i) => {
    const builder = new RecordBatchBuilder()
    const at = offset
    if (marker) {
      const type = marker === 'abort' ? ABORT : COMMIT
      const key = encodeStruct(ControlRecordTypeSchema, 0, { type })
      builder.append(key, encodeStruct(EndTxnMarker, 0, { coordinatorEpoch: 0 }), 0)
      const firstOffset = open.get(producerId)
      if (marker === 'abort' && firstOffset !== undefined) aborted.push({ producerId, firstOffset })
      open.delete(producerId)
      offset += 1
    } else {
      for (const value of values) builder.append(null, Buffer.from(value), 0)
      if (producerId >= 0 && !open.has(producerId)) open.set(producerId, at)
      offset += values.length
    }
    const identity =
      producerId < 0 ? {} : { producerId, producerEpoch: 0, transactional: true, control: marker !== undefined }
    const bytes = Uint8Array.from(builder.finish({ baseOffset: at, partitionLeaderEpoch: 0, ...identity }))
    // Compaction removes batches, never what is open or a marker that something depends on.
    if (!without.has(i)) batches.push(bytes)
  })
  return { bytes: Buffer.concat(batches), aborted, end: offset }
}

function read(log: ReturnType<typeof logOf>, fetchOffset = 0): string[] {
  const fetched = new FetchedPartition({
    topic: 't',
    partition: 0,
    bytes: log.bytes,
    fetchOffset,
    highWatermark: log.end,
    lastStableOffset: log.end,
    logStartOffset: 0,
    currentLeaderEpoch: 0,
    abortedTransactions: log.aborted,
    checkCrcs: true,
    maxDecompressedBytes: 1 << 20,
    release: () => {},
  })
  const records: ConsumerRecord[] = []
  fetched.takeRecords(1_000, records)
  if (log.bytes.byteLength > 0) expect(fetched.position).toBe(log.end)
  return records.map(({ value }) => Buffer.from(value ?? []).toString())
}

describe('read_committed', () => {
  it('hides a transaction that began first and was aborted last', () => {
    const log = logOf([
      { producerId: 1, values: ['aborted'] },
      { producerId: 2, values: ['aborted too'] },
      { producerId: 2, marker: 'abort' },
      { producerId: -1, values: ['plain'] },
      { producerId: 1, values: ['aborted still'] },
      { producerId: 1, marker: 'abort' },
      { producerId: 1, values: ['committed'] },
      { producerId: 1, marker: 'commit' },
    ])
    expect(log.aborted.map(({ firstOffset }) => firstOffset)).toEqual([1, 0])
    expect(read(log)).toEqual(['plain', 'committed'])
  })

  it('shows exactly what is plain or committed, in whatever order transactions overlap, and after compaction', () => {
    const entry = fc.oneof(
      {
        weight: 4,
        arbitrary: fc.record({ producerId: fc.integer({ min: -1, max: 3 }), count: fc.integer({ min: 1, max: 3 }) }),
      },
      {
        weight: 2,
        arbitrary: fc.record({
          producerId: fc.integer({ min: 0, max: 3 }),
          marker: fc.constantFrom<'commit' | 'abort'>('commit', 'abort'),
        }),
      },
    )
    fc.assert(
      fc.property(fc.array(entry, { maxLength: 30 }), fc.infiniteStream(fc.boolean()), (plan, coin) => {
        const entries: Entry[] = plan.map((each, i) =>
          'marker' in each
            ? each
            : { producerId: each.producerId, values: Array.from({ length: each.count }, (_, n) => `${i}/${n}`) },
        )
        // A consumer sees nothing past the last stable offset: all that is open is decided.
        for (const producerId of [0, 1, 2, 3])
          entries.push({ producerId, marker: coin.next().value ? 'commit' : 'abort' })
        const outcome = (i: number) =>
          entries.find((e, n) => n > i && e.producerId === entries[i]?.producerId && e.marker)?.marker
        const isVisible = ({ producerId }: Entry, i: number) => producerId < 0 || outcome(i) === 'commit'
        // The cleaner removes what was aborted, and what is superseded.
        const without = new Set(entries.flatMap(({ marker }, i) => (!marker && coin.next().value ? [i] : [])))
        const expected = entries.flatMap((e, i) => (e.values && isVisible(e, i) ? e.values : []))
        const remaining = entries.flatMap((e, i) => (e.values && isVisible(e, i) && !without.has(i) ? e.values : []))
        expect(read(logOf(entries))).toEqual(expected)
        expect(read(logOf(entries, { without }))).toEqual(remaining)
      }),
    )
  })
})
