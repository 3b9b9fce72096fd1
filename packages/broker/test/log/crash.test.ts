import {
  BatchCheck,
  baseOffset,
  ErrorCode,
  indexRecords,
  lastOffset,
  maxTimestamp,
  patchBaseOffset,
  patchLeaderEpoch,
  RecordIndex,
} from '@millrace/kafka'
import { asBuffer, seededRandom } from '@millrace/std'
import { ManualClock, SimulatedCrash, SimulatedDisk } from '@millrace/testing'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  type AppendResult,
  encodeEndTxnMarker,
  type LogConfig,
  type LogEvent,
  type PartitionLog,
} from '../../src/log/index.ts'
import {
  appendAll,
  batchesOf,
  closeLogs,
  makeBatch,
  type Opened,
  openLogs,
  readAll,
  start,
  topicId,
} from './fixture.ts'
import { type Appended, appendedOf, committedOffsets, consume, lastStableOffset } from './transaction-model.ts'

/** What a scenario does to the one partition it has. */
type Step =
  | { readonly kind: 'append'; readonly producer: number; readonly sizes: readonly number[] }
  | { readonly kind: 'end'; readonly producer: number; readonly commit: boolean }
  | { readonly kind: 'settle' }
  | { readonly kind: 'wait'; readonly ms: number }
  | { readonly kind: 'checkpoint' }
  | { readonly kind: 'delete'; readonly share: number }
  | { readonly kind: 'retention' }
  | { readonly kind: 'restart' }

/** What must be true of the disk at any time. */
interface Model {
  /** Every batch that was ever written, by base offset. */
  readonly written: Map<number, Uint8Array[]>
  readonly acknowledged: Map<number, Uint8Array>
  /** Every batch that was written, or was about to be when the power failed, in order. */
  readonly history: Appended[]
  /** What lies before was on the device. */
  flushed: number
  /** Records below may be gone by order. */
  deletedBefore: number
  /** Of all batches, to tell them apart. */
  records: number
  /** By producer. */
  readonly sequences: number[]
}

const newModel = (): Model => ({
  written: new Map(),
  acknowledged: new Map(),
  history: [],
  flushed: 0,
  deletedBefore: 0,
  records: 0,
  sequences: [0, 0, 0],
})

/** The first one writes without transactions. */
const producer = fc.nat(2)

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        kind: fc.constant('append' as const),
        producer,
        sizes: fc.array(fc.integer({ min: 0, max: 900 }), { minLength: 1, maxLength: 3 }),
      }),
    },
    {
      weight: 3,
      arbitrary: fc.record({
        kind: fc.constant('end' as const),
        producer: fc.integer({ min: 1, max: 2 }),
        commit: fc.boolean(),
      }),
    },
    { weight: 4, arbitrary: fc.constant({ kind: 'settle' } as const) },
    {
      weight: 1,
      arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: 70_000 }) }),
    },
    { weight: 1, arbitrary: fc.constant({ kind: 'checkpoint' } as const) },
    {
      weight: 1,
      arbitrary: fc.record({ kind: fc.constant('delete' as const), share: fc.double({ min: 0, max: 1, noNaN: true }) }),
    },
    { weight: 1, arbitrary: fc.constant({ kind: 'retention' } as const) },
    { weight: 1, arbitrary: fc.constant({ kind: 'restart' } as const) },
  ),
  { minLength: 3, maxLength: 12 },
)

const flushMs = 1_000
const config: Partial<LogConfig> = {
  segmentBytes: 2_500,
  indexIntervalBytes: 300,
  retentionBytes: 6_000,
  retentionMs: -1,
}

type FlushMode = LogConfig['flush']

/** With a `retentionMs` everything goes that is older, also the active segment. */
function openOn(disk: SimulatedDisk, clock: ManualClock, flush: FlushMode, retentionMs = -1): Opened {
  // So that it moves within segments, after every batch or some.
  const manager = { recoveryPointBytes: retentionMs < 0 ? 1_000 : 100_000 }
  return openLogs({ fileSystem: disk, clock, config: { ...config, flush, retentionMs }, manager })
}

