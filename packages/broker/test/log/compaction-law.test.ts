import { ErrorCode, isControl, isTransactional, iterateRecords, producerId, RecordBatchBuilder } from '@millrace/kafka'
import { bytesToString, seededRandom, utf8 } from '@millrace/std'
import { ManualClock, SimulatedCrash, SimulatedDisk } from '@millrace/testing'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { defaultCleanerConfig } from '../../src/log/cleaner/cleaner-config.ts'
import { readEndTxnMarker } from '../../src/log/end-txn-marker.ts'
import type { LogConfig, PartitionLog } from '../../src/log/index.ts'
import { batchesOf, closeLogs, type Opened, openLogs, start, topicId } from './fixture.ts'

/** What a scenario does to the one partition it has. */
type Step =
  /** Values by key; 0 is a tombstone. Without a producer the batch is neither idempotent nor transactional. */
  | {
      readonly kind: 'write'
      readonly pairs: readonly (readonly [key: number, isTombstone: boolean])[]
      readonly producer: number
      readonly codec: number
    }
  /** Ends the producer's transaction, if one is open. */
  | { readonly kind: 'end'; readonly producer: number; readonly commit: boolean }
  | { readonly kind: 'seal' }
  | { readonly kind: 'clean' }
  | { readonly kind: 'wait'; readonly ms: number }
  | { readonly kind: 'checkpoint' }
  | { readonly kind: 'restart' }

const producers = 3
const deleteRetentionMs = 1_000
const codecs = ['none', 'zstd', 'gzip'] as const

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    {
      weight: 8,
      arbitrary: fc.record({
        kind: fc.constant('write' as const),
        pairs: fc.array(fc.tuple(fc.integer({ min: 0, max: 4 }), fc.boolean()), { minLength: 1, maxLength: 4 }),
        // 0: none, then idempotent ones, then transactional ones.
        producer: fc.integer({ min: 0, max: 2 * producers }),
        codec: fc.integer({ min: 0, max: codecs.length - 1 }),
      }),
    },
    {
      weight: 4,
      arbitrary: fc.record({
        kind: fc.constant('end' as const),
        producer: fc.integer({ min: 0, max: producers - 1 }),
        commit: fc.boolean(),
      }),
    },
    { weight: 5, arbitrary: fc.constant({ kind: 'seal' } as const) },
    { weight: 4, arbitrary: fc.constant({ kind: 'clean' } as const) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: 1_500 }) }) },
    { weight: 1, arbitrary: fc.constant({ kind: 'checkpoint' } as const) },
    { weight: 1, arbitrary: fc.constant({ kind: 'restart' } as const) },
  ),
  { minLength: 6, maxLength: 40 },
)

interface ModelRecord {
  readonly offset: number
  readonly key: string
  readonly value: string | null
  /** Index of a transaction, -1 for none. */
  readonly transaction: number
  readonly producer: number
  readonly sequence: number
  readonly appended: number
}

/** Everything that was ever written, and how each transaction ended. */
interface Model {
  readonly records: Map<number, ModelRecord>
  readonly transactions: { committed: boolean; marker: number }[]
  /** Records below are acknowledged. */
  durable: number
  readonly sequences: Map<number, number>
  /** Transactions that are open, by producer. */
  readonly open: Map<number, number>
  /** Numbers of the disk operations of rounds. */
  readonly cleanerOperations: number[]
}

const config: Partial<LogConfig> = {
  cleanupPolicy: ['compact'],
  segmentBytes: 700,
  indexIntervalBytes: 100,
  minCleanableDirtyRatio: 0,
  deleteRetentionMs,
  fileDeleteDelayMs: 100,
}
/** Room for few keys: rounds end within segments. */
const manager = { cleaner: () => ({ ...defaultCleanerConfig, enabled: false, dedupeBufferBytes: 4 * 24 }) }

function newModel(): Model {
  return {
    records: new Map(),
    transactions: [],
    durable: 0,
    sequences: new Map(),
    open: new Map(),
    cleanerOperations: [],
  }
}

