import { baseOffset, ErrorCode, lastOffset, maxTimestamp, recordCount } from '@millrace/kafka'
import { asBuffer, seededRandom } from '@millrace/std'
import { ManualClock, SimulatedCrash, SimulatedDisk } from '@millrace/testing'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { LogConfig, LogEvent, PartitionLog } from '../../src/log/index.ts'
import { appendAll, closeLogs, makeBatch, type Opened, openLogs, readAll, start, topicId } from './fixture.ts'

/** What a scenario does to the one partition it has. */
type Step =
  | { readonly kind: 'append'; readonly sizes: readonly number[] }
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
  /** Records below may be gone by order. */
  deletedBefore: number
  sequence: number
}

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        kind: fc.constant('append' as const),
        sizes: fc.array(fc.integer({ min: 0, max: 900 }), { minLength: 1, maxLength: 3 }),
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

const config: Partial<LogConfig> = {
  segmentBytes: 2_500,
  indexIntervalBytes: 300,
  retentionBytes: 6_000,
  retentionMs: -1,
}

async function run(disk: SimulatedDisk, clock: ManualClock, scenario: readonly Step[], model: Model): Promise<void> {
  const open = () => openLogs({ fileSystem: disk, clock, config })
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
        append(log, step.sizes, model)
        break
      case 'settle':
        await clock.settle()
        break
      case 'wait':
        await clock.advanceAsync(step.ms)
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
  }
  await clock.settle()
}

function append(log: PartitionLog, sizes: readonly number[], model: Model): void {
  const batches = sizes.map((bytes) => {
    const records = 1 + (bytes % 3)
    const batch = makeBatch({
      records,
      bytes,
      timestamp: start + model.sequence * 10,
      producer: { id: 9, sequence: model.sequence },
      fill: String.fromCharCode(97 + (model.sequence % 26)),
    })
    model.sequence += records
    return batch
  })
  // The broker patches the batch and then writes it: what a crash in that write leaves must be this.
  const results = appendAll(log, batches, { leaderEpoch: 3 })
  for (const [i, batch] of batches.entries()) {
    const offset = baseOffset(batch, 0)
    const known = model.written.get(offset)
    if (known) known.push(batch.slice())
    else model.written.set(offset, [batch.slice()])
    const result = results[i]
    if (result?.errorCode !== ErrorCode.NONE) continue
    expect(result.baseOffset).toBe(offset)
    log.whenFlushed(result.lastOffset + 1, {
      flushed: (code) => {
        if (code === ErrorCode.NONE) model.acknowledged.set(offset, batch.slice())
      },
    })
  }
}

interface Recovered {
  readonly logStartOffset: number
  readonly endOffset: number
  readonly offsets: readonly number[]
  readonly quarantined: readonly (readonly [number, number])[]
  readonly producers: number
}

function check(opened: Opened, model: Model): Recovered | undefined {
  const log = opened.logs.get('t', 0)
  if (!log) {
    expect(model.acknowledged.size).toBe(0)
    return undefined
  }
  expect(log.highWatermark).toBe(log.endOffset)
  const { batches } = readAll(log)
  const byOffset = new Map(batches.map((batch) => [batch.offset, batch]))
  for (const [offset, bytes] of model.acknowledged) {
    if (lastOffset(bytes, 0) < model.deletedBefore) continue
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

/** The indexes lead to every batch, by offset and by time. */
function expectLookups(
  log: PartitionLog,
  batches: readonly { offset: number; endOffset: number; bytes: Uint8Array }[],
): void {
  for (const batch of batches) {
    const last = batch.endOffset - 1
    if (last < log.logStartOffset) continue
    const result = log.read(last, 1)
    expect(baseOffset(result.parts[0] as Uint8Array, 0)).toBe(batch.offset)
    const found = log.offsetForTimestamp(maxTimestamp(batch.bytes, 0))
    expect(found.offset).toBe(batch.offset + recordCount(batch.bytes, 0) - 1)
  }
}

async function crashEverywhere(scenario: readonly Step[], seed: number): Promise<void> {
  const fresh = () => {
    const clock = new ManualClock({ now: start })
    const disk = new SimulatedDisk({ clock, random: seededRandom(seed) })
    const model: Model = { written: new Map(), acknowledged: new Map(), deletedBefore: 0, sequence: 0 }
    return { clock, disk, model }
  }
  const whole = fresh()
  await run(whole.disk, whole.clock, scenario, whole.model)
  for (let n = 1; n <= whole.disk.operations; n++) {
    const { clock, disk, model } = fresh()
    disk.crashAfter(n)
    try {
      await run(disk, clock, scenario, model)
    } catch (cause) {
      if (!(cause instanceof SimulatedCrash)) throw new Error(`at operation ${n}`, { cause })
    }
    try {
      await checkAfterCrash(disk, clock, model, seed + n)
    } catch (cause) {
      throw new Error(`after a crash in operation ${n}: ${(cause as Error).message}`, { cause })
    }
  }
}

async function checkAfterCrash(disk: SimulatedDisk, clock: ManualClock, model: Model, seed: number): Promise<void> {
  await clock.settle()
  disk.restart()
  // Power may fail during recovery as well.
  disk.crashAfter(1 + (seed % 7))
  try {
    openLogs({ fileSystem: disk, clock, config })
  } catch (cause) {
    if (!(cause instanceof SimulatedCrash)) throw cause
  }
  disk.restart()
  const first = openLogs({ fileSystem: disk, clock, config })
  const found = check(first, model)
  disk.restart()
  const second = openLogs({ fileSystem: disk, clock, config })
  expect(check(second, model)).toEqual(found)
  expect(second.events.filter((event) => event.kind === 'torn-tail' || event.kind === 'segment-set-aside')).toEqual([])
  const log = second.logs.get('t', 0)
  if (!log) return
  append(log, [100], { ...model, sequence: 0x1000_0000 })
  await clock.settle()
  await closeLogs(second)
  const third = openLogs({ fileSystem: disk, clock, config })
  const recovered = third.logs.get('t', 0) as PartitionLog
  expect(recovered.logStartOffset).toBe(found?.logStartOffset)
  expect(third.events.filter((event) => event.kind !== 'segment-deleted')).toEqual([])
  await closeLogs(third)
}

describe('a crash at every operation of the disk', () => {
  test('keeps what was acknowledged, whole batches, no unreported gap; recovery can be repeated', async () => {
    await fc.assert(fc.asyncProperty(steps, fc.integer({ min: 0, max: 1_000_000 }), crashEverywhere), {
      numRuns: Number(process.env['MILLRACE_CRASH_RUNS'] ?? 40),
    })
  })
})
