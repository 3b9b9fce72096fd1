import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { compress, CorruptCompressionError, DecompressedTooLargeError, decompress } from '../../src/records/index.ts'
import { lz4FrameSize } from '../../src/records/lz4.ts'
import {
  readVarint,
  readVarlong,
  varintEnd,
  varintSize,
  varlongSize,
  writeVarint,
  writeVarlong,
} from '../../src/records/varint.ts'
import snappy from 'snappy'

const codecs = ['gzip', 'snappy', 'lz4', 'zstd'] as const
const data = fc.oneof(
  fc.uint8Array({ maxLength: 2000 }),
  fc.tuple(fc.uint8Array({ minLength: 1, maxLength: 40 }), fc.integer({ min: 1, max: 6000 })).map(([unit, times]) => {
    const bytes = new Uint8Array(unit.byteLength * times)
    for (let i = 0; i < bytes.length; i++) bytes[i] = unit[i % unit.byteLength] as number
    return bytes
  }),
)

describe('compression', () => {
  it('comes back as it went in', () => {
    fc.assert(
      fc.property(fc.constantFrom(...codecs), data, (codec, bytes) => {
        expect(Buffer.from(decompress(codec, compress(codec, bytes), 1 << 20)).equals(bytes)).toBe(true)
      }),
    )
  })

  it('refuses more than the limit, to the byte', () => {
    for (const codec of codecs) {
      const packed = compress(codec, new Uint8Array(100_000))
      expect(decompress(codec, packed, 100_000).byteLength).toBe(100_000)
      expect(() => decompress(codec, packed, 99_999)).toThrow(DecompressedTooLargeError)
    }
  })

  it('says so when the data is cut short or no data of that codec', () => {
    for (const codec of codecs) {
      const packed = compress(codec, Buffer.from('a text that is long enough to be cut '.repeat(100)))
      for (const cut of [1, 5, packed.byteLength - 3]) {
        expect(() => decompress(codec, packed.subarray(0, packed.byteLength - cut), 1 << 20)).toThrow(
          CorruptCompressionError,
        )
      }
      expect(() => decompress(codec, Buffer.from('plain text, not packed'), 1 << 20)).toThrow(CorruptCompressionError)
    }
  })

  it('reads snappy without framing', () => {
    const raw = snappy.compressSync('hello hello hello')
    expect(Buffer.from(decompress('snappy', raw, 100)).toString()).toBe('hello hello hello')
    expect(() => decompress('snappy', raw, 10)).toThrow(DecompressedTooLargeError)
  })

  it('finds the size of an lz4 frame without decoding it', () => {
    fc.assert(
      fc.property(data, (bytes) => {
        expect(lz4FrameSize(compress('lz4', bytes), Number.MAX_SAFE_INTEGER)).toBe(bytes.byteLength)
      }),
    )
  })
})

describe('varints', () => {
  it('come back as they went in and take the bytes that were announced', () => {
    const edge = [0, 1, 63, 64, 8191, 8192, 2 ** 20 - 1, 2 ** 20, 2 ** 27 - 1, 2 ** 27, 2 ** 31 - 1]
    fc.assert(
      fc.property(fc.oneof(fc.integer(), fc.constantFrom(...edge, ...edge.map((n) => -n - 1))), (value) => {
        const bytes = new Uint8Array(5)
        const end = writeVarint(bytes, 0, value)
        expect(end).toBe(varintSize(value))
        expect(readVarint(bytes, 0, end)).toBe(value)
        expect(varintEnd).toBe(end)
        readVarint(bytes, 0, end - 1)
        expect(varintEnd).toBe(-1)
      }),
    )
  })

  it('the long ones as well', () => {
    const edge = [2 ** 31, 2 ** 34 - 1, 2 ** 34, 2 ** 41, 2 ** 48, 2 ** 53 - 2]
    fc.assert(
      fc.property(fc.oneof(fc.maxSafeInteger(), fc.constantFrom(...edge, ...edge.map((n) => -n - 1))), (value) => {
        const bytes = new Uint8Array(10)
        const end = writeVarlong(bytes, 0, value)
        expect(end).toBe(varlongSize(value))
        let zigzag = value < 0 ? -2n * BigInt(value) - 1n : 2n * BigInt(value)
        for (let i = 0; i < end; i++, zigzag >>= 7n) {
          expect(BigInt(bytes[i] as number)).toBe((zigzag & 0x7fn) | (i < end - 1 ? 0x80n : 0n))
        }
        expect(readVarlong(bytes, 0, end)).toBe(value)
        expect(varintEnd).toBe(end)
      }),
    )
  })
})