async function run(
  disk: SimulatedDisk,
  clock: ManualClock,
  flush: FlushMode,
  scenario: readonly Step[],
  model: Model,
  retentionMs?: number,
): Promise<Opened> {
  const open = () => openOn(disk, clock, flush, retentionMs)
  let opened = open()
  const create = async () => {
    const made = opened.logs.createPartition('t', 0, topicId)
    await clock.settle()
    return made
  }
  let log = await create()
  for (const step of scenario) {
    switch (step.kind) {
      case 'append':
        append(log, step, model, disk)
        break
      case 'end':
        end(log, step, model, disk, clock.now())
        break
      case 'settle':
        await clock.settle()
        break
      case 'wait':
        await clock.advanceAsync(step.ms)
        // What the mode promises.
        if (flush === 'interval' && step.ms > flushMs && !disk.crashed) expect(log.flushedOffset).toBe(log.endOffset)
        break
      case 'checkpoint':
        await opened.logs.checkpoint()
        break
      case 'delete': {
        const before = Math.floor(log.logStartOffset + (log.highWatermark - log.logStartOffset) * step.share)
        model.deletedBefore = Math.max(model.deletedBefore, before)
        log.deleteRecordsBefore(before)
        break
      }
      case 'retention':
        log.applyRetention()
        // Whole segments went: what is left is what must stay.
        model.deletedBefore = Math.max(model.deletedBefore, log.logStartOffset)
        break
      case 'restart':
        await closeLogs(opened)
        if (disk.crashed) throw new SimulatedCrash()
        opened = open()
        log = await create()
        break
    }
    model.deletedBefore = Math.max(model.deletedBefore, log.logStartOffset)
    if (disk.crashed) throw new SimulatedCrash()
    model.flushed = Math.max(model.flushed, log.flushedOffset)
  }
  await clock.settle()
  return opened
}

function append(
  log: PartitionLog,
  { producer: id, sizes }: { readonly producer: number; readonly sizes: readonly number[] },
  model: Model,
  disk: SimulatedDisk,
): void {
  const batches = sizes.map((bytes) => {
    const records = 1 + (bytes % 3)
    const sequence = model.sequences[id] as number
    const batch = makeBatch({
      records,
      bytes,
      timestamp: start + model.records * 10,
      producer: { id, sequence },
      transactional: id > 0,
      fill: String.fromCharCode(97 + (model.records % 26)),
    })
    model.records += records
    model.sequences[id] = sequence + records
    return batch
  })
  // The broker patches the batch and then writes it: what a crash in that write leaves must be this.
  const results = appendAll(log, batches, { leaderEpoch: 3 })
  for (const [i, batch] of batches.entries()) note(log, batch, results[i] as AppendResult, model, disk)
}

function end(
  log: PartitionLog,
  { commit, producer: producerId }: { readonly producer: number; readonly commit: boolean },
  model: Model,
  disk: SimulatedDisk,
  now: number,
): void {
  const marker = { producerId, producerEpoch: 0, coordinatorEpoch: 0, commit, transactionVersion: 1 }
  const batch = encodeEndTxnMarker(marker, now)
  patchBaseOffset(batch, 0, log.endOffset)
  patchLeaderEpoch(batch, 0, Math.max(0, log.leaderEpochs.at(-1)?.epoch ?? 0))
  model.records += 1
  note(log, batch, log.appendEndTxnMarker(marker), model, disk)
}

function note(log: PartitionLog, batch: Uint8Array, result: AppendResult, model: Model, disk: SimulatedDisk): void {
  const offset = baseOffset(batch, 0)
  const isNext = offset === (model.history.at(-1)?.endOffset ?? 0)
  const mayBeThere = disk.crashed && isNext && result.errorCode === ErrorCode.KAFKA_STORAGE_ERROR
  if (result.errorCode !== ErrorCode.NONE && !mayBeThere) return
  expect(isNext).toBe(true)
  model.written.set(offset, [...(model.written.get(offset) ?? []), batch.slice()])
  model.history.push(appendedOf(batch))
  if (result.errorCode !== ErrorCode.NONE) return
  expect(result.baseOffset).toBe(offset)
  log.whenFlushed(result.lastOffset + 1, {
    flushed: (code) => {
      if (code === ErrorCode.NONE) model.acknowledged.set(offset, batch.slice())
    },
  })
}

interface Recovered {
  readonly logStartOffset: number
  readonly endOffset: number
  readonly offsets: readonly number[]
  readonly quarantined: readonly (readonly [number, number])[]
  readonly producers: number
}

/** `survives`: the end of what must be there of what was acknowledged. */
function check(opened: Opened, model: Model, survives: number): Recovered | undefined {
  const log = opened.logs.get('t', 0)
  if (!log) {
    expect(Math.min(survives, model.acknowledged.size)).toBe(0)
    return undefined
  }
  expect(log.highWatermark).toBe(log.endOffset)
  const { batches } = readAll(log)
  const byOffset = new Map(batches.map((batch) => [batch.offset, batch]))
  for (const [offset, bytes] of model.acknowledged) {
    if (lastOffset(bytes, 0) < model.deletedBefore || lastOffset(bytes, 0) >= survives) continue
    const found = byOffset.get(offset)
    if (!found) throw new Error(`the acknowledged batch at ${offset} is gone: ${JSON.stringify(opened.events)}`)
    expect(asBuffer(found.bytes).equals(bytes)).toBe(true)
  }
  for (const batch of batches) {
    const candidates = model.written.get(batch.offset) ?? []
    expect(candidates.some((bytes) => sameRecords(bytes, batch.bytes))).toBe(true)
  }
  const quarantined = quarantinedRanges(opened.events)
  expectNoGaps(log, batches, quarantined)
  expectLookups(log, batches)
  expectTransactions(log, model, quarantined)
  return {
    logStartOffset: log.logStartOffset,
    endOffset: log.endOffset,
    offsets: batches.map((batch) => batch.offset),
    quarantined,
    producers: log.producerCount,
  }
}

