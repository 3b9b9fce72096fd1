/** What happened to a file operation. `code` is the system's (ENOENT, ENOSPC, EACCES, EIO …). */
export class FileSystemError extends Error {
  override name = 'FileSystemError'
  readonly code: string
  readonly path: string

  constructor(code: string, operation: string, path: string, cause?: unknown) {
    super(`${operation} ${path}: ${code}`, cause === undefined ? undefined : { cause })
    this.code = code
    this.path = path
  }
}

/** `read`: must exist, cannot be written. `write`: must exist. `create`: made when missing. `exclusive`: must not exist. */
export type OpenMode = 'read' | 'write' | 'create' | 'exclusive'

/**
 * An open file. Positions are bytes from the start.
 *
 * Reads and writes are synchronous: they move bytes to and from the page cache, which costs less than a trip through
 * the thread pool. Only {@link sync} waits for the device, and never on the event loop.
 */
export interface FileHandle {
  readonly path: string
  /** Fills `target` from `position`; returns how many bytes there were (fewer only at the end of the file). */
  read(target: Uint8Array, position: number): number
  /** Writes all of `source` at `position`. On an error an unknown part of it may be in the file. */
  write(source: Uint8Array, position: number): void
  /** Writes the parts one after the other, as one system call where possible. */
  writev(sources: readonly Uint8Array[], position: number): void
  size(): number
  truncate(size: number): void
  /**
   * Resolves when everything that was written before the call is on the device (fdatasync). After a failure the
   * state of what was written is unknown: do not retry, give the file up.
   */
  sync(): Promise<void>
  /** As {@link sync}, but blocks: for start-up and shutdown only. */
  syncNow(): void
  close(): void
}

export interface FileInfo {
  kind: 'file' | 'directory'
  size: number
  /** Milliseconds since the epoch. */
  modified: number
}

/** The volume that a folder is on, bytes. Network file systems answer almost 2^63. */
export interface VolumeInfo {
  totalBytes: bigint
  /** What a process without special rights can still write. */
  usableBytes: bigint
}

/** A claim on a folder by one process. It ends with {@link release} or with the process. */
export interface FolderLock {
  release(): void
}

/**
 * Files and folders. A directory entry (a new, renamed or removed file) is durable only after
 * {@link syncDirectory} of its folder: the simulated disk loses it otherwise, as real ones may.
 *
 * Failures throw {@link FileSystemError}.
 */
export interface FileSystem {
  open(path: string, mode: OpenMode): FileHandle
  readFile(path: string): Uint8Array
  /** Undefined when there is nothing at `path`. */
  stat(path: string): FileInfo | undefined
  /** The volume of a folder; a file system that has none lacks this. */
  volume?(path: string): VolumeInfo
  /** Names of the entries, sorted. */
  list(path: string): string[]
  /** Makes the folder and what is missing above it. */
  makeDirectory(path: string): void
  /** Replaces `to` when it exists. */
  rename(from: string, to: string): void
  /** Removes a file, or a folder with everything in it. No error when there is nothing. */
  remove(path: string): void
  syncDirectory(path: string): Promise<void>
  syncDirectoryNow(path: string): void
  /** Claims the folder; throws {@link FileSystemError} with code `ELOCKED` when a living process holds it. */
  lock(path: string): FolderLock
}

/**
 * Replaces a file so that a crash leaves the old or the new content, never a mixture: writes beside it, syncs,
 * renames, syncs the folder.
 */
export function writeFileAtomic(fs: FileSystem, path: string, content: Uint8Array): void {
  const temporary = `${path}.tmp`
  const file = fs.open(temporary, 'create')
  try {
    file.truncate(0)
    file.write(content, 0)
    file.syncNow()
  } finally {
    file.close()
  }
  fs.rename(temporary, path)
  fs.syncDirectoryNow(parentOf(path))
}

/** `a/b/c` → `a/b`. Paths in Millrace use forward slashes on every system. */
export function parentOf(path: string): string {
  const cut = path.lastIndexOf('/')
  return cut > 0 ? path.slice(0, cut) : cut === 0 ? '/' : '.'
}

export function joinPath(...parts: string[]): string {
  return parts
    .filter((part) => part !== '')
    .join('/')
    .replace(/\/{2,}/g, '/')
}
