import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  type FileHandle,
  type FileSystem,
  FileSystemError,
  nodeFileSystem,
  type OpenMode,
  seededRandom,
} from '@millrace/std'
import { ManualClock, MemoryFileSystem, SimulatedDisk } from '@millrace/testing'
import fc from 'fast-check'
import { afterAll, describe, expect, test } from 'vitest'

/** One step of a program that uses files; paths and handles are taken from small pools so that steps meet. */
const filePath = fc.constantFrom('a', 'b', 'd/a', 'd/b', 'd/e/a')
const folderPath = fc.constantFrom('d', 'd/e')
const path = fc.oneof(filePath, folderPath)
const position = fc.oneof(
  fc.nat(40),
  fc.integer({ min: 262_100, max: 262_200 }),
  fc.integer({ min: 524_000, max: 525_000 }),
)
const step = fc.oneof(
  fc.record({
    kind: fc.constant('open' as const),
    path: filePath,
    mode: fc.constantFrom<OpenMode>('read', 'write', 'create', 'exclusive'),
  }),
  fc.record({
    kind: fc.constant('write' as const),
    handle: fc.nat(5),
    position,
    bytes: fc.uint8Array({ maxLength: 60 }),
  }),
  fc.record({
    kind: fc.constant('writev' as const),
    handle: fc.nat(5),
    position,
    bytes: fc.uint8Array({ maxLength: 60 }),
    parts: fc.integer({ min: 1, max: 4 }),
  }),
  fc.record({ kind: fc.constant('read' as const), handle: fc.nat(5), position, length: fc.nat(80) }),
  fc.record({ kind: fc.constant('truncate' as const), handle: fc.nat(5), size: position }),
  fc.record({ kind: fc.constant('size' as const), handle: fc.nat(5) }),
  fc.record({ kind: fc.constant('sync' as const), handle: fc.nat(5) }),
  fc.record({ kind: fc.constant('close' as const), handle: fc.nat(5) }),
  fc.record({ kind: fc.constant('mkdir' as const), path: folderPath }),
  fc.record({ kind: fc.constant('list' as const), path }),
  fc.record({ kind: fc.constant('stat' as const), path }),
  fc.record({ kind: fc.constant('readFile' as const), path }),
  fc.record({
    kind: fc.constant('rename' as const),
    path: fc.constantFrom('a', 'b', 'd/a'),
    to: fc.constantFrom('a', 'b', 'd/b', 'c'),
  }),
  fc.record({ kind: fc.constant('remove' as const), path }),
)
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never

/** What each step answered: a value, or the code of its error. */
function trace(fs: FileSystem, root: string, steps: readonly Step[]): unknown[] {
  const handles: FileHandle[] = []
  const at = (name: string) => `${root}/${name}`
  const seen = steps.map((one) => {
    try {
      switch (one.kind) {
        case 'open':
          handles.push(fs.open(at(one.path), one.mode))
          return 'opened'
        case 'mkdir':
          return fs.makeDirectory(at(one.path))
        case 'list':
          return fs.list(at(one.path))
        case 'stat': {
          const info = fs.stat(at(one.path))
          return info && [info.kind, info.kind === 'file' ? info.size : 0]
        }
        case 'readFile':
          return Buffer.from(fs.readFile(at(one.path))).toString('base64')
        case 'rename':
          return fs.rename(at(one.path), at(one.to))
        case 'remove':
          return fs.remove(at(one.path))
        default:
          return useHandle(handles[one.handle % Math.max(1, handles.length)], one)
      }
    } catch (cause) {
      if (!(cause instanceof FileSystemError)) throw cause
      return cause.code
    }
  })
  for (const handle of handles) handle.close()
  return seen
}

function useHandle(handle: FileHandle | undefined, one: Extract<Step, { handle: number }>): unknown {
  if (!handle || closed.has(handle)) return 'no handle'
  switch (one.kind) {
    case 'write':
      return handle.write(one.bytes, one.position)
    case 'writev': {
      const size = Math.ceil(one.bytes.byteLength / one.parts) || 1
      const parts = Array.from({ length: one.parts }, (_, i) => one.bytes.subarray(i * size, (i + 1) * size))
      return handle.writev(parts, one.position)
    }
    case 'read': {
      const target = new Uint8Array(one.length)
      return [handle.read(target, one.position), Buffer.from(target).toString('base64')]
    }
    case 'truncate':
      return handle.truncate(one.size)
    case 'size':
      return handle.size()
    case 'sync':
      return handle.syncNow()
    case 'close':
      closed.add(handle)
      return undefined
  }
}

/** Closed at the end of a run: what a closed handle does differs between systems, and nobody may rely on it. */
const closed = new WeakSet<FileHandle>()

describe('file systems', () => {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-fs-'))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))
  let run = 0

  test('in memory, simulated and real ones answer alike', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const clock = new ManualClock()
        const root = join(folder, String(run++))
        const make = (fs: FileSystem) => {
          fs.makeDirectory(root)
          return trace(fs, root, steps)
        }
        const real = make(nodeFileSystem)
        rmSync(root, { recursive: true, force: true })
        expect(normalise(make(new MemoryFileSystem({ clock })))).toEqual(normalise(real))
        expect(normalise(make(new SimulatedDisk({ clock, random: seededRandom(1) })))).toEqual(normalise(real))
      }),
      { numRuns: 150 },
    )
  })

  test.each([
    ['memory', () => new MemoryFileSystem({ clock: new ManualClock() })],
    ['simulated', () => new SimulatedDisk({ clock: new ManualClock(), random: seededRandom(1) })],
    ['real', () => nodeFileSystem],
  ])('%s: a folder can be held once', (_name, make) => {
    const fs = make()
    const path = join(folder, 'held')
    fs.makeDirectory(path)
    const lock = fs.lock(path)
    expect(() => fs.lock(path)).toThrow(expect.objectContaining({ code: 'ELOCKED' }))
    lock.release()
    fs.lock(path).release()
  })
})

/** Systems differ in which of these codes they give for a path through a file. */
function normalise(seen: unknown[]): unknown[] {
  return seen.map((value) => (value === 'ENOTDIR' || value === 'ENOENT' || value === 'EEXIST' ? 'refused' : value))
}
