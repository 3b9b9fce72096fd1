const encoder = new TextEncoder()

/** UTF-8 bytes of a string. */
export function utf8(text: string): Uint8Array {
  return encoder.encode(text)
}

/** A Buffer over the same memory: Node's fast string and copy methods without a copy. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

/** A copy. Not `bytes.slice()`: of a Buffer, which is a Uint8Array too, that is a view of the same memory. */
export function copyBytes(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes)
}

export function bytesToString(bytes: Uint8Array): string {
  return asBuffer(bytes).toString('utf8')
}

export function bytesEqual(a: Uint8Array, b: Uint8Array): boolean {
  return a.byteLength === b.byteLength && asBuffer(a).equals(b)
}

export function concatBytes(parts: readonly Uint8Array[]): Uint8Array {
  return Buffer.concat(parts as Uint8Array[])
}

/** At most `limit` bytes as text for an error message: printable ASCII as it is, the rest as `\xNN`. */
export function preview(bytes: Uint8Array, limit = 64): string {
  let text = ''
  const end = Math.min(bytes.byteLength, limit)
  for (let i = 0; i < end; i++) {
    const byte = bytes[i] as number
    text += byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : `\\x${byte.toString(16).padStart(2, '0')}`
  }
  return bytes.byteLength > limit ? `${text}… (${bytes.byteLength} bytes)` : text
}

/** The 8-4-4-4-12 or Kafka's base64url form is a matter of display: ids travel as 16 bytes. This is Kafka's (22 characters). */
export function uuidToString(uuid: Uint8Array): string {
  return asBuffer(uuid).toString('base64url')
}

export function uuidFromString(text: string): Uint8Array {
  return Buffer.from(text, 'base64url')
}
