import { createRequire } from 'node:module'
import * as zlib from 'node:zlib'
import { asBuffer, MillraceError } from '@millrace/std'
import type { CompressionType } from './batch.ts'
import { CorruptCompressionError, DecompressedTooLargeError } from './errors.ts'
import { lz4FrameSize } from './lz4.ts'
import { compressXerial, decompressSnappy, type Snappy } from './xerial.ts'

interface Lz4 {
  compressFrameSync(data: Buffer): Buffer
  decompressFrameSync(data: Buffer): Buffer
}

const load = createRequire(import.meta.url)
let lz4Library: Lz4 | undefined
let snappyLibrary: Snappy | undefined

/** The native libraries are loaded when first needed: a client that uses neither starts without them. */
function native<T>(name: string): T {
  try {
    return load(name) as T
  } catch (cause) {
    throw new MillraceError('KAFKA_COMPRESSION_UNAVAILABLE', {
      message: `The compression library ${name} cannot be loaded on this machine.`,
      fix: `Install ${name} for this platform, or choose another compression.type (gzip and zstd are built in).`,
      cause,
    })
  }
}

function lz4(): Lz4 {
  lz4Library ??= native<Lz4>('lz4-napi')
  return lz4Library
}

function snappy(): Snappy {
  snappyLibrary ??= native<Snappy>('snappy')
  return snappyLibrary
}

/**
 * Compresses as Kafka's clients do: gzip (RFC 1952), zstd, snappy in xerial's framing, lz4 in its frame format with
 * independent blocks. `level` is the codec's own scale (gzip 1 to 9, zstd 1 to 22) and is ignored by the other two.
 */
export function compress(compression: CompressionType, data: Uint8Array, level?: number): Uint8Array {
  switch (compression) {
    case 'none':
      return data
    case 'gzip':
      return zlib.gzipSync(data, level === undefined ? undefined : { level })
    case 'zstd':
      return zlib.zstdCompressSync(
        data,
        level === undefined ? undefined : { params: { [zlib.constants.ZSTD_c_compressionLevel]: level } },
      )
    case 'snappy':
      return compressXerial(snappy(), data)
    case 'lz4':
      return lz4().compressFrameSync(asBuffer(data))
  }
}

/**
 * The reverse of {@link compress}; snappy is also read without framing. Takes at most `maxBytes` for the result.
 *
 * @throws {DecompressedTooLargeError} before the memory is taken
 * @throws {CorruptCompressionError}
 */
export function decompress(compression: CompressionType, data: Uint8Array, maxBytes: number): Uint8Array {
  switch (compression) {
    case 'none':
      return data
    case 'gzip':
      return bounded(compression, maxBytes, (options) => zlib.gunzipSync(data, options))
    case 'zstd':
      return bounded(compression, maxBytes, (options) => zlib.zstdDecompressSync(data, options))
    case 'snappy':
      return decompressSnappy(snappy(), data, maxBytes)
    case 'lz4': {
      const size = lz4FrameSize(data, maxBytes)
      if (size < 0) throw new CorruptCompressionError(compression)
      if (size > maxBytes) throw new DecompressedTooLargeError(compression, maxBytes)
      try {
        return lz4().decompressFrameSync(asBuffer(data))
      } catch (cause) {
        throw new CorruptCompressionError(compression, cause)
      }
    }
  }
}

function bounded(
  compression: CompressionType,
  maxBytes: number,
  decode: (options: { maxOutputLength: number }) => Uint8Array,
): Uint8Array {
  try {
    return decode({ maxOutputLength: Math.max(1, maxBytes) })
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') {
      throw new DecompressedTooLargeError(compression, maxBytes)
    }
    throw new CorruptCompressionError(compression, cause)
  }
}
