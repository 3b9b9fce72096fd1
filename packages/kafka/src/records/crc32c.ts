import { crc32c as nativeCrc32c } from '@node-rs/crc32'

/**
 * Up to this many bytes the table in JavaScript is quicker than a call into the native library (whose cost is the call
 * and the view made for it). Measured on Node 24; see bench/records.bench.ts.
 */
const NATIVE_FROM_BYTES = 192

/** Castagnoli's polynomial, reflected (RFC 3720, appendix B.4). */
const POLYNOMIAL = 0x82f63b78

const TABLES = buildTables()
const T0 = TABLES.subarray(0, 256)
const T1 = TABLES.subarray(256, 512)
const T2 = TABLES.subarray(512, 768)
const T3 = TABLES.subarray(768, 1024)
const T4 = TABLES.subarray(1024, 1280)
const T5 = TABLES.subarray(1280, 1536)
const T6 = TABLES.subarray(1536, 1792)
const T7 = TABLES.subarray(1792, 2048)

function buildTables(): Int32Array {
  const tables = new Int32Array(8 * 256)
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
  if (end - start >= NATIVE_FROM_BYTES) {
    return nativeCrc32c(start === 0 && end === bytes.byteLength ? bytes : bytes.subarray(start, end))
  }
  return tableCrc32c(bytes, start, end)
}

/** The same by slicing-by-8 (Kounavis and Berry, 2005), with no call out of JavaScript. */
export function tableCrc32c(bytes: Uint8Array, start: number, end: number): number {
  let crc = -1
  let at = start
  for (const last = end - 8; at <= last; at += 8) {
    const low =
      crc ^
      ((bytes[at] as number) |
        ((bytes[at + 1] as number) << 8) |
        ((bytes[at + 2] as number) << 16) |
        ((bytes[at + 3] as number) << 24))
    crc =
      (T7[low & 0xff] as number) ^
      (T6[(low >>> 8) & 0xff] as number) ^
      (T5[(low >>> 16) & 0xff] as number) ^
      (T4[low >>> 24] as number) ^
      (T3[bytes[at + 4] as number] as number) ^
      (T2[bytes[at + 5] as number] as number) ^
      (T1[bytes[at + 6] as number] as number) ^
      (T0[bytes[at + 7] as number] as number)
  }
  for (; at < end; at++) crc = (crc >>> 8) ^ (T0[(crc ^ (bytes[at] as number)) & 0xff] as number)
  return ~crc >>> 0
}
