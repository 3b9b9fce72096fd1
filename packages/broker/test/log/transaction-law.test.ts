import { ErrorCode } from '@millrace/kafka'
import { type FileSystem, MemoryFileSystem } from '@millrace/std'
import { ManualClock } from '@millrace/testing'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { LogConfig, PartitionLog } from '../../src/log/index.ts'
import { batchesOf, closeLogs, type FoundBatch, makeBatch, type Opened, openLogs, start, topicId } from './fixture.ts'
import { type Appended, committedOffsets, consume, lastStableOffset, transactionsIn } from './transaction-model.ts'

type Step =
  | { readonly kind: 'append'; readonly producer: number; readonly records: number; readonly transactional: boolean }
  | { readonly kind: 'plain'; readonly bytes: number }
  | { readonly kind: 'end'; readonly producer: number; readonly commit: boolean; readonly bump: boolean }
  | { readonly kind: 'settle' | 'roll' | 'checkpoint' | 'retention' | 'clean' | 'unclean' }
  | { readonly kind: 'wait'; readonly ms: number }
  | { readonly kind: 'truncate'; readonly back: number }
  | { readonly kind: 'delete'; readonly share: number }

const producers = 4
const producer = fc.nat(producers - 1)
const just = (...kinds: ('settle' | 'roll' | 'checkpoint' | 'retention' | 'clean' | 'unclean')[]) =>
  fc.constantFrom(...kinds.map((kind): Step => ({ kind })))

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    {
      weight: 12,
      arbitrary: fc.record({
        kind: fc.constant('append' as const),
        producer,
        records: fc.integer({ min: 1, max: 4 }),
        transactional: fc.boolean(),
      }),
    },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('plain' as const), bytes: fc.nat(300) }) },
    {
      weight: 7,
      arbitrary: fc.record({
        kind: fc.constant('end' as const),
        producer,
        commit: fc.boolean(),
        bump: fc.boolean(),
      }),
    },
    { weight: 4, arbitrary: just('settle') },
    { weight: 3, arbitrary: just('roll', 'checkpoint', 'retention', 'clean', 'unclean') },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.constantFrom(10, 400, 1_100) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('truncate' as const), back: fc.nat(6) }) },
    {
      weight: 1,
      arbitrary: fc.record({ kind: fc.constant('delete' as const), share: fc.double({ min: 0, max: 1, noNaN: true }) }),
    },
  ),
  { minLength: 5, maxLength: 50 },
)

const configs: fc.Arbitrary<Partial<LogConfig>> = fc.record({
  segmentBytes: fc.constantFrom(400, 1_500, 1_000_000),
  flush: fc.constantFrom('sync', 'interval', 'none'),
  indexIntervalBytes: fc.constantFrom(0, 200),
  producerIdExpirationMs: fc.constantFrom(1_000, 86_400_000),
  retentionMs: fc.constant(-1),
})

/** A log, and a list of what is in it. */
class Scenario {
  readonly clock = new ManualClock({ now: start })
  readonly fileSystem: FileSystem = new MemoryFileSystem({ clock: this.clock })
  readonly #config: Partial<LogConfig>
  readonly epochs = new Int32Array(producers)
  readonly sequences = new Int32Array(producers)
  history: Appended[] = []
  #opened: Opened
  log!: PartitionLog

  constructor(config: Partial<LogConfig>) {
    this.#config = config
    this.#opened = this.#openLogs()
  }

