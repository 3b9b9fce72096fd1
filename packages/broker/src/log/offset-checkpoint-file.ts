import { type FileSystem, parentOf, writeFileAtomic } from '@millrace/std'
import { syncFile, writeFile } from './durable-file.ts'
import { formatOffsetCheckpoint, type OffsetCheckpoint, parseOffsetCheckpoint, readTextFile } from './text-files.ts'

/**
 * A checkpoint of offsets by partition, in a file of the data folder. A partition is known by its name there: what it says
 * of one that is gone must not be taken for one that is made anew under that name.
 */
export class OffsetCheckpointFile {
  readonly #fs: FileSystem
  readonly #path: string
  /** As the file has them. */
  #offsets: OffsetCheckpoint
  /** Names in the file that mean nothing any more. */
  #forgotten = new Set<string>()
  /** What is being written, and those of it that were forgotten meanwhile. */
  #next: OffsetCheckpoint | undefined
  readonly #forgottenOfNext = new Set<string>()
  /** Grows when what is being written must not take the place of the file. */
  #revision = 0

  /** The file is there and cannot be understood: it is as if it said nothing. */
  readonly wasDamaged: boolean

  constructor(fileSystem: FileSystem, path: string) {
    this.#fs = fileSystem
    this.#path = path
    const offsets = parseOffsetCheckpoint(readTextFile(fileSystem, path) ?? '')
    this.wasDamaged = offsets === undefined
    this.#offsets = offsets ?? new Map()
  }

  get(partition: string): number | undefined {
    return this.#forgotten.has(partition) ? undefined : this.#offsets.get(partition)
  }

  has(partition: string): boolean {
    return this.get(partition) !== undefined
  }

  /** The partition is gone, or is about to be made. The file says so with the next {@link replace} or {@link settle}. */
  forget(partition: string): void {
    if (this.#offsets.has(partition)) this.#forgotten.add(partition)
    if (this.#next?.has(partition)) this.#forgottenOfNext.add(partition)
  }

  /** Sees to it that the file says nothing of a partition that was forgotten, now or later. Blocks, where it does. */
  settle(partition: string): void {
    if (this.#forgottenOfNext.has(partition)) this.#revision++
    if (!this.#forgotten.has(partition)) return
    this.#replaceNow(new Map([...this.#offsets].filter(([name]) => !this.#forgotten.has(name))))
  }

  /** Sets the offset to 0 where it is larger than `limitOf` says. Blocks; for the start. */
  lower(limitOf: (partition: string) => number | undefined): void {
    const lowered = new Map(
      [...this.#offsets].map(([name, offset]) => [name, offset > (limitOf(name) ?? offset) ? 0 : offset]),
    )
    if (!sameOffsets(lowered, this.#offsets)) this.#replaceNow(lowered)
  }

  /** Durable when it resolves. `current` is asked again when a partition is settled meanwhile. One at a time. */
  async replace(current: () => OffsetCheckpoint): Promise<void> {
    try {
      let isDone = false
      while (!isDone) isDone = await this.#tryToReplace(current())
    } finally {
      this.#next = undefined
      this.#forgottenOfNext.clear()
    }
  }

  async #tryToReplace(offsets: OffsetCheckpoint): Promise<boolean> {
    if (sameOffsets(offsets, this.#offsets)) {
      this.#forgotten.clear()
      return true
    }
    this.#next = offsets
    this.#forgottenOfNext.clear()
    const revision = this.#revision
    const temporary = `${this.#path}.tmp`
    writeFile(this.#fs, temporary, formatOffsetCheckpoint(offsets))
    await syncFile(this.#fs, temporary)
    if (this.#revision !== revision) return false
    this.#fs.rename(temporary, this.#path)
    this.#offsets = offsets
    this.#forgotten = new Set(this.#forgottenOfNext)
    await this.#fs.syncDirectory(parentOf(this.#path))
    return true
  }

  #replaceNow(offsets: OffsetCheckpoint): void {
    this.#revision++
    writeFileAtomic(this.#fs, this.#path, formatOffsetCheckpoint(offsets))
    this.#offsets = offsets
    this.#forgotten.clear()
  }
}

function sameOffsets(a: OffsetCheckpoint, b: OffsetCheckpoint): boolean {
  if (a.size !== b.size) return false
  for (const [name, offset] of a) if (b.get(name) !== offset) return false
  return true
}
