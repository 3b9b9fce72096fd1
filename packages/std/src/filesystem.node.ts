import * as fs from 'node:fs'
import {
  type FileHandle,
  type FileInfo,
  type FileSystem,
  FileSystemError,
  type FolderLock,
  joinPath,
  type OpenMode,
  parentOf,
} from './filesystem.ts'

const flags: Record<OpenMode, number> = {
  read: fs.constants.O_RDONLY,
  write: fs.constants.O_RDWR,
  create: fs.constants.O_RDWR | fs.constants.O_CREAT,
  exclusive: fs.constants.O_RDWR | fs.constants.O_CREAT | fs.constants.O_EXCL,
}

/** Linux refuses more buffers than this in one writev (IOV_MAX). */
const maxBuffersPerWrite = 1024
/** Parts below this size on average are copied together first: handing one to the system costs 600 ns, copying it 50. */
const gatheredPartBytes = 4096
/** Writes are synchronous, so all files share it. */
const gathered = Buffer.allocUnsafeSlow(512 * 1024)

function attempt<T>(operation: string, path: string, run: () => T): T {
  try {
    return run()
  } catch (cause) {
    throw translate(cause, operation, path)
  }
}

function translate(cause: unknown, operation: string, path: string): FileSystemError {
  const code = (cause as NodeJS.ErrnoException)?.code ?? 'EIO'
  return new FileSystemError(code, operation, path, cause)
}

class NodeFileHandle implements FileHandle {
  readonly path: string
  readonly #fd: number

  constructor(path: string, fd: number) {
    this.path = path
    this.#fd = fd
  }

