import type { EnumeratorContext, SplitEnumerator } from '@millrace/engine'
import { joinPath, MillraceError, type TimerHandle } from '@millrace/std'
import { type FileSplit, fileSplit } from './split.ts'

export interface DiscoveryOptions {
  readonly path: string
  readonly follow: boolean
  readonly discoveryIntervalMs: number
}

/**
 * Finds the files. Bounded: hands them out one by one, to whichever reader is free. Following: every file stays with a
 * reader for good, and the folder is looked through for new ones.
 */
export class FileEnumerator implements SplitEnumerator<FileSplit> {
  readonly #options: DiscoveryOptions
  readonly #context: EnumeratorContext<FileSplit>
  readonly #known = new Set<string>()
  #waiting: FileSplit[] = []
  readonly #idleReaders = new Set<number>()
  #nextReader = 0
  #discovered = false
  #handle: TimerHandle | undefined
  #closed = false

  constructor(options: DiscoveryOptions, context: EnumeratorContext<FileSplit>) {
    this.#options = options
    this.#context = context
  }

  start(): Promise<void> {
    try {
      this.#restore()
      this.#discover()
    } catch (cause) {
      return Promise.reject(cause as Error)
    }
    this.#discovered = true
    this.#handOut()
    return Promise.resolve()
  }

  addSplitsBack(splits: readonly FileSplit[]): void {
    this.#waiting.unshift(...splits)
    this.#handOut()
  }

  handleSplitRequest(reader: number): void {
    this.#idleReaders.add(reader)
    if (this.#discovered) this.#handOut()
  }

  /** The files that were given out or wait; readers know how far they have come. */
  snapshotState(): Uint8Array {
    return Buffer.from(JSON.stringify({ version: 1, known: [...this.#known], waiting: this.#waiting }))
  }

  close(): Promise<void> {
    this.#closed = true
    if (this.#handle !== undefined) this.#context.system.timers.cancel(this.#handle)
    return Promise.resolve()
  }

  #restore(): void {
    const { restored } = this.#context
    if (restored === undefined) return
    const state = JSON.parse(Buffer.from(restored).toString()) as { known: string[]; waiting: FileSplit[] }
    for (const path of state.known) this.#known.add(path)
    this.#waiting = state.waiting
  }

  #discover(): void {
    for (const path of this.#files()) {
      if (this.#known.has(path)) continue
      this.#known.add(path)
      this.#waiting.push(fileSplit(path))
    }
    if (this.#options.follow && !this.#closed) this.#schedule()
  }

  #schedule(): void {
    this.#handle = this.#context.system.timers.schedule(this.#options.discoveryIntervalMs, () => {
      this.#handle = undefined
      try {
        this.#discover()
        this.#handOut()
      } catch (cause) {
        this.#context.fail(cause as Error)
      }
    })
  }

  #files(): string[] {
    const { path, follow } = this.#options
    const fs = this.#context.system.fileSystem
    const info = fs.stat(path)
    if (info === undefined) {
      // What is followed may come into being later.
      if (follow) return []
      throw new MillraceError('FILE_NOT_FOUND', {
        message: `There is no file or folder '${path}'.`,
        fix: 'Correct the path of fileSource(); relative ones begin at the folder in which the process runs.',
      })
    }
    if (info.kind === 'file') return [path]
    return fs
      .list(path)
      .filter((name) => !name.startsWith('.'))
      .map((name) => joinPath(path, name))
      .filter((file) => fs.stat(file)?.kind === 'file')
  }

  #handOut(): void {
    if (this.#options.follow) {
      for (const split of this.#waiting.splice(0)) {
        this.#context.assign(this.#nextReader, [split])
        this.#nextReader = (this.#nextReader + 1) % this.#context.parallelism
      }
      return
    }
    for (const reader of this.#idleReaders) {
      this.#idleReaders.delete(reader)
      const split = this.#waiting.shift()
      if (split) this.#context.assign(reader, [split])
      else this.#context.signalNoMoreSplits(reader)
    }
  }
}
