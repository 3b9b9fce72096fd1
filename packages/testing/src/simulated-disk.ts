import {
  type Clock,
  type FileHandle,
  type FileInfo,
  type FileSystem,
  FileSystemError,
  type FolderLock,
  nextInt,
  type OpenMode,
  type Random,
  type Timers,
} from '@millrace/std'
import { SimulatedFile } from './simulated-file.ts'
import { SimulatedFolder, type SimulatedNode } from './simulated-folder.ts'

/** What every operation throws from a crash on until the restart. */
export class SimulatedCrash extends Error {
  override name = 'SimulatedCrash'
}

/** Operations that change something or bring it to the device; reads are not counted, a crash there shows nothing new. */
export type DiskOperation = 'create' | 'write' | 'truncate' | 'sync' | 'mkdir' | 'rename' | 'remove'

export interface SimulatedDiskOptions {
  readonly clock: Clock
  /** Decides what a crash leaves. Seed it to repeat a run. */
  readonly random: Random
  /** Bytes that fit; more is answered with ENOSPC. */
  readonly capacity?: number
  /** How long a sync takes, in milliseconds of `timers`; by default it is over with the next promise. */
  readonly syncs?: { readonly timers: Timers; readonly delayMs: () => number }
}

/**
 * A disk that can lose power, fail and run full. Data is safe only after a file's `sync`, a new, renamed or removed
 * entry only after its folder's `syncDirectory`.
 *
 * @example
 * const disk = new SimulatedDisk({ clock, random: seededRandom(1) })
 * for (let n = 1; n <= operationsOfARun; n++) {
 *   disk.crashAfter(n)
 *   try { run(disk) } catch (e) { if (!(e instanceof SimulatedCrash)) throw e }
 *   disk.restart()
 *   check(disk)
 * }
 */
export class SimulatedDisk implements FileSystem {
  readonly #clock: Clock
  readonly #random: Random
  readonly #root: SimulatedFolder
  readonly #locks = new Set<string>()
  readonly #syncs: SimulatedDiskOptions['syncs']
  #generation = 0
  #crashed = false
  #crashIn = Number.POSITIVE_INFINITY
  #failures: { operation: DiskOperation; code: string; skip: number }[] = []
  #held: (() => void)[] | undefined
  capacity: number
  /** Called when power fails in the middle of an operation: whatever runs on this machine must end before it does anything more. */
  onPowerFailure: () => void = () => {}
  /** Operations so far. */
  operations = 0

  constructor(options: SimulatedDiskOptions) {
    this.#clock = options.clock
    this.#random = options.random
    this.#syncs = options.syncs
    this.capacity = options.capacity ?? Number.POSITIVE_INFINITY
    this.#root = new SimulatedFolder(options.clock.now())
  }

  /** Power fails in the `count`-th operation from now. */
  crashAfter(count: number): void {
    this.#crashIn = count
  }

  get crashed(): boolean {
    return this.#crashed
  }

  /** The next operation of this kind, after `skip` of them, fails with `code` (EIO). */
  failNext(operation: DiskOperation, options: { code?: string; skip?: number } = {}): void {
    this.#failures.push({ operation, code: options.code ?? 'EIO', skip: options.skip ?? 0 })
  }

  /** Syncs wait until {@link resumeSyncs}. */
  holdSyncs(): void {
    this.#held ??= []
  }

  resumeSyncs(): void {
    const held = this.#held ?? []
    this.#held = undefined
    for (const resume of held) resume()
  }

  /** Power fails now, if it has not yet, and comes back: what was not synced is there or not; old handles are dead. */
  restart(): void {
    this.#crashed = false
    this.#crashIn = Number.POSITIVE_INFINITY
    this.#failures = []
    this.#generation++
    this.#locks.clear()
    this.#root.crash(this.#random)
    this.resumeSyncs()
  }

  /** The process ended, the power did not: all that was written is there, synced or not; old handles are dead. */
  killProcess(): void {
    this.#crashIn = Number.POSITIVE_INFINITY
    this.#failures = []
    this.#generation++
    this.#locks.clear()
    this.resumeSyncs()
  }

