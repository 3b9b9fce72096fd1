import type { ReaderContext, ReaderOutput, SourceReader } from '@millrace/engine'
import { KafkaConsumer } from '@millrace/kafka'
import { MillraceError } from '@millrace/std'
import type { DeadLetterQueue } from './dead-letter-queue.ts'
import { PartitionReader } from './partition-reader.ts'
import type { RowCollector } from './row-collector.ts'
import { type KafkaPartitionSplit, partitionSplit } from './split.ts'

/** Fetching stops while so many bytes wait to be emitted: the consumer fetches one answer ahead of that. */
const MAX_QUEUED_BYTES = 8 * 1024 * 1024
/** How long one poll of the consumer waits; what arrives ends it at once. */
const POLL_TIMEOUT_MS = 1000
/** How long the last commit of progress may take, when the job has ended. */
const LAST_COMMIT_MS = 5000

export interface KafkaSourceReaderOptions {
  readonly context: ReaderContext
  readonly consumer: KafkaConsumer
  readonly collector: RowCollector
  readonly deadLetters: DeadLetterQueue | undefined
  /** Progress is committed for this group; undefined: not at all. */
  readonly commits: boolean
}

/** Reads partitions with one consumer: a loop in the background fetches, `poll` decodes what has come. */
export class KafkaSourceReader implements SourceReader<KafkaPartitionSplit> {
  readonly #context: ReaderContext
  readonly #consumer: KafkaConsumer
  readonly #collector: RowCollector
  readonly #deadLetters: DeadLetterQueue | undefined
  readonly #commits: boolean
  /** Partitions that are being read, in the order of their turns. */
  readonly #partitions: PartitionReader[] = []
  readonly #finished: PartitionReader[] = []
  readonly #positions = new Map<number, { topic: string; partition: number; offset: number }[]>()
  readonly #aborted = new AbortController()
  #turn = 0
  #noMoreSplits = false
  #closed = false
  /** Wakes the loop that fetches. */
  #proceed: (() => void) | undefined
  #fetching: Promise<void> = Promise.resolve()
  #committing: Promise<void> = Promise.resolve()
  #commitFailure: Error | undefined

  constructor(options: KafkaSourceReaderOptions) {
    this.#context = options.context
    this.#consumer = options.consumer
    this.#collector = options.collector
    this.#deadLetters = options.deadLetters
    this.#commits = options.commits
  }