async function run(
  disk: SimulatedDisk,
  clock: ManualClock,
  scenario: readonly Step[],
  model: Model,
): Promise<Opened & { log: PartitionLog }> {
  const open = async () => {
    const opened = openLogs({ fileSystem: disk, clock, config, manager })
    const made = opened.logs.createPartition('t', 0, topicId)
    await clock.settle()
    return { ...opened, log: await made }
  }
  let opened = await open()
  for (const step of scenario) {
    const { log, logs } = opened
    if (step.kind === 'write') write(log, step, model, clock.now())
    else if (step.kind === 'end') end(log, step, model)
    else if (step.kind === 'seal') log.roll()
    else if (step.kind === 'clean') {
      await clock.settle()
      const before = disk.operations
      const round = logs.cleanOne()
      await clock.settle()
      await round
      for (let n = before + 1; n <= disk.operations; n++) model.cleanerOperations.push(n)
      if (!disk.crashed) check(log, model, clock.now())
    } else if (step.kind === 'wait') await clock.advanceAsync(step.ms)
    else if (step.kind === 'checkpoint') await logs.checkpoint()
    else if (step.kind === 'restart') {
      await closeLogs(opened)
      if (disk.crashed) throw new SimulatedCrash()
      opened = await open()
      check(opened.log, model, clock.now())
    }
    if (disk.crashed) throw new SimulatedCrash()
  }
  await clock.settle()
  return opened
}

function write(log: PartitionLog, step: Step & { kind: 'write' }, model: Model, now: number): void {
  const transactional = step.producer > producers
  const { producer } = step
  const builder = new RecordBatchBuilder({ compression: codecs[step.codec] as (typeof codecs)[number] })
  const base = log.endOffset
  const records = step.pairs.map(([key, isTombstone], i) => {
    const value = isTombstone ? null : `${base + i} by ${producer}`
    builder.append(utf8(`k${key}`), value === null ? null : utf8(value), start + base + i)
    return { offset: base + i, key: `k${key}`, value }
  })
  const baseSequence = model.sequences.get(producer) ?? 0
  const identity = { producerId: producer, producerEpoch: 0, baseSequence, transactional }
  const bytes = Uint8Array.from(builder.finish(producer === 0 ? {} : identity))
  let transaction = -1
  if (transactional) {
    if (!model.open.has(producer)) {
      model.open.set(producer, model.transactions.length)
      model.transactions.push({ committed: false, marker: Number.POSITIVE_INFINITY })
    }
    transaction = model.open.get(producer) as number
  }
  for (const [i, record] of records.entries()) {
    const sequence = baseSequence + i
    model.records.set(record.offset, { ...record, transaction, producer, sequence, appended: now })
  }
  const result = log.append(bytes, { leaderEpoch: 0 })
  if (result.errorCode !== ErrorCode.NONE) return
  model.sequences.set(producer, baseSequence + records.length)
  log.whenFlushed(log.endOffset, acknowledge(model, log.endOffset))
}

function end(log: PartitionLog, step: Step & { kind: 'end' }, model: Model): void {
  const producer = producers + 1 + step.producer
  const transaction = model.open.get(producer)
  if (transaction === undefined) return
  model.open.delete(producer)
  model.transactions[transaction] = { committed: step.commit, marker: log.endOffset }
  log.appendEndTxnMarker({
    producerId: producer,
    producerEpoch: 0,
    coordinatorEpoch: 0,
    commit: step.commit,
    transactionVersion: 1,
  })
  log.whenFlushed(log.endOffset, acknowledge(model, log.endOffset))
}

function acknowledge(model: Model, endOffset: number) {
  return {
    flushed: (errorCode: number) => {
      if (errorCode === ErrorCode.NONE) model.durable = Math.max(model.durable, endOffset)
    },
  }
}

interface Found {
  readonly offset: number
  readonly key: string
  readonly value: string | null
}

