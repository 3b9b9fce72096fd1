import { type Batch, type Column, type ReaderOutput, schema } from '@millrace/engine'
import { type CompressionType, lastOffset, RecordBatchBuilder } from '@millrace/kafka'
import { asBuffer, copyBytes, utf8 } from '@millrace/std'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { ColumnDecoder, Format } from '../../src/formats/format.ts'
import { json, text } from '../../src/formats/index.ts'
import { PartitionReader } from '../../src/kafka/partition-reader.ts'
import {
  type BadRecord,
  ColumnRowCollector,
  failOnBadRecord,
  ObjectRowCollector,
  type OnBadRecord,
  recordDecoder,
  type RowCollector,
  valueDecoder,
} from '../../src/kafka/row-collector.ts'

function recordBatch(baseOffset: number, values: (string | null)[], compression: CompressionType = 'none'): Uint8Array {
  const builder = new RecordBatchBuilder({ compression })
  values.forEach((value, i) => {
    builder.append(utf8(`k${baseOffset + i}`), value === null ? null : utf8(value), 1000 + baseOffset + i)
  })
  return copyBytes(builder.finish({ baseOffset }))
}

/** Reads to the end; the rows of each emitted batch as [value, timestamp, origin]. */
type Row = [value: unknown, timestamp: number | undefined, origin: string | undefined]

function readAll(reader: PartitionReader): Row[][] {
  const batches: Row[][] = []
  const output: ReaderOutput = {
    emit: (batch, splitId) => {
      expect(splitId).toBe('t-3')
      batches.push(rowsOf(batch).map((value, i) => [value, batch.timestamps[i], batch.origin?.describe(i)]))
    },
    watermark: () => {},
    idle: () => {},
    releaseSplit: () => {},
  }
  while (reader.emit(output)) {}
  return batches
}

function rowsOf(batch: Batch): unknown[] {
  if (batch.layout === 'objects') return batch.values.slice(0, batch.length)
  return Array.from({ length: batch.length }, (_, row) =>
    Object.fromEntries(
      batch.schema.fields.flatMap((field, i): [string, unknown][] => {
        const column = batch.columns[i] as Column | undefined
        if (column?.kind === 'numbers') return [[field.name, column.values[row]]]
        if (column?.kind !== 'bytes') return []
        const start = column.starts[row] as number
        return [[field.name, asBuffer(column.data).toString('utf8', start, start + (column.lengths[row] as number))]]
      }),
    ),
  )
}

function readerOf(collector: RowCollector, from = 0, stopOffset?: number): PartitionReader {
  return new PartitionReader({ splitId: 't-3', topic: 't', partition: 3, position: from, stopOffset, collector })
}

function texts(onBadRecord: OnBadRecord = failOnBadRecord): ObjectRowCollector {
  return new ObjectRowCollector({ decode: valueDecoder(text()), skipNulls: true, onBadRecord })
}

const event = schema({ id: 'int64', name: 'string' })

function columns(onBadRecord: OnBadRecord = failOnBadRecord): ColumnRowCollector {
  const decoder = json(event).createColumnDecoder?.(undefined) as ColumnDecoder
  return new ColumnRowCollector({ schema: event, decoder, onBadRecord })
}

/** Hands the batches over as one answer of the broker. */
function add(reader: PartitionReader, ...batches: Uint8Array[]): void {
  const starts: number[] = []
  let at = 0
  for (const batch of batches) {
    starts.push(at)
    at += batch.byteLength
  }
  const last = batches.at(-1) as Uint8Array
  const bytes = Buffer.concat(batches)
  // Given back too early, the bytes would no longer be what the records were decoded from.
  reader.add({ bytes, starts, nextOffset: lastOffset(last, 0) + 1, release: () => bytes.fill(0) })
}