  start(): void {
    this.#fetching = this.#fetch().catch((error: Error) => {
      if (!this.#closed) this.#context.fail(error)
    })
  }

  addSplits(splits: readonly KafkaPartitionSplit[]): void {
    for (const { splitId, topic, partition, offset, stopOffset } of splits) {
      this.#partitions.push(
        new PartitionReader({ splitId, topic, partition, position: offset, stopOffset, collector: this.#collector }),
      )
    }
    this.#assign()
    this.#context.available()
  }

  noMoreSplits(): void {
    this.#noMoreSplits = true
    this.#context.available()
  }

  poll(output: ReaderOutput): 'more' | 'nothing' | 'end' {
    this.#releaseFinished(output)
    const partitions = this.#partitions
    for (let tried = 0; tried < partitions.length; tried++) {
      this.#turn = (this.#turn + 1) % partitions.length
      const reader = partitions[this.#turn] as PartitionReader
      if (!reader.hasMore) continue
      reader.emit(output)
      if (this.#wantsMore) this.#proceed?.()
      return 'more'
    }
    if (partitions.length > 0) return 'nothing'
    return this.#noMoreSplits ? 'end' : 'nothing'
  }

  snapshotState(checkpointId: number): readonly KafkaPartitionSplit[] {
    const all = [...this.#partitions, ...this.#finished]
    this.#positions.set(
      checkpointId,
      all.map(({ topic, partition, position }) => ({ topic, partition, offset: position })),
    )
    return all.map(({ topic, partition, position, stopOffset }) =>
      partitionSplit(topic, partition, position, stopOffset),
    )
  }

  checkpointComplete(checkpointId: number): void {
    const positions = this.#positions.get(checkpointId)
    for (const id of this.#positions.keys()) if (id <= checkpointId) this.#positions.delete(id)
    if (positions === undefined || positions.length === 0) return
    this.#committing = this.#committing
      .then(() => this.#commit(positions))
      .catch((error: Error) => {
        this.#commitFailure ??= error
        this.#context.fail(error)
      })
  }

  pendingRecords(): number | undefined {
    let pending = 0
    for (const reader of this.#partitions) {
      if (reader.highWatermark < 0) this.#learnEnd(reader)
      const { highWatermark, position, stopOffset } = reader
      if (highWatermark < 0) return undefined
      pending += Math.max(0, Math.min(highWatermark, stopOffset ?? highWatermark) - position)
    }
    return pending
  }

  async close(): Promise<void> {
    const { timers } = this.#context.system
    const late = timers.schedule(LAST_COMMIT_MS, () => this.#giveUpCommit())
    await this.#committing
    timers.cancel(late)
    this.#closed = true
    this.#proceed?.()
    this.#aborted.abort()
    await this.#fetching
    await Promise.all([this.#consumer.close(), this.#deadLetters?.close()])
    // The last commit comes when the job has ended already: only here can it still say that it failed.
    if (this.#commitFailure) throw this.#commitFailure
  }

  async #commit(positions: readonly { topic: string; partition: number; offset: number }[]): Promise<void> {
    // A record that was put aside counts as processed only when it is safe there.
    await this.#deadLetters?.flush()
    if (this.#commits) await this.#consumer.commit(positions, { signal: this.#aborted.signal })
  }

  /** A cluster that is gone must not keep a job that was cancelled from ending. */
  #giveUpCommit(): void {
    this.#aborted.abort(
      new MillraceError('CONNECTOR_COMMIT_TIMEOUT', {
        message: `The progress of a Kafka source could not be committed within ${LAST_COMMIT_MS / 1000} s of the end of the job.`,
        fix: "Is the cluster reachable? A run with start: 'committed' reads the last records again.",
      }),
    )
    this.#deadLetters?.close().catch(() => {})
  }

  /** A partition without records hands over nothing that would say where it ends: the consumer knows. */
  #learnEnd(reader: PartitionReader): void {
    const lag = this.#closed ? undefined : this.#consumer.currentLag(reader)
    if (lag !== undefined) reader.highWatermark = reader.position + lag
  }

  get #wantsMore(): boolean {
    let queued = 0
    for (const reader of this.#partitions) queued += reader.queuedBytes
    return this.#partitions.length > 0 && queued < MAX_QUEUED_BYTES
  }

  async #fetch(): Promise<void> {
    while (!this.#closed) {
      if (!this.#wantsMore) {
        await new Promise<void>((resolve) => {
          this.#proceed = resolve
        })
        this.#proceed = undefined
        continue
      }
      const fetched = await this.#consumer.pollBatches(POLL_TIMEOUT_MS, { signal: this.#aborted.signal })
      for (const batches of fetched) {
        const reader = this.#partitions.find(
          ({ topic, partition }) => topic === batches.topic && partition === batches.partition,
        )
        if (!reader) {
          batches.release()
          continue
        }
        reader.highWatermark = batches.highWatermark
        reader.add(batches)
      }
      if (fetched.length > 0) this.#context.available()
    }
  }

  /** Splits at their stop offset no longer hold the watermark back, nor are they fetched. */
  #releaseFinished(output: ReaderOutput): void {
    if (!this.#partitions.some((reader) => reader.isFinished)) return
    for (const reader of this.#partitions.filter(({ isFinished }) => isFinished)) {
      this.#partitions.splice(this.#partitions.indexOf(reader), 1)
      this.#finished.push(reader)
      output.releaseSplit(reader.splitId)
    }
    this.#turn = 0
    this.#assign()
  }

  #assign(): void {
    const known = new Set(this.#consumer.assignment().map(({ topic, partition }) => `${topic}-${partition}`))
    this.#consumer.assign(this.#partitions.map(({ topic, partition }) => ({ topic, partition })))
    for (const { splitId, topic, partition, position } of this.#partitions) {
      if (!known.has(splitId)) this.#consumer.seek({ topic, partition, offset: position })
    }
    this.#proceed?.()
  }
}
