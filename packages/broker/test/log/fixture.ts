import { baseOffset, batchSize, lastOffset, RecordBatchBuilder } from '@millrace/kafka'
import { concatBytes, type FileSystem, MemoryFileSystem, seededRandom, utf8 } from '@millrace/std'
import { ManualClock } from '@millrace/testing'
import {
  type AppendOptions,
  type AppendResult,
  BatchRun,
  defaultLogConfig,
  type LogConfig,
  type LogEvent,
  LogManager,
  type LogManagerOptions,
  type PartitionLog,
} from '../../src/log/index.ts'

export const topicId = new Uint8Array(16).fill(7)
export const start = 1_700_000_000_000

export interface BatchOptions {
  readonly records?: number
  /** Bytes of each value. */
  readonly bytes?: number
  /** Of the first record; the others follow `step` ms apart. */
  readonly timestamp?: number
  readonly step?: number
  readonly key?: string | null
  readonly producer?: { readonly id: number; readonly epoch?: number; readonly sequence: number }
  readonly transactional?: boolean
  readonly fill?: string
}

/** One batch as a client sends it: base offset 0, no leader epoch. */
export function makeBatch(options: BatchOptions = {}): Uint8Array {
  const builder = new RecordBatchBuilder()
  const count = options.records ?? 1
  const key = options.key === undefined || options.key === null ? null : utf8(options.key)
  for (let i = 0; i < count; i++) {
    const value = utf8((options.fill ?? 'v').repeat(options.bytes ?? 10))
    builder.append(key, value, (options.timestamp ?? start) + i * (options.step ?? 1))
  }
  const { producer } = options
  return Uint8Array.from(
    builder.finish(
      producer && {
        producerId: producer.id,
        producerEpoch: producer.epoch ?? 0,
        baseSequence: producer.sequence,
        transactional: options.transactional ?? false,
      },
    ),
  )
}

export interface Opened {
  readonly logs: LogManager
  readonly events: LogEvent[]
  readonly clock: ManualClock
  readonly fileSystem: FileSystem
}

export interface OpenOptions {
  readonly fileSystem?: FileSystem
  readonly clock?: ManualClock
  readonly config?: Partial<LogConfig>
  readonly manager?: Partial<LogManagerOptions>
}

export function openLogs(options: OpenOptions = {}): Opened {
  const clock = options.clock ?? new ManualClock({ now: start })
  const fileSystem = options.fileSystem ?? new MemoryFileSystem({ clock })
  const events: LogEvent[] = []
  const logs = LogManager.open({
    folder: 'data',
    fileSystem,
    clock,
    timers: clock,
    random: seededRandom(1),
    nodeId: 1,
    configOf: () => ({ ...defaultLogConfig, ...options.config }),
    listener: { event: (_log, event) => events.push(event) },
    ...options.manager,
  })
  return { logs, events, clock, fileSystem }
}

/** A partition `t-0` in memory, unless said otherwise. */
export async function openLog(options: OpenOptions = {}): Promise<Opened & { log: PartitionLog }> {
  const opened = openLogs(options)
  const log = opened.logs.get('t', 0) ?? (await opened.logs.createPartition('t', 0, topicId))
  return { ...opened, log }
}

export async function closeLogs(opened: Opened): Promise<void> {
  const closing = opened.logs.close()
  await opened.clock.settle()
  await closing
}

export interface FoundBatch {
  readonly offset: number
  readonly endOffset: number
  readonly bytes: Uint8Array
}

export function batchesOf(parts: readonly Uint8Array[]): FoundBatch[] {
  const found: FoundBatch[] = []
  for (const part of parts) {
    for (let at = 0; at < part.byteLength; at += batchSize(part, at)) {
      const bytes = new Uint8Array(part.buffer, part.byteOffset + at, batchSize(part, at))
      found.push({ offset: baseOffset(part, at), endOffset: lastOffset(part, at) + 1, bytes })
    }
  }
  return found
}

/** Appends all at once, as what one read from a socket brought: in one piece of memory, with other bytes between them. */
export function appendAll(log: PartitionLog, batches: readonly Uint8Array[], options: AppendOptions): AppendResult[] {
  const run = new BatchRun()
  run.reset(concatBytes(batches.flatMap((batch, i) => [new Uint8Array(i % 7).fill(0xee), batch])))
  let at = 0
  batches.forEach(({ byteLength }, i) => {
    at += i % 7
    run.add(at, at + byteLength)
    at += byteLength
  })
  log.appendRun(run, options)
  // As with append, the batches have their offsets now.
  return batches.map((batch, i) => {
    batch.set(run.bytes.subarray(run.start(i), run.end(i)))
    return run.result(i)
  })
}

/** All that can be read, and the first offsets of what cannot. */
export function readAll(log: PartitionLog, maxBytes = 1_000): { batches: FoundBatch[]; failures: number[] } {
  const batches: FoundBatch[] = []
  const failures: number[] = []
  let offset = log.logStartOffset
  while (offset < log.highWatermark) {
    const result = log.read(offset, maxBytes)
    if (result.errorCode !== 0) {
      failures.push(offset)
      offset++
      continue
    }
    if (result.size === 0) throw new Error(`nothing at offset ${offset} of ${log.highWatermark}`)
    const found = batchesOf(result.parts)
    batches.push(...found)
    offset = (found.at(-1) as FoundBatch).endOffset
  }
  return { batches, failures }
}
