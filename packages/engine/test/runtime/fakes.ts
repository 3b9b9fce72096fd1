import {
  type Batch,
  objectBatch,
  type ReaderContext,
  type ReaderOutput,
  type Sink,
  type SinkWriter,
  type Source,
  type SourceReader,
  type SourceSplit,
  type WriterContext,
} from '@millrace/engine'

/** A source whose only split is fed by the test, and that notes what the engine tells it. */
export class FedSource<T> {
  readonly events: string[] = []
  readonly source: Source<T>
  readonly #queue: T[] = []
  #context: ReaderContext | undefined
  #ended = false
  #emitted = 0
  #snapshots = new Map<number, number>()
  /** Records emitted when the last commit's barrier was let in. */
  committed = 0
  closed = 0

  constructor(options: { boundedness?: 'bounded' | 'unbounded'; name?: string } = {}) {
    this.source = {
      name: options.name ?? 'fed',
      boundedness: options.boundedness ?? 'unbounded',
      schema: undefined,
      defaultWatermarks: undefined,
      createEnumerator: (context) => ({
        start: () => {
          context.assign(0, [{ splitId: 'only' }])
          return Promise.resolve()
        },
        addSplitsBack: () => {},
        handleSplitRequest: () => {},
        snapshotState: () => new Uint8Array(0),
        close: () => {
          this.events.push('enumerator closed')
          return Promise.resolve()
        },
      }),
      createReader: (context) => this.#reader(context),
      splitSerializer: { version: 1, serialize: () => new Uint8Array(0), deserialize: () => ({ splitId: 'only' }) },
    }
  }

  push(...records: T[]): void {
    this.#queue.push(...records)
    this.#context?.available()
  }

  end(): void {
    this.#ended = true
    this.#context?.available()
  }

  fail(error: Error): void {
    this.#context?.fail(error)
  }

  get waiting(): number {
    return this.#queue.length
  }

  #reader(context: ReaderContext): SourceReader<SourceSplit> {
    if (context.subtaskIndex === 0) this.#context = context
    const first = context.subtaskIndex === 0
    return {
      start: () => {},
      addSplits: () => {},
      noMoreSplits: () => {},
      poll: (output) => (first ? this.#poll(output) : this.#ended ? 'end' : 'nothing'),
      snapshotState: (checkpointId) => {
        if (first) this.#snapshots.set(checkpointId, this.#emitted)
        return []
      },
      checkpointComplete: (checkpointId) => {
        if (!first) return
        this.committed = this.#snapshots.get(checkpointId) ?? this.committed
        this.events.push(`committed ${this.committed}`)
      },
      pendingRecords: () => (first ? this.#queue.length : 0),
      close: () => {
        this.closed++
        this.events.push('reader closed')
        return Promise.resolve()
      },
    }
  }

  #poll(output: ReaderOutput): 'more' | 'nothing' | 'end' {
    const values = this.#queue.splice(0, 100)
    if (values.length === 0) return this.#ended ? 'end' : 'nothing'
    const first = this.#emitted
    this.#emitted += values.length
    const origin = { describe: (index: number) => `fed record ${first + index}` }
    output.emit(objectBatch(values, new Float64Array(values.length).fill(Number.NaN), values.length, origin), 'only')
    return 'more'
  }
}

/** A sink that keeps what it got; the test decides when it is ready and when a flush ends. */
export class SlowSink<T> implements Sink<T> {
  readonly name = 'slow'
  readonly layout = 'objects'
  readonly values: T[] = []
  readonly events: string[] = []
  isReady = true
  /** Records that have been made durable. */
  flushed = 0
  #context: WriterContext | undefined
  #held: (() => void)[] | undefined
  readonly #failOn: { open?: Error; flush?: Error }

  constructor(failOn: { open?: Error; flush?: Error } = {}) {
    this.#failOn = failOn
  }

  createWriter(context: WriterContext): SinkWriter {
    this.#context = context
    const isReady = () => this.isReady
    return {
      get isReady() {
        return isReady()
      },
      open: () => {
        this.events.push('open')
        return this.#failOn.open ? Promise.reject(this.#failOn.open) : Promise.resolve()
      },
      write: (batch: Batch) => {
        if (batch.layout !== 'objects') throw new Error('objects were planned')
        for (let i = 0; i < batch.length; i++) this.values.push(batch.values[i] as T)
      },
      flush: () => this.#flush(),
      close: () => {
        this.events.push('close')
        return Promise.resolve()
      },
    }
  }

  holdFlushes(): void {
    this.#held ??= []
  }

  releaseFlushes(): void {
    const held = this.#held ?? []
    this.#held = undefined
    for (const release of held) release()
  }

  ready(): void {
    this.isReady = true
    this.#context?.ready()
  }

  fail(error: Error): void {
    this.#context?.fail(error)
  }

  async #flush(): Promise<void> {
    if (this.#failOn.flush) throw this.#failOn.flush
    const upTo = this.values.length
    const held = this.#held
    if (held) await new Promise<void>((resolve) => held.push(resolve))
    this.flushed = Math.max(this.flushed, upTo)
    this.events.push(`flushed ${upTo}`)
  }
}
