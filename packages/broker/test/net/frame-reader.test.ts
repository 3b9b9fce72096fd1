import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { BufferPool } from '../../src/net/buffer-pool.ts'
import { FrameError, FrameReader } from '../../src/net/frame-reader.ts'

const chunkBytes = 262_144

/** A frame whose bytes tell which one it is and where in it they are. */
function frameOf(index: number, size: number): Buffer {
  const frame = Buffer.alloc(4 + size)
  frame.writeInt32BE(size)
  for (let i = 0; i < size; i++) frame[4 + i] = (index * 31 + i) & 0xff
  return frame
}

/** Feeds `stream` to a reader in reads of the given sizes; other connections scribble over the shared chunk in between. */
function feed(stream: Buffer, reads: readonly number[], maxFrameBytes = 100_000_000) {
  const shared = Buffer.alloc(chunkBytes)
  const pool = new BufferPool(1 << 24)
  const reader = new FrameReader(shared, pool, maxFrameBytes)
  const frames: Buffer[] = []
  let lent: Uint8Array[] = []
  const sink = {
    frame: (bytes: Uint8Array, start: number, end: number) => lent.push(bytes.subarray(start, end)),
    endOfRead: () => {
      for (const bytes of lent) frames.push(Buffer.from(bytes))
      lent = []
    },
  }
  let position = 0
  for (let turn = 0; position < stream.length; turn++) {
    const target = reader.buffer()
    expect(target.byteLength).toBeGreaterThan(0)
    const count = Math.min(reads[turn % reads.length] as number, target.byteLength, stream.length - position)
    target.set(stream.subarray(position, position + count))
    position += count
    reader.received(count, sink)
    shared.fill(0xee)
  }
  reader.close()
  return { frames, lentBytes: pool.lentBytes }
}

describe('FrameReader', () => {
  test('cuts the same frames however the bytes arrive', () => {
    const size = fc.oneof(
      { weight: 6, arbitrary: fc.integer({ min: 0, max: 400 }) },
      { weight: 2, arbitrary: fc.integer({ min: 60_000, max: 140_000 }) },
      { weight: 1, arbitrary: fc.integer({ min: 1_000_000, max: 2_500_000 }) },
    )
    const read = fc.oneof(fc.integer({ min: 1, max: 700 }), fc.integer({ min: 50_000, max: 3_000_000 }))
    fc.assert(
      fc.property(fc.array(size, { maxLength: 12 }), fc.array(read, { minLength: 1, maxLength: 5 }), (sizes, reads) => {
        const frames = sizes.map((bytes, index) => frameOf(index, bytes))
        // Single bytes of a large stream would take for ever: one larger read keeps it going.
        const result = feed(Buffer.concat(frames), [...reads, 500_000])
        expect(result.frames.length).toBe(frames.length)
        for (const [i, frame] of frames.entries()) {
          expect(frame.subarray(4).equals(result.frames[i] as Buffer)).toBe(true)
        }
        expect(result.lentBytes).toBe(0)
      }),
      { numRuns: 60 },
    )
  })

  test('takes no memory for a length that is only announced', () => {
    const pool = new BufferPool(0)
    const reader = new FrameReader(Buffer.alloc(chunkBytes), pool, 2 ** 30)
    const header = Buffer.alloc(4)
    header.writeInt32BE(2 ** 30)
    reader.buffer().set(header)
    reader.received(4, { frame: () => {}, endOfRead: () => {} })
    expect(pool.lentBytes).toBeLessThanOrEqual(1_048_576)
  })

  test.each([-1, 1_001, 0x7fff_ffff, -0x8000_0000])(
    'refuses a frame of %d bytes after handing on those before it',
    (length) => {
      const bad = Buffer.alloc(4)
      bad.writeInt32BE(length)
      const good = frameOf(1, 10)
      const seen: number[] = []
      const reader = new FrameReader(Buffer.alloc(chunkBytes), new BufferPool(0), 1_000)
      const all = Buffer.concat([good, bad])
      reader.buffer().set(all)
      expect(() =>
        reader.received(all.length, { frame: (_bytes, start, end) => seen.push(end - start), endOfRead: () => {} }),
      ).toThrow(FrameError)
      expect(seen).toEqual([10])
    },
  )

  test.each([100_000, 100])('holds no memory when a frame of %d bytes makes its sink close it', (size) => {
    const shared = Buffer.alloc(chunkBytes)
    const pool = new BufferPool(1 << 24)
    const reader = new FrameReader(shared, pool, 100_000_000)
    // A frame alone, and one with the beginning of a large one behind it.
    for (const behind of [Buffer.alloc(0), frameOf(2, 500_000).subarray(0, 10_000)]) {
      const stream = Buffer.concat([frameOf(1, size), behind])
      shared.set(stream)
      reader.received(stream.length, { frame: () => reader.close(), endOfRead: () => {} })
      expect(pool.lentBytes).toBe(0)
    }
  })
})
