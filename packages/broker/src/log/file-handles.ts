import type { FileHandle, FileSystem, OpenMode } from '@millrace/std'

/**
 * Keeps the number of open files in bounds: a file is opened when it is used, and the one that was not used for the
 * longest time is closed when there are too many. So a partition that nobody touches holds none.
 */
export class FileHandles {
  readonly #fs: FileSystem
  readonly #limit: number
  /** In order of last use. */
  readonly #open = new Set<LogFileHandle>()

  constructor(options: { fileSystem: FileSystem; limit: number }) {
    this.#fs = options.fileSystem
    this.#limit = options.limit
  }

  get openCount(): number {
    return this.#open.size
  }

  file(path: string): LogFileHandle {
    return new LogFileHandle(path, this)
  }

  /** For {@link LogFileHandle}. */
  openFor(file: LogFileHandle, mode: OpenMode): FileHandle {
    if (this.#open.size >= this.#limit) this.#closeOldest()
    const handle = this.#fs.open(file.path, mode)
    this.#open.add(file)
    return handle
  }

  used(file: LogFileHandle): void {
    if (this.#open.size * 2 < this.#limit) return
    this.#open.delete(file)
    this.#open.add(file)
  }

  closed(file: LogFileHandle): void {
    this.#open.delete(file)
  }

  /** More are open than should be: files with unsynced data cannot be closed for those that come. */
  get full(): boolean {
    return this.#open.size > this.#limit
  }

  #closeOldest(): void {
    let looked = 0
    for (const file of this.#open) {
      if (!file.busy) {
        file.close()
        return
      }
      if (++looked === mostLookedAt) return
    }
  }
}

/** Files tried at most when one must be closed: with very many busy ones, the limit gives way. */
const mostLookedAt = 32

/** One file that is open only while it is in use. */
export class LogFileHandle {
  path: string
  readonly #handles: FileHandles
  #handle: FileHandle | undefined
  #syncing = 0
  /** Written to since the last sync: an fd with unsynced data stays open, so that its sync reports every error. */
  unsynced = false

  constructor(path: string, handles: FileHandles) {
    this.path = path
    this.#handles = handles
  }

  get isOpen(): boolean {
    return this.#handle !== undefined
  }

  get busy(): boolean {
    return this.#syncing > 0 || this.unsynced
  }

  get(mode: OpenMode = 'write'): FileHandle {
    if (this.#handle) {
      this.#handles.used(this)
      return this.#handle
    }
    this.#handle = this.#handles.openFor(this, mode)
    return this.#handle
  }

  /** Resolves when all that was written before is on the device. */
  async sync(): Promise<void> {
    const handle = this.get()
    this.unsynced = false
    this.#syncing++
    try {
      await handle.sync()
    } finally {
      this.#syncing--
      if (this.#syncing === 0 && (this.#closeAfterSync || (this.#handles.full && !this.unsynced))) this.close()
    }
  }

  #closeAfterSync = false

  close(): void {
    if (!this.#handle) return
    if (this.#syncing > 0) {
      this.#closeAfterSync = true
      return
    }
    this.#closeAfterSync = false
    const handle = this.#handle
    this.#handle = undefined
    this.#handles.closed(this)
    handle.close()
  }
}