/** What a consumer of read_committed gets, with answers of at most `maxBytes` (or one batch). */
function readCommitted(log: PartitionLog, maxBytes: number): Found[] {
  const found: Found[] = []
  for (let offset = log.logStartOffset; offset < log.lastStableOffset; ) {
    const { errorCode, parts, size } = log.read(offset, maxBytes, { isolation: 'read_committed' })
    expect(errorCode).toBe(ErrorCode.NONE)
    if (size === 0) break
    const batches = batchesOf(parts)
    const next = batches.at(-1)?.endOffset as number
    expect(next).toBeGreaterThan(offset)
    const aborted = [...log.abortedTransactions(offset, next)].sort((a, b) => b.firstOffset - a.firstOffset)
    const skipped = new Set<number>()
    for (const { bytes, endOffset } of batches) {
      while ((aborted.at(-1)?.firstOffset ?? endOffset) < endOffset) skipped.add(aborted.pop()?.producerId as number)
      const id = producerId(bytes, 0)
      if (isControl(bytes, 0)) {
        const marker = readEndTxnMarker(bytes, 0)
        if (marker && !marker.commit) skipped.delete(id)
      } else if (!isTransactional(bytes, 0) || !skipped.has(id)) {
        for (const { key, offset: at, value } of iterateRecords(bytes)) {
          if (at < offset) continue
          found.push({ offset: at, key: text(key) as string, value: text(value) })
        }
      }
    }
    offset = next
  }
  return found
}

function text(bytes: Uint8Array | null): string | null {
  return bytes === null ? null : bytesToString(bytes)
}

/** What consumers may see of the model, as far as the log goes: without what is open or aborted. */
function visible(log: PartitionLog, model: Model): ModelRecord[] {
  const isDecided = ({ marker }: { marker: number }) => marker < log.endOffset
  return [...model.records.values()].filter(({ offset, transaction }) => {
    if (offset >= log.endOffset || offset >= log.lastStableOffset) return false
    const ended = model.transactions[transaction]
    return !ended || (isDecided(ended) && ended.committed)
  })
}

/** The law: what a consumer that reads everything knows in the end is what it would know without compaction. */
function check(
  log: PartitionLog,
  model: Model,
  now: number,
  options: { complete: boolean } = { complete: false },
): void {
  expect(log.endOffset).toBeGreaterThanOrEqual(model.durable)
  const expected = visible(log, model)
  const byOffset = new Map(expected.map((record) => [record.offset, record]))
  const latest = new Map(expected.map((record) => [record.key, record]))
  const found = readCommitted(log, 1)
  expect(readCommitted(log, 100_000)).toEqual(found)
  for (const { key, offset, value } of found) expect(byOffset.get(offset)).toMatchObject({ key, value })
  expect(found.map(({ offset }) => offset)).toEqual(found.map(({ offset }) => offset).sort((a, b) => a - b))
  const offsets = new Set(found.map(({ offset }) => offset))
  const keys = new Set(found.map(({ key }) => key))
  for (const { appended, key, offset, value } of latest.values()) {
    if (offsets.has(offset)) continue
    // Only a tombstone may be missing, with everything before it, and not for those who read in time.
    expect({ key, offset, value }).toEqual({ key, offset, value: null })
    expect(now).toBeGreaterThanOrEqual(appended + deleteRetentionMs)
    expect(keys).not.toContain(key)
  }
  for (const { offset } of expected) {
    if (offset >= log.activeSegment.baseOffset) expect(offsets).toContain(offset)
  }
  // Batches that hold nothing any more still tell what their producers sent last.
  const sequences = new Map<number, number>()
  for (const { offset, producer, sequence } of model.records.values()) {
    if (producer !== 0 && offset < log.endOffset) sequences.set(producer, sequence)
  }
  expect(new Map([...log.producers()].map(({ producerId: id, lastSequence }) => [id, lastSequence]))).toEqual(sequences)
  if (options.complete) for (const { key, offset } of found) expect(latest.get(key)?.offset).toBe(offset)
}

