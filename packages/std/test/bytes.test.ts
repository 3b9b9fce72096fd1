import fc from 'fast-check'
import { expect, test } from 'vitest'
import { asBuffer, bytesEqual, bytesToString, concatBytes, joinPath, parentOf, preview, utf8 } from '../src/index.ts'

test('text survives the way through bytes', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (text) => {
      expect(bytesToString(utf8(text))).toBe(text)
    }),
  )
})

test('bytes are equal, and join, by their contents', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 5 }), fc.uint8Array({ maxLength: 5 }), (a, b) => {
      const hex = (bytes: Uint8Array) => asBuffer(bytes).toString('hex')
      expect(bytesEqual(a, b)).toBe(hex(a) === hex(b))
      expect(hex(concatBytes([a, b]))).toBe(hex(a) + hex(b))
    }),
  )
})

test('a Buffer over a part of an array shares its memory', () => {
  const memory = new Uint8Array(8)
  asBuffer(memory.subarray(2, 4)).fill(7)
  expect([...memory]).toEqual([0, 0, 7, 7, 0, 0, 0, 0])
})

test('a preview shows printable bytes as they are and says how much was cut', () => {
  expect(preview(Uint8Array.of(0x61, 0x0a, 0xff, 0x7e))).toBe('a\\x0a\\xff~')
  expect(preview(utf8('x'.repeat(70)), 3)).toBe('xxx… (70 bytes)')
})

test('paths', () => {
  expect([parentOf('a/b/c'), parentOf('/a'), parentOf('a')]).toEqual(['a/b', '/', '.'])
  expect(joinPath('a/', '/b', '', 'c')).toBe('a/b/c')
})