  /** Bytes in all files. */
  get usedBytes(): number {
    return sizeOf(this.#root)
  }

  open(path: string, mode: OpenMode): FileHandle {
    this.#alive()
    const { folder, name } = this.#parent('open', path)
    let file = folder.entries.get(name)
    if (file?.kind === 'directory') throw new FileSystemError('EISDIR', 'open', path)
    if (file && mode === 'exclusive') throw new FileSystemError('EEXIST', 'open', path)
    if (!file) {
      if (mode === 'read' || mode === 'write') throw new FileSystemError('ENOENT', 'open', path)
      const created = new SimulatedFile(this.#clock.now())
      this.#perform('create', path, () => folder.change([[name, created]]))
      file = created
    }
    return this.#handle(path, file, mode !== 'read')
  }

  readFile(path: string): Uint8Array {
    this.#alive()
    const node = this.#find(path)
    if (!node) throw new FileSystemError('ENOENT', 'read', path)
    if (node.kind === 'directory') throw new FileSystemError('EISDIR', 'read', path)
    const bytes = new Uint8Array(node.size)
    node.read(bytes, 0)
    return bytes
  }

  stat(path: string): FileInfo | undefined {
    this.#alive()
    const node = this.#find(path)
    return node && { kind: node.kind, size: node.size, modified: node.modified }
  }

  list(path: string): string[] {
    this.#alive()
    const node = this.#find(path)
    if (!node) throw new FileSystemError('ENOENT', 'list', path)
    if (node.kind === 'file') throw new FileSystemError('ENOTDIR', 'list', path)
    return [...node.entries.keys()].sort()
  }

  makeDirectory(path: string): void {
    this.#alive()
    let folder = this.#root
    for (const name of namesOf(path)) {
      const parent = folder
      let next = folder.entries.get(name)
      if (!next) {
        const created = new SimulatedFolder(this.#clock.now())
        this.#perform('mkdir', path, () => parent.change([[name, created]]))
        next = created
      }
      if (next.kind === 'file') throw new FileSystemError('ENOTDIR', 'mkdir', path)
      folder = next
    }
  }

  rename(from: string, to: string): void {
    this.#alive()
    const source = this.#parent('rename', from)
    const target = this.#parent('rename', to)
    const node = source.folder.entries.get(source.name)
    if (!node) throw new FileSystemError('ENOENT', 'rename', from)
    this.#perform('rename', from, () => {
      if (source.folder === target.folder) {
        source.folder.change([
          [source.name, undefined],
          [target.name, node],
        ])
        return
      }
      target.folder.change([[target.name, node]])
      source.folder.change([[source.name, undefined]])
    })
  }

  remove(path: string): void {
    this.#alive()
    const names = namesOf(path)
    const name = names.pop() as string
    const folder = this.#find(names.join('/'))
    if (folder?.kind !== 'directory' || !folder.entries.has(name)) return
    this.#perform('remove', path, () => folder.change([[name, undefined]]))
  }

  async syncDirectory(path: string): Promise<void> {
    this.#alive()
    await this.#sync(path, this.#folder(path))
  }

  syncDirectoryNow(path: string): void {
    this.#alive()
    this.#syncNow(path, this.#folder(path))
  }

  lock(path: string): FolderLock {
    this.#alive()
    const key = namesOf(path).join('/')
    if (this.#locks.has(key)) throw new FileSystemError('ELOCKED', 'lock', path)
    this.#locks.add(key)
    return { release: () => void this.#locks.delete(key) }
  }

  #handle(path: string, file: SimulatedFile, writable: boolean): FileHandle {
    const generation = this.#generation
    let closed = false
    const usable = (operation: string) => {
      this.#alive()
      if (closed || generation !== this.#generation) throw new FileSystemError('EBADF', operation, path)
    }
    const write = (source: Uint8Array, position: number) => {
      usable('write')
      if (!writable) throw new FileSystemError('EBADF', 'write', path)
      const room = this.capacity - (this.usedBytes - file.size) - position
      const fits = source.byteLength <= room || position + source.byteLength <= file.size
      this.#perform(
        'write',
        path,
        () => {
          file.modified = this.#clock.now()
          if (fits) file.write(source, position)
          else if (room > 0) file.write(source.subarray(0, room), position)
          if (!fits) throw new FileSystemError('ENOSPC', 'write', path)
        },
        () => file.write(source.subarray(0, nextInt(this.#random, source.byteLength + 1)), position),
      )
    }
    return {
      path,
      read: (target, position) => {
        usable('read')
        return file.read(target, position)
      },
      write,
      writev: (sources, position) => write(Buffer.concat(sources as Uint8Array[]), position),
      size: () => {
        usable('stat')
        return file.size
      },
      truncate: (size) => {
        usable('truncate')
        if (!writable) throw new FileSystemError('EINVAL', 'truncate', path)
        this.#perform('truncate', path, () => file.truncate(size))
      },
      sync: async () => {
        usable('sync')
        await this.#sync(path, file)
      },
      syncNow: () => {
        usable('sync')
        this.#syncNow(path, file)
      },
      close: () => {
        closed = true
      },
    }
  }

  async #sync(path: string, node: SimulatedNode): Promise<void> {
    const count = node.pendingChanges
    const generation = this.#generation
    const failed = () => node.syncFailed(count)
    this.#perform('sync', path, () => {}, failed)
    await this.#wait()
    const held = this.#held
    if (held) await new Promise<void>((resolve) => held.push(resolve))
    if (this.#crashed || generation !== this.#generation) throw new SimulatedCrash()
    node.synced(count)
  }

  #wait(): Promise<void> {
    const syncs = this.#syncs
    if (!syncs) return Promise.resolve()
    return new Promise((resolve) => syncs.timers.schedule(syncs.delayMs(), resolve))
  }

  #syncNow(path: string, node: SimulatedNode): void {
    const count = node.pendingChanges
    this.#perform(
      'sync',
      path,
      () => node.synced(count),
      () => node.syncFailed(count),
    )
  }

  /** Counts, crashes or fails as planned. A crash comes before a sync's effect, and after that of anything else. */
  #perform(operation: DiskOperation, path: string, effect: () => void, onFailure?: () => void): void {
    this.operations++
    this.#crashIn--
    if (this.#crashIn <= 0) {
      if (operation !== 'sync') effect()
      this.#crashed = true
      this.onPowerFailure()
      throw new SimulatedCrash(`power failed during ${operation} ${path}`)
    }
    const failure = this.#failures.find((planned) => planned.operation === operation)
    if (failure && failure.skip-- === 0) {
      this.#failures.splice(this.#failures.indexOf(failure), 1)
      onFailure?.()
      throw new FileSystemError(failure.code, operation, path)
    }
    effect()
  }

  #alive(): void {
    if (this.#crashed) throw new SimulatedCrash('the disk has no power')
  }

  #find(path: string): SimulatedNode | undefined {
    let node: SimulatedNode | undefined = this.#root
    for (const name of namesOf(path)) {
      if (node?.kind !== 'directory') return undefined
      node = node.entries.get(name)
    }
    return node
  }

  #folder(path: string): SimulatedFolder {
    const node = this.#find(path)
    if (node?.kind !== 'directory') throw new FileSystemError('ENOENT', 'sync', path)
    return node
  }

  #parent(operation: string, path: string): { folder: SimulatedFolder; name: string } {
    const names = namesOf(path)
    const name = names.pop()
    if (name === undefined) throw new FileSystemError('EISDIR', operation, path)
    const folder = this.#find(names.join('/'))
    if (folder?.kind !== 'directory') throw new FileSystemError('ENOENT', operation, path)
    return { folder, name }
  }
}

function namesOf(path: string): string[] {
  return path.split('/').filter((name) => name !== '' && name !== '.')
}

function sizeOf(node: SimulatedNode): number {
  if (node.kind === 'file') return node.size
  let size = 0
  for (const child of node.entries.values()) size += sizeOf(child)
  return size
}
