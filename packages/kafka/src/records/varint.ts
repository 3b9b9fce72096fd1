/** Zigzag varints as records use them (protobuf's sint32 and sint64). The usual short ones are written out in the callers. */

/** The largest unsigned value whose zigzag decoding is a safe integer. */
const MAX_ZIGZAG = 2 * Number.MAX_SAFE_INTEGER

/** Bytes that `value`, a 32-bit integer, takes. */
export function varintSize(value: number): number {
  const zigzag = ((value << 1) ^ (value >> 31)) >>> 0
  if (zigzag < 0x80) return 1
  if (zigzag < 0x4000) return 2
  if (zigzag < 0x20_0000) return 3
  return zigzag < 0x1000_0000 ? 4 : 5
}

/** Writes a 32-bit integer and returns the position after it. */
export function writeVarint(bytes: Uint8Array, at: number, value: number): number {
  let zigzag = ((value << 1) ^ (value >> 31)) >>> 0
  while (zigzag >= 0x80) {
    bytes[at++] = (zigzag & 0x7f) | 0x80
    zigzag >>>= 7
  }
  bytes[at++] = zigzag
  return at
}

/** Bytes that `value`, a safe integer, takes. */
export function varlongSize(value: number): number {
  if (value === (value | 0)) return varintSize(value)
  let rest = Math.floor((value < 0 ? -(value + 1) : value) / 64)
  let size = 2
  for (; rest >= 0x80; size++) rest = Math.floor(rest / 0x80)
  return size
}

/** Writes a safe integer and returns the position after it. */
export function writeVarlong(bytes: Uint8Array, at: number, value: number): number {
  if (value === (value | 0)) return writeVarint(bytes, at, value)
  // Twice a safe integer less one may need 54 bits, so the lowest seven are taken before doubling.
  const negative = value < 0
  const magnitude = negative ? -(value + 1) : value
  bytes[at++] = ((magnitude % 64) * 2 + (negative ? 1 : 0)) | 0x80
  let rest = Math.floor(magnitude / 64)
  while (rest >= 0x80) {
    bytes[at++] = (rest % 0x80) | 0x80
    rest = Math.floor(rest / 0x80)
  }
  bytes[at++] = rest
  return at
}

/** The position after what {@link readVarint} or {@link readVarlong} read last, or -1 when that was malformed. */
export let varintEnd = 0

/** A 32-bit integer from `bytes[at, end)`; see {@link varintEnd}. */
export function readVarint(bytes: Uint8Array, at: number, end: number): number {
  let zigzag = 0
  for (let shift = 0; shift < 35 && at < end; shift += 7) {
    const byte = bytes[at++] as number
    zigzag |= (byte & 0x7f) << shift
    if (byte < 0x80) {
      varintEnd = shift === 28 && byte > 0x0f ? -1 : at
      return (zigzag >>> 1) ^ -(zigzag & 1)
    }
  }
  varintEnd = -1
  return 0
}

/** A safe integer from `bytes[at, end)`; one that is outside counts as malformed. See {@link varintEnd}. */
export function readVarlong(bytes: Uint8Array, at: number, end: number): number {
  let scale = 64
  if (at < end) {
    const first = bytes[at++] as number
    let magnitude = (first & 0x7f) >>> 1
    let byte = first
    for (let i = 1; byte >= 0x80; i++) {
      if (i === 10 || at >= end) {
        varintEnd = -1
        return 0
      }
      byte = bytes[at++] as number
      magnitude += (byte & 0x7f) * scale
      scale *= 128
    }
    if (magnitude * 2 <= MAX_ZIGZAG) {
      varintEnd = at
      return first & 1 ? -magnitude - 1 : magnitude
    }
  }
  varintEnd = -1
  return 0
}
