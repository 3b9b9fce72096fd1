import type { Clock } from './clock.ts'
import {
  type FileHandle,
  type FileInfo,
  type FileSystem,
  FileSystemError,
  type FolderLock,
  type OpenMode,
  parentOf,
} from './filesystem.ts'

/** Files larger than one block are kept as blocks of this size, so that growing never copies what is there. */
const blockBytes = 256 * 1024
const firstBlockBytes = 512

/**
 * Files and folders in memory: the broker's in-memory mode, and tests. Nothing survives the object; `sync` has
 * nothing to wait for. Open handles outlive a rename or removal, as on POSIX.
 */
export class MemoryFileSystem implements FileSystem {
  readonly #clock: Clock
  readonly #root: Folder = { kind: 'directory', entries: new Map(), modified: 0 }
  readonly #locks = new Set<string>()

  constructor(options: { clock: Clock }) {
    this.#clock = options.clock
  }

  open(path: string, mode: OpenMode): FileHandle {
    const { folder, name } = this.#parent('open', path)
    let file = folder.entries.get(name)
    if (file?.kind === 'directory') throw new FileSystemError('EISDIR', 'open', path)
    if (file && mode === 'exclusive') throw new FileSystemError('EEXIST', 'open', path)
    if (!file) {
      if (mode === 'read' || mode === 'write') throw new FileSystemError('ENOENT', 'open', path)
      file = new MemoryFile(this.#clock.now())
      folder.entries.set(name, file)
    }
    return new MemoryFileHandle(path, file, mode !== 'read', this.#clock)
  }

  readFile(path: string): Uint8Array {
    const node = this.#find(path)
    if (!node) throw new FileSystemError('ENOENT', 'read', path)
    if (node.kind === 'directory') throw new FileSystemError('EISDIR', 'read', path)
    const bytes = new Uint8Array(node.size)
    node.read(bytes, 0)
    return bytes
  }

  stat(path: string): FileInfo | undefined {
    const node = this.#find(path)
    if (!node) return undefined
    return { kind: node.kind, size: node.kind === 'file' ? node.size : 0, modified: node.modified }
  }

  list(path: string): string[] {
    const node = this.#find(path)
    if (!node) throw new FileSystemError('ENOENT', 'list', path)
    if (node.kind === 'file') throw new FileSystemError('ENOTDIR', 'list', path)
    return [...node.entries.keys()].sort()
  }

  makeDirectory(path: string): void {
    let folder = this.#root
    for (const name of namesOf(path)) {
      let next = folder.entries.get(name)
      if (!next) {
        next = { kind: 'directory', entries: new Map(), modified: this.#clock.now() }
        folder.entries.set(name, next)
      }
      if (next.kind === 'file') throw new FileSystemError('ENOTDIR', 'mkdir', path)
      folder = next
    }
  }

  rename(from: string, to: string): void {
    const source = this.#parent('rename', from)
    const target = this.#parent('rename', to)
    const node = source.folder.entries.get(source.name)
    if (!node) throw new FileSystemError('ENOENT', 'rename', from)
    const replaced = target.folder.entries.get(target.name)
    if (replaced === node) return
    if (replaced?.kind === 'directory') {
      if (node.kind === 'file') throw new FileSystemError('EISDIR', 'rename', to)
      if (replaced.entries.size > 0) throw new FileSystemError('ENOTEMPTY', 'rename', to)
    } else if (replaced && node.kind === 'directory') {
      throw new FileSystemError('ENOTDIR', 'rename', to)
    }
    source.folder.entries.delete(source.name)
    target.folder.entries.set(target.name, node)
  }

  remove(path: string): void {
    const names = namesOf(path)
    const parent = this.#find(parentOf(names.join('/')))
    if (names.length > 0 && parent?.kind === 'directory') parent.entries.delete(names.at(-1) as string)
  }

  syncDirectory(path: string): Promise<void> {
    return this.#find(path) ? Promise.resolve() : Promise.reject(new FileSystemError('ENOENT', 'sync', path))
  }

  syncDirectoryNow(path: string): void {
    if (!this.#find(path)) throw new FileSystemError('ENOENT', 'sync', path)
  }

  lock(path: string): FolderLock {
    const key = namesOf(path).join('/')
    if (this.#locks.has(key)) throw new FileSystemError('ELOCKED', 'lock', path)
    this.#locks.add(key)
    return { release: () => void this.#locks.delete(key) }
  }

  #find(path: string): Folder | MemoryFile | undefined {
    let node: Folder | MemoryFile | undefined = this.#root
    for (const name of namesOf(path)) {
      if (node?.kind !== 'directory') return undefined
      node = node.entries.get(name)
    }
    return node
  }

  #parent(operation: string, path: string): { folder: Folder; name: string } {
    const names = namesOf(path)
    const name = names.pop()
    if (name === undefined) throw new FileSystemError('EISDIR', operation, path)
    const folder = this.#find(names.join('/'))
    if (!folder) throw new FileSystemError('ENOENT', operation, path)
    if (folder.kind === 'file') throw new FileSystemError('ENOTDIR', operation, path)
    return { folder, name }
  }
}

interface Folder {
  readonly kind: 'directory'
  readonly entries: Map<string, Folder | MemoryFile>
  modified: number
}

function namesOf(path: string): string[] {
  return path.split('/').filter((name) => name !== '' && name !== '.')
}

/** The bytes of a file. The first block doubles until it is full size, so that small files stay small. */
class MemoryFile {
  readonly kind = 'file'
  readonly #blocks: Uint8Array[] = []
  size = 0
  modified: number

  constructor(modified: number) {
    this.modified = modified
  }

  read(target: Uint8Array, position: number): number {
    const count = Math.max(0, Math.min(target.byteLength, this.size - position))
    let done = 0
    while (done < count) {
      const at = position + done
      const within = at % blockBytes
      const part = Math.min(count - done, blockBytes - within)
      const block = this.#blocks[(at - within) / blockBytes] as Uint8Array
      target.set(block.subarray(within, within + part), done)
      done += part
    }
    return count
  }

  write(source: Uint8Array, position: number): void {
    if (source.byteLength === 0) return
    const end = position + source.byteLength
    this.#reserve(end)
    let done = 0
    while (done < source.byteLength) {
      const at = position + done
      const within = at % blockBytes
      const part = Math.min(source.byteLength - done, blockBytes - within)
      const block = this.#blocks[(at - within) / blockBytes] as Uint8Array
      block.set(part === source.byteLength ? source : source.subarray(done, done + part), within)
      done += part
    }
    if (end > this.size) this.size = end
  }

  truncate(size: number): void {
    if (size >= this.size) {
      this.#reserve(size)
    } else {
      const kept = Math.ceil(size / blockBytes)
      this.#blocks.length = Math.min(this.#blocks.length, kept)
      // Growing again later must show zeros, not what was cut off.
      if (kept > 0) this.#blocks[kept - 1]?.fill(0, size - (kept - 1) * blockBytes)
    }
    this.size = size
  }

  #reserve(end: number): void {
    if (end === 0) return
    const wanted = Math.ceil(end / blockBytes)
    const first = this.#blocks[0]
    const firstWanted = wanted > 1 ? blockBytes : end
    if (!first || first.byteLength < firstWanted) {
      let capacity = first?.byteLength ?? firstBlockBytes
      while (capacity < firstWanted) capacity *= 2
      const grown = new Uint8Array(capacity)
      if (first) grown.set(first)
      this.#blocks[0] = grown
    }
    while (this.#blocks.length < wanted) this.#blocks.push(new Uint8Array(blockBytes))
  }
}

class MemoryFileHandle implements FileHandle {
  readonly path: string
  readonly #file: MemoryFile
  readonly #writable: boolean
  readonly #clock: Clock
  #closed = false

  constructor(path: string, file: MemoryFile, writable: boolean, clock: Clock) {
    this.path = path
    this.#file = file
    this.#writable = writable
    this.#clock = clock
  }

  read(target: Uint8Array, position: number): number {
    if (this.#closed) throw new FileSystemError('EBADF', 'read', this.path)
    return this.#file.read(target, position)
  }

  write(source: Uint8Array, position: number): void {
    this.#mayWrite('write')
    this.#file.write(source, position)
  }

  writev(sources: readonly Uint8Array[], position: number): void {
    this.#mayWrite('write')
    let at = position
    for (const source of sources) {
      this.#file.write(source, at)
      at += source.byteLength
    }
  }

  size(): number {
    if (this.#closed) throw new FileSystemError('EBADF', 'stat', this.path)
    return this.#file.size
  }

  truncate(size: number): void {
    if (!this.#writable) throw new FileSystemError('EINVAL', 'truncate', this.path)
    this.#mayWrite('truncate')
    this.#file.truncate(size)
  }

  sync(): Promise<void> {
    return this.#closed ? Promise.reject(new FileSystemError('EBADF', 'sync', this.path)) : Promise.resolve()
  }

  syncNow(): void {
    if (this.#closed) throw new FileSystemError('EBADF', 'sync', this.path)
  }

  close(): void {
    this.#closed = true
  }

  #mayWrite(operation: string): void {
    if (this.#closed || !this.#writable) throw new FileSystemError('EBADF', operation, this.path)
    this.#file.modified = this.#clock.now()
  }
}
