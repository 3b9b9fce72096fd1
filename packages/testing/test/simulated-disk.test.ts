import { FileSystemError, seededRandom, utf8 } from '@millrace/std'
import { ManualClock, SimulatedCrash, SimulatedDisk } from '@millrace/testing'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'

function makeDisk(seed = 1, capacity?: number): SimulatedDisk {
  const clock = new ManualClock()
  return new SimulatedDisk({ clock, random: seededRandom(seed), ...(capacity === undefined ? {} : { capacity }) })
}

/** A file that is there after any crash. */
function durableFile(disk: SimulatedDisk, path: string) {
  const file = disk.open(path, 'create')
  disk.syncDirectoryNow('.')
  return file
}

describe('SimulatedDisk', () => {
  test('a crash keeps what was synced, and of the rest only what was written', () => {
    const outcomes = new Set<string>()
    fc.assert(
      fc.property(fc.nat(), fc.uint8Array({ minLength: 1, maxLength: 2_000 }), (seed, later) => {
        const disk = makeDisk(seed)
        const file = durableFile(disk, 'f')
        const first = utf8('synced')
        file.write(first, 0)
        file.syncNow()
        file.write(later, first.byteLength)
        disk.restart()
        const content = disk.readFile('f')
        expect(content.subarray(0, first.byteLength)).toEqual(first)
        const rest = content.subarray(first.byteLength)
        expect(rest.byteLength).toBeLessThanOrEqual(later.byteLength)
        for (const [i, byte] of rest.entries()) expect([0, later[i]]).toContain(byte)
        outcomes.add(rest.byteLength === 0 ? 'none' : rest.byteLength === later.byteLength ? 'all' : 'torn')
      }),
    )
    expect([...outcomes].sort()).toEqual(['all', 'none', 'torn'])
  })

  test('a new, renamed or removed entry is safe only after its folder was synced', () => {
    const seen = new Set<string>()
    for (let seed = 0; seed < 40; seed++) {
      const disk = makeDisk(seed)
      const file = disk.open('old', 'create')
      file.write(utf8('x'), 0)
      file.syncNow()
      disk.syncDirectoryNow('.')
      disk.rename('old', 'new')
      disk.open('other', 'create')
      disk.restart()
      const names = disk.list('.')
      expect(names.filter((name) => name === 'old' || name === 'new')).toHaveLength(1)
      seen.add(names.join(' '))
    }
    expect([...seen].sort()).toEqual(['new', 'new other', 'old'])
  })

  test('crashes in the operation it was told, and every later one fails until the restart', () => {
    const disk = makeDisk()
    const file = durableFile(disk, 'f')
    disk.crashAfter(2)
    file.write(utf8('a'), 0)
    expect(() => file.write(utf8('b'), 1)).toThrow(SimulatedCrash)
    expect(() => disk.list('.')).toThrow(SimulatedCrash)
    disk.restart()
    expect(disk.list('.')).toEqual(['f'])
    expect(() => file.write(utf8('c'), 0)).toThrow(FileSystemError)
  })

  test('a failed sync loses what it covered: a later one does not bring it back', async () => {
    for (let seed = 0; seed < 20; seed++) {
      const disk = makeDisk(seed)
      const file = durableFile(disk, 'f')
      file.write(utf8('lost'), 0)
      disk.failNext('sync')
      await expect(file.sync()).rejects.toMatchObject({ code: 'EIO' })
      await file.sync()
      disk.restart()
      expect(disk.stat('f')?.size).toBe(0)
    }
  })

  test('a sync covers what was written before it began, not after', async () => {
    const sizes = new Set<number>()
    for (let seed = 0; seed < 40; seed++) {
      const disk = makeDisk(seed)
      const file = durableFile(disk, 'f')
      disk.holdSyncs()
      file.write(utf8('1234'), 0)
      const syncing = file.sync()
      file.write(utf8('5678'), 4)
      await Promise.resolve()
      await Promise.resolve()
      disk.resumeSyncs()
      await syncing
      disk.restart()
      sizes.add(disk.stat('f')?.size ?? -1)
    }
    expect(Math.min(...sizes)).toBe(4)
    expect(Math.max(...sizes)).toBe(8)
  })

  test('a full disk takes what fits and says ENOSPC', () => {
    const disk = makeDisk(1, 10)
    const file = durableFile(disk, 'f')
    file.write(utf8('12345678'), 0)
    expect(() => file.write(utf8('abcd'), 8)).toThrow(expect.objectContaining({ code: 'ENOSPC' }))
    expect(disk.usedBytes).toBe(10)
    file.truncate(8)
    disk.capacity = 100
    file.write(utf8('abcd'), 8)
    expect(disk.usedBytes).toBe(12)
  })

  test('the n-th operation of a kind fails, the others do not', () => {
    const disk = makeDisk()
    const file = durableFile(disk, 'f')
    disk.failNext('write', { skip: 1, code: 'EDQUOT' })
    file.write(utf8('a'), 0)
    expect(() => file.write(utf8('b'), 1)).toThrow(expect.objectContaining({ code: 'EDQUOT' }))
    file.write(utf8('c'), 1)
  })
})
