import { FileSystemError, joinPath, type TimerHandle, type Timers } from '@millrace/std'
import { LogSuffix, segmentFile } from './log-files.ts'
import type { Segment, SegmentHome } from './segment.ts'

/** Takes the files of segments and producer snapshots out of a partition's folder. */
export class SegmentFiles {
  readonly #home: SegmentHome
  readonly #timers: Timers
  /** Offsets of the producer snapshots that exist. */
  readonly #snapshots: Set<number>
  readonly #pending = new Map<TimerHandle, string[]>()

  constructor(options: { home: SegmentHome; timers: Timers; snapshots: Set<number> }) {
    this.#home = options.home
    this.#timers = options.timers
    this.#snapshots = options.snapshots
  }

  get snapshots(): Set<number> {
    return this.#snapshots
  }

  /** A producer snapshot was, or is about to be, written. */
  addSnapshot(offset: number): void {
    this.#snapshots.add(offset)
  }

  /** Removes the snapshots whose offsets `keep` refuses. */
  removeSnapshots(keep: (offset: number) => boolean): void {
    for (const offset of this.#snapshots) {
      if (keep(offset)) continue
      this.#snapshots.delete(offset)
      this.#home.fileSystem.remove(segmentFile(this.#home.folder, offset, LogSuffix.snapshot))
    }
  }

  /**
   * Renames the segment's files at once, so that they are no part of the log, and removes them after `delayMs`. Its
   * producer snapshot, the state as of its first offset, goes too unless it is to be kept.
   */
  delete(
    segment: Segment,
    delayMs: number,
    { keepSnapshot }: { keepSnapshot: boolean } = { keepSnapshot: false },
  ): void {
    const { fileSystem, folder } = this.#home
    segment.discard()
    const renamed: string[] = []
    for (const name of segment.fileNames()) {
      const path = joinPath(folder, name)
      fileSystem.rename(path, path + LogSuffix.deleted)
      renamed.push(path + LogSuffix.deleted)
    }
    if (!keepSnapshot) this.removeSnapshots((offset) => offset !== segment.baseOffset)
    const handle = this.#timers.scheduleBackground(delayMs, () => {
      this.#pending.delete(handle)
      this.#remove(renamed)
    })
    this.#pending.set(handle, renamed)
  }

  /** Removes what is still waiting for it. */
  close(): void {
    for (const [handle, paths] of this.#pending) {
      this.#timers.cancel(handle)
      this.#remove(paths)
    }
    this.#pending.clear()
  }

  /** What the disk does not let go now goes with the next start. */
  #remove(paths: readonly string[]): void {
    for (const path of paths) {
      try {
        this.#home.fileSystem.remove(path)
      } catch (cause) {
        if (!(cause instanceof FileSystemError)) throw cause
      }
    }
  }
}