/**
 * Equal but for the leader epoch. Sectors may be torn within these four bytes, which no checksum covers: the records of
 * such a batch, which was not acknowledged, are whole.
 */
function sameRecords(a: Uint8Array, b: Uint8Array): boolean {
  return asBuffer(a.subarray(0, 12)).equals(b.subarray(0, 12)) && asBuffer(a.subarray(16)).equals(b.subarray(16))
}

function quarantinedRanges(events: readonly LogEvent[]): (readonly [number, number])[] {
  return events
    .filter((event) => event.kind === 'quarantined')
    .map((event) => [event.firstOffset, event.endOffset] as const)
}

/** Batches and reported ranges together cover all offsets of the log, each once. */
function expectNoGaps(
  log: PartitionLog,
  batches: readonly { offset: number; endOffset: number }[],
  quarantined: readonly (readonly [number, number])[],
): void {
  const ranges = [...batches.map((batch) => [batch.offset, batch.endOffset] as const), ...quarantined]
    .filter(([from, to]) => to > from && to > log.logStartOffset)
    .sort((a, b) => a[0] - b[0])
  let expected = log.logStartOffset
  for (const [from, to] of ranges) {
    if (expected > log.logStartOffset) expect(from).toBe(expected)
    else expect(from).toBeLessThanOrEqual(expected)
    expected = to
  }
  expect(expected).toBe(log.endOffset)
}

/** The last stable offset, and what consumers of read_committed see, is what the batches that are left say. */
function expectTransactions(
  log: PartitionLog,
  model: Model,
  quarantined: readonly (readonly [number, number])[],
): void {
  const isWhole = ({ offset }: { readonly offset: number }) =>
    quarantined.every(([from, to]) => offset < from || offset >= to)
  const history = model.history.filter((batch) => batch.endOffset <= log.endOffset && isWhole(batch))
  expect(log.lastStableOffset).toBe(lastStableOffset(history, log.highWatermark, log.logStartOffset))
  for (const { lastSequence, producerId } of log.producers()) {
    const written = history.filter((batch) => batch.producerId === producerId && batch.lastSequence !== undefined)
    expect([producerId, lastSequence]).toEqual([producerId, written.at(-1)?.lastSequence ?? -1])
  }
  const seen: number[] = []
  for (let offset = log.logStartOffset; offset < log.lastStableOffset; ) {
    const { abortedTransactions, errorCode, parts } = log.read(offset, 700, { isolation: 'read_committed' })
    const batches = batchesOf(parts)
    seen.push(...consume(batches, abortedTransactions ?? [], offset))
    offset = errorCode === ErrorCode.NONE ? (batches.at(-1)?.endOffset as number) : offset + 1
  }
  expect(seen).toEqual(committedOffsets(history, log.lastStableOffset, log.logStartOffset))
}

/** The indexes lead to every batch, by offset and by time. */
function expectLookups(
  log: PartitionLog,
  batches: readonly { offset: number; endOffset: number; bytes: Uint8Array }[],
): void {
  const records = batches.flatMap(({ bytes }) => recordsOf(bytes)).filter(({ offset }) => offset >= log.logStartOffset)
  for (const batch of batches) {
    const last = batch.endOffset - 1
    if (last < log.logStartOffset) continue
    const result = log.read(last, 1)
    expect(baseOffset(result.parts[0] as Uint8Array, 0)).toBe(batch.offset)
    const latest = maxTimestamp(batch.bytes, 0)
    const first = records.find(({ timestamp }) => timestamp >= latest)
    expect(log.offsetForTimestamp(latest)).toMatchObject(first as object)
  }
}

const index = new RecordIndex()
function recordsOf(batch: Uint8Array): { offset: number; timestamp: number }[] {
  expect(indexRecords(batch, 0, index)).toBe(BatchCheck.ok)
  return Array.from({ length: index.count }, (_, i) => ({
    offset: index.offsets[i] as number,
    timestamp: index.timestamps[i] as number,
  }))
}