  #openLogs(): Opened {
    const { clock, fileSystem } = this
    // Every few batches: the recovery point is to lie within segments.
    return openLogs({ fileSystem, clock, config: this.#config, manager: { recoveryPointBytes: 300 } })
  }

  async open(): Promise<void> {
    const opening = this.#opened.logs.createPartition('t', 0, topicId)
    await this.clock.settle()
    this.log = await opening
  }

  async restart(clean: boolean, meanwhile: () => void = () => {}): Promise<void> {
    await closeLogs(this.#opened)
    if (!clean) this.fileSystem.remove('data/.kafka_cleanshutdown')
    meanwhile()
    this.#opened = this.#openLogs()
    await this.open()
  }

  async run(step: Step): Promise<void> {
    const { log } = this
    switch (step.kind) {
      case 'append':
        return this.#append(step.producer, step.records, step.transactional)
      case 'plain':
        return this.#note('data', -1, 1, log.append(makeBatch({ bytes: step.bytes }), { leaderEpoch: 0 }))
      case 'end':
        return this.#end(step.producer, step.commit, step.bump)
      case 'settle':
        return this.clock.settle()
      case 'wait':
        return void (await this.clock.advanceAsync(step.ms))
      case 'roll':
        return log.roll()
      case 'checkpoint':
        await this.clock.settle()
        return this.#opened.logs.checkpoint()
      case 'retention':
        return void log.applyRetention()
      case 'clean':
        return this.restart(true)
      case 'unclean':
        return this.restart(false)
      case 'truncate':
        return this.#truncate(step.back)
      case 'delete': {
        const { highWatermark, logStartOffset } = log
        const offset = logStartOffset + Math.floor((highWatermark - logStartOffset) * step.share)
        return void expect(log.deleteRecordsBefore(offset)).toBe(0)
      }
    }
  }

  #isOpen(id: number): boolean {
    return [...this.log.producers()].some((one) => one.producerId === id && one.currentTxnStartOffset >= 0)
  }

  #append(id: number, records: number, transactional: boolean): void {
    // A producer keeps to its transaction while one is open.
    const inside = transactional || this.#isOpen(id)
    const sequence = this.sequences[id] as number
    const batch = makeBatch({
      records,
      timestamp: this.clock.now(),
      producer: { id, sequence, epoch: this.epochs[id] as number },
      transactional: inside,
    })
    const result = this.log.append(batch, { leaderEpoch: 0 })
    if (result.errorCode === ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER) {
      // What it wrote was truncated away: it goes on as after InitProducerId.
      this.epochs[id] = (this.epochs[id] as number) + 1
      this.sequences[id] = 0
      return this.#append(id, records, transactional)
    }
    this.sequences[id] = sequence + records
    this.#note(inside ? 'transactional' : 'data', id, records, result)
  }

  #end(id: number, commit: boolean, bump: boolean): void {
    if (bump) {
      this.epochs[id] = (this.epochs[id] as number) + 1
      this.sequences[id] = 0
    }
    const result = this.log.appendEndTxnMarker({
      producerId: id,
      producerEpoch: this.epochs[id] as number,
      coordinatorEpoch: 0,
      commit,
      transactionVersion: bump ? 2 : 1,
    })
    this.#note(commit ? 'commit' : 'abort', id, 1, result)
  }

  #note(
    kind: Appended['kind'],
    id: number,
    records: number,
    {
      baseOffset,
      duplicate,
      errorCode,
      message,
    }: { errorCode: number; baseOffset: number; duplicate: boolean; message: string | undefined },
  ): void {
    expect({ errorCode, duplicate, message }).toEqual({ errorCode: 0, duplicate: false, message: undefined })
    this.history.push({ offset: baseOffset, endOffset: baseOffset + records, kind, producerId: id })
  }

  async #truncate(back: number): Promise<void> {
    const { log } = this
    const offset = Math.max(log.logStartOffset, log.endOffset - back)
    const truncating = log.truncateTo(offset)
    await this.clock.settle()
    await truncating
    this.history = this.history.filter(({ endOffset }) => endOffset <= log.endOffset)
    for (let id = 0; id < producers; id++) {
      // As after InitProducerId.
      this.epochs[id] = (this.epochs[id] as number) + 1
      this.sequences[id] = 0
    }
  }

  check(): void {
    const { history, log } = this
    const { endOffset, highWatermark, logStartOffset } = log
    expect(history.at(-1)?.endOffset ?? logStartOffset).toBe(endOffset)
    const stable = lastStableOffset(history, highWatermark, logStartOffset)
    expect(log.lastStableOffset).toBe(stable)
    const open = transactionsIn(history).filter(({ lastOffset }) => lastOffset === Number.POSITIVE_INFINITY)
    const described = [...log.producers()].filter(({ currentTxnStartOffset }) => currentTxnStartOffset >= 0)
    expect(
      described.map(({ producerId, currentTxnStartOffset }) => [currentTxnStartOffset, producerId]).sort(),
    ).toEqual(open.map(({ firstOffset, producerId }) => [firstOffset, producerId]).sort())
  }

  /** Reads all in pieces, as a consumer of read_committed does. */
  readCommitted(maxBytes: number): number[] {
    const { log } = this
    const offsets: number[] = []
    let offset = log.logStartOffset
    while (offset < log.lastStableOffset) {
      const { abortedTransactions, errorCode, parts, size } = log.read(offset, maxBytes, {
        isolation: 'read_committed',
      })
      expect({ errorCode, isEmpty: size === 0 }).toEqual({ errorCode: 0, isEmpty: false })
      const batches = batchesOf(parts)
      offsets.push(...consume(batches, abortedTransactions ?? [], offset))
      offset = (batches.at(-1) as FoundBatch).endOffset
    }
    expect(offset).toBe(log.lastStableOffset)
    return offsets
  }
}

