import type { FileSystem } from '@millrace/std'
import { syncFile, writeFile } from './durable-file.ts'
import { LogSuffix, segmentFile } from './log-files.ts'
import type { Segment } from './segment.ts'
import { isOutOfRoom } from './storage-error.ts'

/** A place up to which a log was synced. */
export interface SyncedPlace {
  readonly segment: Segment
  readonly endOffset: number
  /** Of the segment, in bytes. */
  readonly position: number
  /** The producers as of there. */
  readonly snapshot: Uint8Array
}

/** A segment that was closed by a roll and is not yet known to be on the device. */
interface SealedSegment {
  readonly segment: Segment
  /** Base offset of the next segment, and the producers as of there. */
  readonly nextBase: number
  readonly snapshot: Uint8Array
  /** Its indexes and the snapshot are in their files. */
  isWritten: boolean
}

/**
 * Up to where a log needs no check after a crash: its batches, their indexes and the producers as of there are on the
 * device. It moves on with every segment that is closed, and within the active one when the log is told to.
 */
export class RecoveryPoint {
  readonly #fs: FileSystem
  readonly #folder: string
  readonly #minBytes: number
  /** Hears of the offset that it moved to, and of the one before. */
  readonly #moved: (offset: number, before: number) => void
  #sealed: SealedSegment[] = []
  /** Where it was last moved to within a segment, or was to be moved to. */
  #place: { readonly base: number; readonly position: number }
  offset: number

  /**
   * `position`: where `offset` lies in the segment that begins at `base`. `minBytes`: how far it moves within a segment at
   * least. `moved` is called when it has moved on.
   */
  constructor(options: {
    fileSystem: FileSystem
    folder: string
    minBytes: number
    offset: number
    base: number
    position: number
    moved: (offset: number, before: number) => void
  }) {
    this.#fs = options.fileSystem
    this.#folder = options.folder
    this.#minBytes = options.minBytes
    this.#moved = options.moved
    this.offset = options.offset
    this.#place = { base: options.base, position: options.position }
  }

  /** Has so much been written to the active segment that moving into it is worth its writes and syncs? */
  isDue(active: Segment): boolean {
    const before = active.baseOffset === this.#place.base ? this.#place.position : 0
    return active.size - before >= this.#minBytes
  }

  /** The active segment was closed and a new one made. */
  sealed(segment: Segment, nextBase: number, snapshot: Uint8Array): void {
    this.#sealed.push({ segment, nextBase, snapshot, isWritten: false })
  }

  /** The segments that were closed and are not on the device: the caller brings them there. */
  takeSealed(): readonly SealedSegment[] {
    const sealed = this.#sealed
    this.#sealed = []
    return sealed.sort((a, b) => a.nextBase - b.nextBase)
  }

  /** The log was cut off at `endOffset`. */
  truncated(endOffset: number, active: Segment): void {
    this.offset = Math.min(this.offset, endOffset)
    this.#sealed = this.#sealed.filter((sealed) => sealed.nextBase <= endOffset)
    const position = active.baseOffset === this.#place.base ? Math.min(this.#place.position, active.size) : 0
    this.#place = { base: active.baseOffset, position }
  }

  /**
   * Syncs a closed segment and writes what goes with it; of one that retention has taken away at once, what was known of the
   * producers. Must be done before the next segment is synced.
   */
  async close(entry: SealedSegment): Promise<void> {
    const { segment } = entry
    if (!segment.removed && segment.file.unsynced) await segment.file.sync()
    if (this.#isOneBehind(entry.nextBase)) {
      this.#sealed.push(entry)
      return
    }
    try {
      if (!segment.removed) segment.writeIndexes()
      writeFile(this.#fs, this.#snapshotFile(entry.nextBase), entry.snapshot)
      entry.isWritten = true
    } catch (cause) {
      if (!isOutOfRoom(cause)) throw cause
      // They can be rebuilt from the log; until they are written, the recovery point stays.
      this.#sealed.push(entry)
    }
  }

  /** Moves to the end of a segment that was closed, when its indexes and the snapshot are on the device. */
  async advancePast(entry: SealedSegment): Promise<void> {
    const { segment } = entry
    if (!entry.isWritten) return
    if (!segment.removed) await segment.syncIndexes()
    const path = this.#snapshotFile(entry.nextBase)
    if (this.#fs.stat(path)) await syncFile(this.#fs, path)
    if (!segment.removed) segment.releaseIndexes()
    this.#moveTo(entry.nextBase, { base: entry.nextBase, position: 0 })
  }

  /** Moves to a place within a segment, up to which its batches are on the device. */
  async advanceInto({ endOffset, position, segment, snapshot }: SyncedPlace): Promise<void> {
    const place = { base: segment.baseOffset, position }
    if (segment.removed || endOffset <= this.offset || this.#isOneBehind(endOffset)) return
    const path = this.#snapshotFile(endOffset)
    try {
      segment.writeIndexes()
      writeFile(this.#fs, path, snapshot)
    } catch (cause) {
      if (!isOutOfRoom(cause)) throw cause
      // Not tried again before as much has been written once more.
      this.#place = place
      return
    }
    await segment.syncIndexes()
    if (segment.removed) return
    await syncFile(this.#fs, path)
    await this.#fs.syncDirectory(this.#folder)
    if (!segment.removed) this.#moveTo(endOffset, place)
  }

  /** Does a segment before `offset` still wait for room for its indexes? The recovery point must not pass it. */
  #isOneBehind(offset: number): boolean {
    return this.#sealed.some(({ nextBase }) => nextBase < offset)
  }

  #moveTo(offset: number, place: { readonly base: number; readonly position: number }): void {
    const before = this.offset
    if (offset <= before) return
    this.offset = offset
    this.#place = place
    this.#moved(offset, before)
  }

  #snapshotFile(offset: number): string {
    return segmentFile(this.#folder, offset, LogSuffix.snapshot)
  }
}
