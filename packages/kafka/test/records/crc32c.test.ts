import { crc32c as nativeCrc32c } from '@node-rs/crc32'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { crc32c, tableCrc32c } from '../../src/records/crc32c.ts'

const viewOf = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)

describe('crc32c', () => {
  // RFC 3720, appendix B.4, and the check value of the CRC catalogue.
  it.each([
    ['32 zeros', new Uint8Array(32), 0x8a9136aa],
    ['32 ones', new Uint8Array(32).fill(0xff), 0x62a8ab43],
    ['ascending', Uint8Array.from({ length: 32 }, (_, i) => i), 0x46dd794e],
    ['descending', Uint8Array.from({ length: 32 }, (_, i) => 31 - i), 0x113fdb5c],
    ['123456789', Buffer.from('123456789'), 0xe3069283],
    ['nothing', new Uint8Array(0), 0],
  ])('gives the published value for %s', (_, bytes, expected) => {
    expect(crc32c(bytes)).toBe(expected)
    expect(tableCrc32c(viewOf(bytes), 0, bytes.byteLength)).toBe(expected)
  })

  it('gives the same by table and natively, for any slice', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 600 }), fc.nat(600), fc.nat(600), fc.boolean(), (made, a, b, isOffset) => {
        const bytes = isOffset ? Buffer.concat([new Uint8Array(3), made]).subarray(3) : made
        const start = Math.min(a, b, bytes.byteLength)
        const end = Math.min(Math.max(a, b), bytes.byteLength)
        const expected = nativeCrc32c(bytes.subarray(start, end)) >>> 0
        expect(tableCrc32c(viewOf(bytes), start, end)).toBe(expected)
        expect(crc32c(bytes, start, end)).toBe(expected)
      }),
    )
  })
})