async function play(config: Partial<LogConfig>, script: readonly Step[], each: (scenario: Scenario) => void) {
  const scenario = new Scenario(config)
  await scenario.open()
  for (const [i, step] of script.entries()) {
    try {
      await scenario.run(step)
      each(scenario)
    } catch (cause) {
      throw new Error(`step ${i} (${JSON.stringify(step)}): ${(cause as Error).message}`, { cause })
    }
  }
  return scenario
}

const numRuns = Number(process.env['MILLRACE_LAW_RUNS'] ?? 60)

describe('the law of transactions in a log', () => {
  test('the last stable offset is the high watermark or the first offset that is not decided below it', async () => {
    await fc.assert(
      fc.asyncProperty(configs, steps, async (config, script) => {
        await play(config, script, (scenario) => scenario.check())
      }),
      { numRuns },
    )
  })

  test('a consumer of read_committed gets the committed records, each once, in pieces of any size', async () => {
    await fc.assert(
      fc.asyncProperty(configs, steps, fc.integer({ min: 1, max: 2_000 }), async (config, script, maxBytes) => {
        const scenario = await play(config, script, () => {})
        const { history, log } = scenario
        expect(scenario.readCommitted(maxBytes)).toEqual(
          committedOffsets(history, log.lastStableOffset, log.logStartOffset),
        )
      }),
      { numRuns },
    )
  })

  test('a transaction index that is lost or damaged is made again as it was', async () => {
    const damage = fc.array(
      fc.record({ file: fc.nat(), at: fc.nat(), how: fc.constantFrom('cut', 'flip', 'remove') }),
      {
        minLength: 1,
        maxLength: 3,
      },
    )
    await fc.assert(
      fc.asyncProperty(configs, steps, damage, fc.boolean(), async (config, script, damages, clean) => {
        const scenario = await play(config, script, () => {})
        await scenario.restart(true)
        const { fileSystem, history } = scenario
        const names = () => fileSystem.list('data/t-0').filter((name) => name.endsWith('.txnindex'))
        const content = () => names().map((name) => [name, [...fileSystem.readFile(`data/t-0/${name}`)]])
        await scenario.restart(true)
        const before = content()
        if (before.length === 0) return
        await scenario.restart(clean, () => {
          for (const { at, file, how } of damages) {
            const path = `data/t-0/${before[file % before.length]?.[0]}`
            const bytes = fileSystem.stat(path) ? fileSystem.readFile(path) : new Uint8Array(0)
            if (bytes.byteLength === 0) continue
            const position = at % bytes.byteLength
            const handle = fileSystem.open(path, 'write')
            if (how === 'remove') fileSystem.remove(path)
            else if (how === 'cut') handle.truncate(position)
            else handle.write(new Uint8Array([(bytes[position] as number) ^ (1 << (at % 8))]), position)
            handle.close()
          }
        })
        const { log } = scenario
        expect(scenario.readCommitted(500)).toEqual(committedOffsets(history, log.lastStableOffset, log.logStartOffset))
        // It is made again when somebody looks for what is in it.
        log.abortedTransactions(log.logStartOffset, log.endOffset)
        await scenario.restart(true)
        expect(content()).toEqual(before)
      }),
      { numRuns },
    )
  })
})
