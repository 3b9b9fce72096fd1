import { spawn, spawnSync } from 'node:child_process'
import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { type FileSystem, MemoryFileSystem, nodeFileSystem, systemClock, utf8, writeFileAtomic } from '../src/index.ts'

/** How many bytes the next writev calls take before they return early; undefined: all. */
let shortWrites: number[] = []

vi.mock('node:fs', async (importOriginal) => {
  const original = await importOriginal<typeof import('node:fs')>()
  return {
    ...original,
    writevSync: (fd: number, parts: Uint8Array[], position: number) => {
      const limit = shortWrites.shift()
      if (limit === undefined) return original.writevSync(fd, parts, position)
      const all = Buffer.concat(parts)
      return original.writeSync(fd, all, 0, Math.min(limit, all.length), position)
    },
  }
})

let folder: string

beforeEach(() => {
  folder = fs.mkdtempSync(join(tmpdir(), 'millrace-std-'))
  shortWrites = []
})
afterEach(() => fs.rmSync(folder, { recursive: true, force: true }))

const codeOf = (run: () => unknown) => {
  try {
    run()
    return undefined
  } catch (error) {
    return (error as { code: string }).code
  }
}

describe.each(['node', 'memory'] as const)('the %s file system', (kind) => {
  let files: FileSystem
  beforeEach(() => {
    files = kind === 'node' ? nodeFileSystem : new MemoryFileSystem({ clock: systemClock })
    files.makeDirectory(folder)
  })

  test('any sequence of writes, truncations and reads is that of an array of bytes', () => {
    const bytes = fc.uint8Array({ maxLength: 40 })
    const position = fc.nat(120)
    const operation = fc.oneof(
      fc.record({ kind: fc.constant('write' as const), position, parts: fc.tuple(bytes) }),
      fc.record({
        kind: fc.constant('write' as const),
        position,
        parts: fc.array(bytes, { minLength: 2, maxLength: 5 }),
      }),
      fc.record({ kind: fc.constant('truncate' as const), position }),
      fc.record({ kind: fc.constant('read' as const), position, count: fc.nat(60) }),
    )
    let run = 0
    fc.assert(
      fc.property(
        fc.array(operation, { maxLength: 30 }),
        fc.array(fc.integer({ min: 0, max: 60 }), { maxLength: 4 }),
        (operations, limits) => {
          const file = files.open(`${folder}/model-${run++}`, 'exclusive')
          shortWrites = [...limits]
          let model = Buffer.alloc(0)
          for (const step of operations) {
            if (step.kind === 'read') {
              const target = new Uint8Array(step.count).fill(0xee)
              const count = file.read(target, step.position)
              const expected = model.subarray(step.position, step.position + step.count)
              expect(count).toBe(expected.length)
              expect(Buffer.from(target.subarray(0, count)).equals(expected)).toBe(true)
            } else {
              const content = step.kind === 'write' ? Buffer.concat(step.parts) : Buffer.alloc(0)
              const end = step.position + content.length
              const size =
                step.kind === 'truncate'
                  ? step.position
                  : content.length > 0
                    ? Math.max(model.length, end)
                    : model.length
              const next = Buffer.alloc(size)
              model.copy(next)
              content.copy(next, step.position)
              model = next
              if (step.kind === 'truncate') file.truncate(step.position)
              else if (step.parts.length === 1) file.write(step.parts[0], step.position)
              else file.writev(step.parts, step.position)
            }
            expect(file.size()).toBe(model.length)
          }
          file.close()
          expect(Buffer.from(files.readFile(file.path)).equals(model)).toBe(true)
        },
      ),
      { numRuns: 150 },
    )
  })

  test('more buffers than the system takes in one call are all written, in order', () => {
    const parts = Array.from({ length: 2500 }, (_, i) => utf8(`${i},`))
    const file = files.open(`${folder}/many`, 'create')
    file.writev(parts, 3)
    file.close()
    expect(Buffer.concat(parts).equals(files.readFile(`${folder}/many`).subarray(3))).toBe(true)
  })

  test('modes', () => {
    const path = `${folder}/a`
    expect(codeOf(() => files.open(path, 'read'))).toBe('ENOENT')
    expect(codeOf(() => files.open(path, 'write'))).toBe('ENOENT')
    const created = files.open(path, 'create')
    created.write(utf8('abc'), 0)
    created.close()
    expect(codeOf(() => files.open(path, 'exclusive'))).toBe('EEXIST')
    const again = files.open(path, 'create')
    expect(again.size()).toBe(3)
    again.close()
    const reader = files.open(path, 'read')
    expect(codeOf(() => reader.write(utf8('x'), 0))).toBe('EBADF')
    reader.close()
    expect(codeOf(() => reader.size())).toBe('EBADF')
    expect(codeOf(() => files.open(`${folder}/no/such`, 'create'))).toBe('ENOENT')
  })

  test('folders: made with those above, listed sorted, renamed over a file, removed with their content', () => {
    files.makeDirectory(`${folder}/x/y/z`)
    writeFileAtomic(files, `${folder}/x/b`, utf8('1'))
    writeFileAtomic(files, `${folder}/x/a`, utf8('22'))
    expect(files.list(`${folder}/x`)).toEqual(['a', 'b', 'y'])
    expect(files.stat(`${folder}/x/a`)).toMatchObject({ kind: 'file', size: 2 })
    expect(files.stat(`${folder}/x/y`)).toMatchObject({ kind: 'directory' })
    files.rename(`${folder}/x/a`, `${folder}/x/b`)
    expect(Buffer.from(files.readFile(`${folder}/x/b`)).toString()).toBe('22')
    expect(codeOf(() => files.rename(`${folder}/x/a`, `${folder}/x/c`))).toBe('ENOENT')
    expect(codeOf(() => files.list(`${folder}/none`))).toBe('ENOENT')
    files.remove(`${folder}/x`)
    expect(files.stat(`${folder}/x`)).toBeUndefined()
    files.remove(`${folder}/x`)
  })

  test('a folder cannot be made where a file is in the way; one that is there already is fine', () => {
    files.open(`${folder}/file`, 'create').close()
    expect(codeOf(() => files.makeDirectory(`${folder}/file/below`))).toBe('ENOTDIR')
    expect(codeOf(() => files.makeDirectory(`${folder}/file`))).toBe('ENOTDIR')
    files.makeDirectory(`${folder}/twice/`)
    files.makeDirectory(`${folder}//twice`)
    expect(files.list(folder)).toEqual(['file', 'twice'])
  })

  test('an atomic write replaces the whole content and leaves nothing beside it', async () => {
    writeFileAtomic(files, `${folder}/state`, utf8('a longer content'))
    writeFileAtomic(files, `${folder}/state`, utf8('short'))
    expect(Buffer.from(files.readFile(`${folder}/state`)).toString()).toBe('short')
    expect(files.list(folder)).toEqual(['state'])
    await files.syncDirectory(folder)
    await expect(files.syncDirectory(`${folder}/none`)).rejects.toMatchObject({ code: 'ENOENT' })
  })

  test('a folder is locked once, until it is released', () => {
    const lock = files.lock(folder)
    expect(codeOf(() => files.lock(folder))).toBe('ELOCKED')
    lock.release()
    lock.release()
    files.lock(folder).release()
  })
})

