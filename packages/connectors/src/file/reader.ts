import type { ReaderContext, ReaderOutput, SourceReader } from '@millrace/engine'
import type { FileHandle, TimerHandle } from '@millrace/std'
import type { Format } from '../formats/format.ts'
import { LineBatches, type OnBadLine } from './line-batches.ts'
import { LineScanner } from './line-scanner.ts'
import { type FileSplit, fileSplit } from './split.ts'

export interface ReadOptions {
  readonly format: Format<unknown>
  readonly follow: boolean
  readonly pollIntervalMs: number
  readonly maxLineBytes: number
  readonly onBadLine: OnBadLine
}

interface OpenFile {
  readonly path: string
  readonly handle: FileHandle
  readonly lines: LineScanner
}

/** Reads files: bounded, one after the other; following, all of them in turns. */
export class FileReader implements SourceReader<FileSplit> {
  readonly #options: ReadOptions
  readonly #context: ReaderContext
  readonly #batches: LineBatches
  readonly #open: OpenFile[] = []
  #turn = 0
  #noMore = false
  #requested = false
  #handle: TimerHandle | undefined

  constructor(options: ReadOptions, context: ReaderContext) {
    this.#options = options
    this.#context = context
    this.#batches = new LineBatches(options.format, context.projection, options.onBadLine)
  }

  start(): void {
    if (!this.#options.follow) this.#request()
  }

  addSplits(splits: readonly FileSplit[]): void {
    this.#requested = false
    for (const { path, position } of splits) {
      const handle = this.#context.system.fileSystem.open(path, 'read')
      this.#open.push({ path, handle, lines: new LineScanner(handle, position, this.#options.maxLineBytes) })
    }
  }

  noMoreSplits(): void {
    this.#noMore = true
  }

  poll(output: ReaderOutput): 'more' | 'nothing' | 'end' {
    return this.#options.follow ? this.#pollFollowing(output) : this.#pollBounded(output)
  }

  snapshotState(): readonly FileSplit[] {
    return this.#open.map(({ path, lines }) => fileSplit(path, lines.position))
  }

  checkpointComplete(): void {}

  pendingRecords(): number | undefined {
    return undefined
  }

  close(): Promise<void> {
    if (this.#handle !== undefined) this.#context.system.timers.cancel(this.#handle)
    for (const { handle } of this.#open.splice(0)) handle.close()
    return Promise.resolve()
  }

  #pollBounded(output: ReaderOutput): 'more' | 'nothing' | 'end' {
    const file = this.#open[0]
    if (file === undefined) {
      if (this.#noMore) return 'end'
      this.#request()
      return 'nothing'
    }
    if (file.lines.scan('take')) {
      this.#emit(file, output)
      return 'more'
    }
    this.#open.shift()
    file.handle.close()
    output.releaseSplit(file.path)
    return 'more'
  }

  #pollFollowing(output: ReaderOutput): 'more' | 'nothing' {
    for (let tries = 0; tries < this.#open.length; tries++) {
      this.#turn = (this.#turn + 1) % this.#open.length
      const file = this.#open[this.#turn] as OpenFile
      if (!file.lines.scan('wait')) continue
      this.#emit(file, output)
      return 'more'
    }
    this.#lookAgainLater()
    return 'nothing'
  }

  #emit(file: OpenFile, output: ReaderOutput): void {
    const batch = this.#batches.make(file.path, file.lines)
    if (batch.length > 0) output.emit(batch, file.path)
  }

  #request(): void {
    if (this.#requested || this.#noMore) return
    this.#requested = true
    this.#context.requestSplit()
  }

  #lookAgainLater(): void {
    if (this.#handle !== undefined) return
    this.#handle = this.#context.system.timers.schedule(this.#options.pollIntervalMs, () => {
      this.#handle = undefined
      this.#context.available()
    })
  }
}