/** Seals all, compacts until nothing is dirty: then there is nothing but the last record of each key. */
async function finish(opened: Opened & { log: PartitionLog }, model: Model): Promise<void> {
  const { clock, log, logs } = opened
  for (const [producer] of [...model.open])
    end(log, { kind: 'end', producer: producer - producers - 1, commit: true }, model)
  log.roll()
  await clock.settle()
  for (let wasDirty = true; wasDirty; ) {
    const round = logs.cleanOne()
    await clock.settle()
    wasDirty = (await round) !== undefined
    check(log, model, clock.now())
  }
  check(log, model, clock.now(), { complete: true })
}

function fresh(seed: number) {
  const clock = new ManualClock({ now: start })
  const disk = new SimulatedDisk({ clock, random: seededRandom(seed) })
  return { clock, disk, model: newModel() }
}

async function crashInRounds(scenario: readonly Step[], seed: number): Promise<void> {
  const whole = fresh(seed)
  await run(whole.disk, whole.clock, scenario, whole.model)
  for (const n of whole.model.cleanerOperations) {
    const { clock, disk, model } = fresh(seed)
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
  // Power may fail while the replacement is brought to its end as well.
  disk.crashAfter(1 + (seed % 9))
  try {
    openLogs({ fileSystem: disk, clock, config, manager })
  } catch (cause) {
    if (!(cause instanceof SimulatedCrash)) throw cause
  }
  disk.restart()
  const opened = openLogs({ fileSystem: disk, clock, config, manager })
  const log = opened.logs.get('t', 0) as PartitionLog
  expect(opened.events.filter(({ kind }) => kind === 'quarantined' || kind === 'records-lost')).toEqual([])
  expect(disk.list('data/t-0').filter((name) => /cleaned|swap|deleted/.test(name))).toEqual([])
  check(log, model, clock.now())
  // What the crash took with it is open again: the coordinator would end it.
  for (const [transaction, { marker }] of model.transactions.entries()) {
    if (marker < log.endOffset) continue
    const record = [...model.records.values()].find((one) => one.transaction === transaction)
    if (record && record.offset < log.endOffset) model.open.set(record.producer, transaction)
    else model.open.delete(record?.producer as number)
  }
  for (const offset of [...model.records.keys()]) if (offset >= log.endOffset) model.records.delete(offset)
  await finish({ ...opened, log }, model)
  await closeLogs(opened)
}

describe('the law of compaction', () => {
  test('whoever reads to the end knows the same as without it', async () => {
    await fc.assert(
      fc.asyncProperty(steps, fc.integer({ min: 0, max: 1_000_000 }), async (scenario, seed) => {
        const { clock, disk, model } = fresh(seed)
        const opened = await run(disk, clock, scenario, model)
        check(opened.log, model, clock.now())
        await finish(opened, model)
        await closeLogs(opened)
      }),
      { numRuns: Number(process.env['MILLRACE_LAW_RUNS'] ?? 150) },
    )
  })

  test('the same after a crash at any I/O of a round that makes one segment of four', async () => {
    const pairs = (...keys: number[]) => keys.map((key) => [key, false] as const)
    const scenario: Step[] = []
    for (let i = 0; i < 4; i++) {
      scenario.push({ kind: 'write', pairs: pairs(1, i % 3), producer: 0, codec: 0 })
      scenario.push({ kind: 'write', pairs: pairs(2), producer: producers + 1, codec: 0 })
      scenario.push({ kind: 'end', producer: 0, commit: i % 2 === 0 })
      scenario.push({ kind: 'seal' })
    }
    scenario.push({ kind: 'clean' }, { kind: 'write', pairs: pairs(0), producer: 1, codec: 0 })
    scenario.push({ kind: 'seal' }, { kind: 'clean' })
    for (let seed = 0; seed < 4; seed++) await crashInRounds(scenario, seed)
  })

  test('the same after a crash at any I/O of a round, and in the recovery from it', async () => {
    await fc.assert(fc.asyncProperty(steps, fc.integer({ min: 0, max: 1_000_000 }), crashInRounds), {
      numRuns: Number(process.env['MILLRACE_CRASH_RUNS'] ?? 25),
    })
  })
})
