/**
 * Record batches: building and indexing 200-byte values, each against the least that any code must do for the same bytes
 * in the same run. CPU time per record.
 *
 *   node --conditions=millrace-source bench/records.bench.ts
 */
import { BatchCheck, crc32c, indexRecords, RecordBatchBuilder, RecordIndex, validateBatch } from '@millrace/kafka'

const COUNT = 1000
const VALUE_BYTES = 200
const ROUNDS = 600

const data = new Uint8Array(COUNT * VALUE_BYTES).map((_, i) => 32 + ((i * 31) % 90))
const offsets = Int32Array.from({ length: COUNT + 1 }, (_, i) => i * VALUE_BYTES)
const timestamps = Float64Array.from({ length: COUNT }, (_, i) => 1_700_000_000_000 + i)
const values = Array.from({ length: COUNT }, (_, i) => data.subarray(i * VALUE_BYTES, (i + 1) * VALUE_BYTES))

/** Nanoseconds of CPU time per record, the best of five. */
function cost(work: () => void): number {
  let best = Number.POSITIVE_INFINITY
  for (let attempt = 0; attempt < 5; attempt++) {
    const before = process.cpuUsage()
    for (let round = 0; round < ROUNDS; round++) work()
    const used = process.cpuUsage(before)
    best = Math.min(best, ((used.user + used.system) * 1000) / (ROUNDS * COUNT))
  }
  return best
}

const builder = new RecordBatchBuilder({ capacity: 256 * 1024 })
const target = Buffer.alloc(256 * 1024)
let sink = 0

const bareCopy = cost(() => {
  let at = 61
  for (let i = 0; i < COUNT; i++) {
    target[at] = 1
    target.set(data.subarray(i * VALUE_BYTES, (i + 1) * VALUE_BYTES), at + 8)
    at += VALUE_BYTES + 9
  }
  sink ^= crc32c(target, 21, at)
})
const columns = cost(() => {
  builder.reset()
  builder.appendColumns({ values: { data, offsets }, timestamps, from: 0, to: COUNT })
  sink ^= builder.finish().byteLength
})
const objects = cost(() => {
  builder.reset()
  for (let i = 0; i < COUNT; i++) builder.append(null, values[i] as Uint8Array, timestamps[i] as number)
  sink ^= builder.finish().byteLength
})

builder.reset()
builder.appendColumns({ values: { data, offsets }, timestamps, from: 0, to: COUNT })
const batch = builder.finish()
const index = new RecordIndex()
const starts = new Int32Array(COUNT)

/** The shortest walk that finds the values of just these batches: one- and two-byte varints, nothing checked. */
const bareWalk = cost(() => {
  let at = 61
  for (let i = 0; i < COUNT; i++) {
    let byte = batch[at++] as number
    const length = byte < 128 ? byte >>> 1 : ((byte & 127) | ((batch[at++] as number) << 7)) >>> 1
    const end = at + length
    at++
    byte = batch[at++] as number
    if (byte >= 128) at++
    byte = batch[at++] as number
    if (byte >= 128) at++
    at++
    byte = batch[at++] as number
    if (byte >= 128) at++
    starts[i] = at
    at = end
  }
})
const indexed = cost(() => {
  if (indexRecords(batch, 0, index) !== BatchCheck.ok) throw new Error('a sound batch was refused')
})
const validated = cost(() => {
  if (validateBatch(batch, 0, batch.byteLength) !== BatchCheck.ok) throw new Error('a sound batch was refused')
})

const line = (what: string, nanoseconds: number, against?: number) =>
  console.log(
    `${what.padEnd(44)} ${nanoseconds.toFixed(1).padStart(7)} ns/record${against ? `  ${(against / nanoseconds).toFixed(2)} of the bare loop` : ''}`,
  )
line('build: bare copy and checksum', bareCopy)
line('build: appendColumns', columns, bareCopy)
line('build: append', objects, bareCopy)
line('index: bare walk', bareWalk)
line('index: indexRecords', indexed, bareWalk)
line('validateBatch (checksum of 200-byte records)', validated)
if (sink === 0.5) console.log(starts.length)
