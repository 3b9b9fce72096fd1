import { crc32c as nativeCrc32c } from '@node-rs/crc32'

/**
 * From this many bytes on a call into the native library is quicker (its cost is the call and the view made for it) than
 * the tables in JavaScript. Measured on Node 24; see bench/records.bench.ts.
 */
const NATIVE_FROM_BYTES = 384
/** Only memory up to this size is remembered below, so that little is kept alive. */
const REMEMBERED_BYTES = 1_048_576

/** Castagnoli's polynomial, reflected (RFC 3720, appendix B.4). */
const POLYNOMIAL = 0x82f63b78

/** Sixteen tables of 256 entries: what a byte does to the checksum when that many bytes follow it. */
const TABLES = buildTables()

/** The last bytes and a view of them: small batches come many at a time from one piece of memory. */
let viewedBytes: Uint8Array = new Uint8Array(0)
let view: DataView = new DataView(viewedBytes.buffer)

function buildTables(): Int32Array {
  const tables = new Int32Array(16 * 256)
  for (let i = 0; i < 256; i++) {
    let crc = i
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1
    tables[i] = crc
  }
  for (let i = 256; i < tables.length; i++) {
    const before = tables[i - 256] as number
    tables[i] = (before >>> 8) ^ (tables[before & 0xff] as number)
  }
  return tables
}

/** CRC-32C of `bytes[start, end)` as an unsigned number. Both bounds must lie within `bytes`. */
export function crc32c(bytes: Uint8Array, start = 0, end = bytes.byteLength): number {
  if (end - start < NATIVE_FROM_BYTES) {
    if (bytes === viewedBytes) return tableCrc32c(view, start, end)
    if (bytes.buffer.byteLength <= REMEMBERED_BYTES) {
      viewedBytes = bytes
      view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
      return tableCrc32c(view, start, end)
    }
  }
  return nativeCrc32c(start === 0 && end === bytes.byteLength ? bytes : bytes.subarray(start, end))
}

/** The same by slicing-by-16 (Kounavis and Berry, 2005), with no call out of JavaScript. */
export function tableCrc32c(data: DataView, start: number, end: number): number {
  const t = TABLES
  let crc = -1
  let at = start
  for (const last = end - 16; at <= last; at += 16) {
    const a = crc ^ data.getInt32(at, true)
    const b = data.getInt32(at + 4, true)
    const c = data.getInt32(at + 8, true)
    const d = data.getInt32(at + 12, true)
    crc =
      (t[3840 + (a & 0xff)] as number) ^
      (t[3584 + ((a >>> 8) & 0xff)] as number) ^
      (t[3328 + ((a >>> 16) & 0xff)] as number) ^
      (t[3072 + (a >>> 24)] as number) ^
      (t[2816 + (b & 0xff)] as number) ^
      (t[2560 + ((b >>> 8) & 0xff)] as number) ^
      (t[2304 + ((b >>> 16) & 0xff)] as number) ^
      (t[2048 + (b >>> 24)] as number) ^
      (t[1792 + (c & 0xff)] as number) ^
      (t[1536 + ((c >>> 8) & 0xff)] as number) ^
      (t[1280 + ((c >>> 16) & 0xff)] as number) ^
      (t[1024 + (c >>> 24)] as number) ^
      (t[768 + (d & 0xff)] as number) ^
      (t[512 + ((d >>> 8) & 0xff)] as number) ^
      (t[256 + ((d >>> 16) & 0xff)] as number) ^
      (t[d >>> 24] as number)
  }
  for (const last = end - 4; at <= last; at += 4) {
    const a = crc ^ data.getInt32(at, true)
    crc =
      (t[768 + (a & 0xff)] as number) ^
      (t[512 + ((a >>> 8) & 0xff)] as number) ^
      (t[256 + ((a >>> 16) & 0xff)] as number) ^
      (t[a >>> 24] as number)
  }
  for (; at < end; at++) crc = (crc >>> 8) ^ (t[(crc ^ data.getUint8(at)) & 0xff] as number)
  return ~crc >>> 0
}
