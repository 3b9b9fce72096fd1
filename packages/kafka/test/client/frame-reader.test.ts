import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { FrameReader } from '../../src/client/cluster/frame-reader.ts'

/** Feeds bytes as a network would: each read brings at most as many as there are and as fit. */
function feed(reader: FrameReader, bytes: Uint8Array, reads: readonly number[]): void {
  let at = 0
  for (let i = 0; at < bytes.byteLength; i++) {
    const target = reader.buffer()
    expect(target.byteLength).toBeGreaterThan(0)
    const count = Math.min(target.byteLength, bytes.byteLength - at, reads[i % reads.length] as number)
    target.set(bytes.subarray(at, at + count))
    at += count
    reader.received(count)
  }
}

function framed(frames: readonly Uint8Array[]): Uint8Array {
  return Buffer.concat(
    frames.map((frame) => {
      const size = Buffer.alloc(4)
      size.writeInt32BE(frame.byteLength)
      return Buffer.concat([size, frame])
    }),
  )
}

describe('FrameReader', () => {
  it('finds the frames, however the bytes come, and they stay what they are', () => {
    const length = fc.oneof(
      { weight: 6, arbitrary: fc.integer({ min: 4, max: 300 }) },
      { weight: 2, arbitrary: fc.integer({ min: 1_000, max: 70_000 }) },
      { weight: 1, arbitrary: fc.integer({ min: 60_000, max: 200_000 }) },
    )
    const read = fc.oneof(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 100, max: 100_000 }))
    fc.assert(
      fc.property(
        fc.array(length, { maxLength: 20 }),
        fc.array(read, { minLength: 1, maxLength: 5 }),
        (lengths, reads) => {
          fc.pre(Math.max(...reads) > 50 || lengths.every((n) => n < 1_000))
          const frames = lengths.map((n, i) => new Uint8Array(n).fill(i + 1))
          const seen: Buffer[] = []
          feed(new FrameReader({ maxFrameBytes: 1 << 20, onFrame: (frame) => seen.push(frame) }), framed(frames), reads)
          expect(seen.length).toBe(frames.length)
          for (const [i, frame] of frames.entries()) expect(seen[i]?.equals(frame)).toBe(true)
        },
      ),
    )
  })

  it.each([
    ['negative', -1],
    ['too small for an answer', 3],
    ['absurd', 0x7fff_ffff],
    ['beyond the limit', 1001],
    ['text of another protocol', Buffer.from('HTTP').readInt32BE()],
  ])('refuses a size that is %s, before it takes memory', (_, size) => {
    const reader = new FrameReader({ maxFrameBytes: 1000, onFrame: () => expect.unreachable() })
    const bytes = Buffer.alloc(4)
    bytes.writeInt32BE(size)
    expect(() => feed(reader, bytes, [4])).toThrow(/frame of/)
  })
})