async function crashEverywhere(flush: FlushMode, scenario: readonly Step[], seed: number): Promise<void> {
  const fresh = () => {
    const clock = new ManualClock({ now: start })
    const disk = new SimulatedDisk({ clock, random: seededRandom(seed) })
    return { clock, disk, model: newModel() }
  }
  const whole = fresh()
  await run(whole.disk, whole.clock, flush, scenario, whole.model)
  for (let n = 1; n <= whole.disk.operations; n++) {
    const { clock, disk, model } = fresh()
    disk.crashAfter(n)
    try {
      await run(disk, clock, flush, scenario, model)
    } catch (cause) {
      if (!(cause instanceof SimulatedCrash)) throw new Error(`at operation ${n}`, { cause })
    }
    try {
      await checkAfterCrash(disk, clock, flush, model, seed + n)
    } catch (cause) {
      throw new Error(`after a crash in operation ${n}: ${(cause as Error).message}`, { cause })
    }
  }
}

async function checkAfterCrash(
  disk: SimulatedDisk,
  clock: ManualClock,
  flush: FlushMode,
  model: Model,
  seed: number,
): Promise<void> {
  await clock.settle()
  disk.restart()
  // Power may fail during recovery as well.
  disk.crashAfter(1 + (seed % 7))
  try {
    openOn(disk, clock, flush)
  } catch (cause) {
    if (!(cause instanceof SimulatedCrash)) throw cause
  }
  disk.restart()
  const survives = flush === 'sync' ? Number.POSITIVE_INFINITY : model.flushed
  const first = openOn(disk, clock, flush)
  const found = check(first, model, survives)
  disk.restart()
  const second = openOn(disk, clock, flush)
  expect(check(second, model, survives)).toEqual(found)
  expect(second.events.filter((event) => event.kind === 'torn-tail' || event.kind === 'segment-set-aside')).toEqual([])
  const log = second.logs.get('t', 0)
  if (!log) return
  expect(log.append(makeBatch({ bytes: 100, timestamp: clock.now() }), { leaderEpoch: 3 }).errorCode).toBe(0)
  await clock.settle()
  await closeLogs(second)
  const third = openOn(disk, clock, flush)
  const recovered = third.logs.get('t', 0) as PartitionLog
  expect(recovered.logStartOffset).toBe(found?.logStartOffset)
  expect(third.events.filter((event) => event.kind !== 'segment-deleted')).toEqual([])
  await closeLogs(third)
}

/** How often each is played, with other steps: more by hand. */
const runs = (ordinary: number) => ({ numRuns: Number(process.env['MILLRACE_CRASH_RUNS'] ?? ordinary) })
const timeout = 600_000
const seeds = fc.integer({ min: 0, max: 1_000_000 })

describe('a power failure at every operation of the disk', () => {
  test.each<[FlushMode, string, number]>([
    ['sync', 'all that was acknowledged', 8],
    ['interval', 'all that was older than the interval', 4],
    ['none', 'all that was synced when a segment was closed', 4],
  ])(
    'with flush %s keeps %s, whole batches, no unreported gap; recovery can be repeated',
    async (flush, _kept, ordinary) => {
      await fc.assert(
        fc.asyncProperty(steps, seeds, (scenario, seed) => crashEverywhere(flush, scenario, seed)),
        runs(ordinary),
      )
    },
    timeout,
  )
})

describe('the end of the process', () => {
  test.each<FlushMode>(['sync', 'interval', 'none'])('with flush %s loses nothing that was written', async (flush) => {
    await fc.assert(
      fc.asyncProperty(steps, seeds, async (scenario, seed) => {
        const clock = new ManualClock({ now: start })
        const disk = new SimulatedDisk({ clock, random: seededRandom(seed) })
        const model = newModel()
        const retentionMs = seed % 2 === 0 ? 30_000 : -1
        const before = (await run(disk, clock, flush, scenario, model, retentionMs)).logs.get('t', 0) as PartitionLog
        const { endOffset, lastStableOffset: stable, logStartOffset } = before
        const producers = [...before.producers()].map(({ producerId, lastSequence }) => [producerId, lastSequence])
        disk.killProcess()
        const opened = openOn(disk, clock, flush)
        expect(check(opened, model, Number.POSITIVE_INFINITY)).toMatchObject({ endOffset, quarantined: [] })
        // That records were deleted is written down with the next checkpoint.
        const recovered = opened.logs.get('t', 0) as PartitionLog
        expect(Math.max(recovered.lastStableOffset, logStartOffset)).toBe(stable)
        const known = [...recovered.producers()].map(({ producerId, lastSequence }) => [producerId, lastSequence])
        expect(known.toSorted()).toEqual(producers.toSorted())
      }),
      runs(15),
    )
  })
})