  read(target: Uint8Array, position: number): number {
    try {
      let done = 0
      while (done < target.byteLength) {
        const count = fs.readSync(this.#fd, target, done, target.byteLength - done, position + done)
        if (count === 0) break
        done += count
      }
      return done
    } catch (cause) {
      throw translate(cause, 'read', this.path)
    }
  }

  write(source: Uint8Array, position: number): void {
    try {
      let done = 0
      while (done < source.byteLength) {
        done += fs.writeSync(this.#fd, source, done, source.byteLength - done, position + done)
      }
    } catch (cause) {
      throw translate(cause, 'write', this.path)
    }
  }

  writev(sources: readonly Uint8Array[], position: number): void {
    if (sources.length === 1) {
      this.write(sources[0] as Uint8Array, position)
      return
    }
    let total = 0
    for (const part of sources) total += part.byteLength
    if (total <= gathered.byteLength && total < gatheredPartBytes * sources.length) {
      let end = 0
      for (const part of sources) {
        gathered.set(part, end)
        end += part.byteLength
      }
      this.write(gathered.subarray(0, total), position)
      return
    }
    try {
      let at = position
      for (let first = 0; first < sources.length; first += maxBuffersPerWrite) {
        const group = sources.slice(first, first + maxBuffersPerWrite)
        let expected = 0
        for (const part of group) expected += part.byteLength
        let written = fs.writevSync(this.#fd, group as Uint8Array[], at)
        // A short write happens at quotas and signals: finish part by part.
        let partStart = 0
        for (const part of group) {
          const missingFrom = Math.max(0, written - partStart)
          if (missingFrom < part.byteLength) {
            this.write(part.subarray(missingFrom), at + partStart + missingFrom)
            written = Math.max(written, partStart + part.byteLength)
          }
          partStart += part.byteLength
        }
        at += expected
      }
    } catch (cause) {
      throw cause instanceof FileSystemError ? cause : translate(cause, 'write', this.path)
    }
  }

  size(): number {
    return attempt('stat', this.path, () => fs.fstatSync(this.#fd).size)
  }

  truncate(size: number): void {
    attempt('truncate', this.path, () => fs.ftruncateSync(this.#fd, size))
  }

  sync(): Promise<void> {
    return new Promise((resolve, reject) => {
      fs.fdatasync(this.#fd, (cause) => (cause ? reject(translate(cause, 'sync', this.path)) : resolve()))
    })
  }

  syncNow(): void {
    attempt('sync', this.path, () => fs.fdatasyncSync(this.#fd))
  }

  close(): void {
    attempt('close', this.path, () => fs.closeSync(this.#fd))
  }
}

/** The host's files. */
export const nodeFileSystem: FileSystem = {
  open: (path, mode) => attempt('open', path, () => new NodeFileHandle(path, fs.openSync(path, flags[mode], 0o644))),
  readFile: (path) => attempt('read', path, () => fs.readFileSync(path)),
  stat: (path): FileInfo | undefined => {
    const stats = attempt('stat', path, () => fs.statSync(path, { throwIfNoEntry: false }))
    if (!stats) return undefined
    return { kind: stats.isDirectory() ? 'directory' : 'file', size: stats.size, modified: stats.mtimeMs }
  },
  volume: (path) =>
    attempt('stat', path, () => {
      const { bsize, blocks, bavail } = fs.statfsSync(path, { bigint: true })
      return { totalBytes: bsize * blocks, usableBytes: bsize * bavail }
    }),
  list: (path) => attempt('list', path, () => fs.readdirSync(path).sort()),
  makeDirectory: (path) => attempt('mkdir', path, () => makeFolders(path)),
  rename: (from, to) => attempt('rename', from, () => fs.renameSync(from, to)),
  remove: (path) => attempt('remove', path, () => fs.rmSync(path, { recursive: true, force: true })),
  syncDirectory: (path) =>
    new Promise((resolve, reject) => {
      fs.open(path, fs.constants.O_RDONLY, (openError, fd) => {
        if (openError) {
          reject(translate(openError, 'sync', path))
          return
        }
        fs.fsync(fd, (syncError) => {
          fs.close(fd, () => (syncError ? reject(translate(syncError, 'sync', path)) : resolve()))
        })
      })
    }),
  syncDirectoryNow: (path) =>
    attempt('sync', path, () => {
      const fd = fs.openSync(path, fs.constants.O_RDONLY)
      try {
        fs.fsyncSync(fd)
      } finally {
        fs.closeSync(fd)
      }
    }),
  lock: (path) => lockFolder(path),
}

/** Node's own recursive mkdir never returns where the system answers ENOENT for a folder that it does not allow (/proc). */
function makeFolders(path: string): void {
  // Mostly the folder around it is there: then one call is all.
  const problem = makeFolder(path)
  if (!problem) return
  if (fs.statSync(path, { throwIfNoEntry: false }))
    throw Object.assign(new Error(`${path} is not a folder`), { code: 'ENOTDIR' })
  const parent = parentOf(path)
  if (problem.code !== 'ENOENT' || parent === path) throw problem
  makeFolders(parent)
  const second = makeFolder(path)
  if (second) throw second
}

/** Undefined when the folder is there now, whoever has made it. */
function makeFolder(path: string): NodeJS.ErrnoException | undefined {
  try {
    fs.mkdirSync(path)
    return undefined
  } catch (cause) {
    return fs.statSync(path, { throwIfNoEntry: false })?.isDirectory() ? undefined : (cause as NodeJS.ErrnoException)
  }
}

/** Folders that this process holds: a second claim from the same process must fail as well. */
const held = new Set<string>()

/**
 * Node offers no flock, so the lock is a file `.lock` with the owner's process id and start time; one whose owner
 * is gone is taken over. The start time tells a recycled process id from the owner.
 */
function lockFolder(path: string): FolderLock {
  const folder = attempt('lock', path, () => fs.realpathSync(path))
  const file = joinPath(folder, '.lock')
  if (held.has(folder)) throw new FileSystemError('ELOCKED', 'lock', path)
  for (let tries = 0; tries < 3; tries++) {
    try {
      fs.writeFileSync(file, `${process.pid} ${startTimeOf(process.pid)}\n`, { flag: 'wx' })
      held.add(folder)
      return {
        release: () => {
          if (held.delete(folder)) fs.rmSync(file, { force: true })
        },
      }
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') throw translate(cause, 'lock', path)
      if (ownerIsAlive(file)) throw new FileSystemError('ELOCKED', 'lock', path, cause)
      fs.rmSync(file, { force: true })
    }
  }
  throw new FileSystemError('ELOCKED', 'lock', path)
}

function ownerIsAlive(file: string): boolean {
  let content: string
  try {
    content = fs.readFileSync(file, 'utf8')
  } catch {
    return false
  }
  const [pidText = '', started = ''] = content.trim().split(' ')
  const pid = Number(pidText)
  // Our own id without our claim in `held` is a leftover of an earlier process with the same id (a container, say).
  if (!Number.isInteger(pid) || pid <= 0 || pid === process.pid) return false
  try {
    process.kill(pid, 0)
  } catch (cause) {
    return (cause as NodeJS.ErrnoException).code === 'EPERM'
  }
  return started === '' || startTimeOf(pid) === '' || startTimeOf(pid) === started
}

/** Field 22 of /proc/PID/stat (clock ticks since boot), or '' where there is no /proc. */
function startTimeOf(pid: number): string {
  try {
    const stat = fs.readFileSync(`/proc/${pid}/stat`, 'utf8')
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? ''
  } catch {
    return ''
  }
}