describe('reading a partition', () => {
  it('starts within a batch and stops within another', () => {
    const reader = readerOf(texts(), 2, 5)
    add(reader, recordBatch(0, ['a', 'b', 'c']), recordBatch(3, ['d', 'e', 'f']))
    expect(readAll(reader)).toEqual([
      [
        ['c', 1002, 'topic t, partition 3, offset 2'],
        ['d', 1003, 'topic t, partition 3, offset 3'],
        ['e', 1004, 'topic t, partition 3, offset 4'],
      ],
    ])
    expect(reader.position).toBe(5)
    expect(reader.isFinished).toBe(true)
  })

  it('passes over tombstones and gaps, and stops at an offset that has no record', () => {
    const reader = readerOf(texts(), 0, 9)
    add(reader, recordBatch(0, ['a', null]), recordBatch(7, ['b']))
    add(reader, recordBatch(10, ['c']))
    expect(
      readAll(reader)
        .flat()
        .map(([value]) => value as string),
    ).toEqual(['a', 'b'])
    expect(reader.position).toBeGreaterThanOrEqual(9)
    expect(reader.isFinished).toBe(true)
  })

  it('says where a batch is that cannot be read', () => {
    const reader = readerOf(texts())
    const broken = recordBatch(2, ['c'])
    // Says gzip, is not.
    broken[22] = 1
    add(reader, recordBatch(0, ['a', 'b']), broken)
    expect(() => readAll(reader)).toThrow('topic t, partition 3, offset 2.')
  })

  it('names a record that does not fit its format, or leaves it to the policy', () => {
    const failing = readerOf(columns())
    add(failing, recordBatch(40, ['{"id":1,"name":"a"}', '{"id":"x","name":"b"}']))
    expect(() => readAll(failing)).toThrow(
      'The record in topic t, partition 3, offset 41 does not fit its format: field "id" is not a value of type int64. It begins: {"id":"x","name":"b"}',
    )
    const bad: BadRecord[] = []
    const skipping = readerOf(
      columns((record) => bad.push({ ...record })),
      40,
    )
    add(skipping, recordBatch(40, ['{"id":1,"name":"a"}', '{"id":"x","name":"b"}', '{"id":3,"name":"c"}']))
    expect(readAll(skipping)).toEqual([
      [
        [{ id: 1, name: 'a' }, 1040, 'topic t, partition 3, offset 40'],
        [{ id: 3, name: 'c' }, 1042, 'topic t, partition 3, offset 42'],
      ],
    ])
    expect(bad.map(({ offset, problem }) => [offset, problem])).toEqual([
      [41, 'field "id" is not a value of type int64'],
    ])
  })

  it('hands out whole records with key, offset and headers', () => {
    const builder = new RecordBatchBuilder()
    builder.append(null, utf8('v'), 5, [{ key: 'h', value: utf8('1') }])
    const collector = new ObjectRowCollector({
      decode: recordDecoder(text() as Format<unknown>, text() as Format<unknown>),
      skipNulls: false,
      onBadRecord: failOnBadRecord,
    })
    const reader = readerOf(collector)
    add(reader, copyBytes(builder.finish()), recordBatch(1, [null]))
    expect(
      readAll(reader)
        .flat()
        .map(([record]) => record),
    ).toEqual([
      {
        topic: 't',
        partition: 3,
        offset: 0,
        timestamp: 5,
        key: null,
        value: 'v',
        headers: [{ key: 'h', value: utf8('1') }],
      },
      { topic: 't', partition: 3, offset: 1, timestamp: 1001, key: 'k1', value: null, headers: [] },
    ])
  })

  it('gives every record once and in order, however it was batched, compressed and fetched; columns as objects', () => {
    const batchSizes = fc.array(
      fc.tuple(fc.integer({ min: 1, max: 3000 }), fc.constantFrom<CompressionType>('none', 'gzip')),
      {
        minLength: 1,
        maxLength: 6,
      },
    )
    fc.assert(
      fc.property(batchSizes, fc.nat(200), fc.nat(200), fc.boolean(), (sizes, from, cut, oneFetch) => {
        const batches: Uint8Array[] = []
        let next = 0
        for (const [size, compression] of sizes) {
          const values = Array.from({ length: size }, (_, i) => `{"id":${next + i},"name":"n${next + i}"}`)
          batches.push(recordBatch(next, values, compression))
          next += size
        }
        const first = Math.min(from, next - 1)
        const stop = Math.max(first, next - cut)
        for (const collector of [
          columns(),
          new ObjectRowCollector({
            decode: valueDecoder(json(event) as Format<unknown>),
            skipNulls: true,
            onBadRecord: failOnBadRecord,
          }),
        ]) {
          const reader = readerOf(collector, first, stop)
          if (oneFetch) add(reader, ...batches)
          else for (const batch of batches) add(reader, batch)
          // As text: comparing ten thousand rows one by one would take seconds.
          expect(JSON.stringify(readAll(reader).flat())).toBe(
            JSON.stringify(
              Array.from({ length: stop - first }, (_, i) => [
                { id: first + i, name: `n${first + i}` },
                1000 + first + i,
                `topic t, partition 3, offset ${first + i}`,
              ]),
            ),
          )
        }
      }),
      { numRuns: 30 },
    )
  })
})