describe('the lock of a real folder', () => {
  test('is refused while another living process holds it, and taken over when that is gone', async () => {
    const holder = spawn(process.execPath, [
      '--conditions=millrace-source',
      '--input-type=module',
      '-e',
      `const { nodeFileSystem } = await import('@millrace/std'); nodeFileSystem.lock(${JSON.stringify(folder)}); console.log('held'); setInterval(() => {}, 1000)`,
    ])
    try {
      await new Promise((resolve) => holder.stdout.once('data', resolve))
      expect(codeOf(() => nodeFileSystem.lock(folder))).toBe('ELOCKED')
    } finally {
      holder.kill('SIGKILL')
    }
    await new Promise((resolve) => holder.once('close', resolve))
    nodeFileSystem.lock(folder).release()
    expect(fs.readdirSync(folder)).toEqual([])
  })

  test('a lock file of a process that is gone, or that makes no sense, is taken over', () => {
    const { pid } = spawnSync(process.execPath, ['-e', ''])
    for (const content of [`${pid} 1\n`, 'nonsense', '', `${process.pid} 1\n`]) {
      fs.writeFileSync(join(folder, '.lock'), content)
      nodeFileSystem.lock(folder).release()
    }
  })

  test.runIf(process.platform === 'linux')('a recycled process id is not the owner', () => {
    // Process 1 lives, and did not start at this tick.
    fs.writeFileSync(join(folder, '.lock'), '1 999999999999\n')
    nodeFileSystem.lock(folder).release()
  })
})

test('a short writev goes on where it stopped, also when nothing was taken', () => {
  const file = nodeFileSystem.open(join(folder, 'short'), 'create')
  shortWrites = [0, 4, 7]
  for (let i = 0; i < 3; i++) file.writev([utf8('abc'), utf8('defg'), utf8('h')], i * 8)
  file.close()
  expect(fs.readFileSync(join(folder, 'short'), 'utf8')).toBe('abcdefgh'.repeat(3))
})

test.runIf(process.platform === 'linux')(
  'a folder that the system does not allow is an error, not an endless loop',
  () => {
    expect(codeOf(() => nodeFileSystem.makeDirectory('/proc/millrace/data'))).toBe('ENOENT')
  },
)

test('what the system reports comes with operation, path and code', () => {
  expect(() => nodeFileSystem.open(join(folder, 'none'), 'read')).toThrow(`open ${join(folder, 'none')}: ENOENT`)
})
