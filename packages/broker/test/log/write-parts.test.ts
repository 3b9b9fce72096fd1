import { expect, test } from 'vitest'
import { WriteParts } from '../../src/log/write-parts.ts'

const bytes = Uint8Array.from({ length: 20_000 }, (_, i) => i % 251)
const written = (parts: WriteParts) => Buffer.concat(parts.end() as Uint8Array[])

test('batches of all sizes come out in order, neighbouring small ones as one part', () => {
  const parts = new WriteParts()
  parts.begin()
  for (const [start, end] of [
    [0, 100],
    [100, 300],
    [300, 9_000],
    [9_000, 9_001],
  ] as const) {
    parts.add(bytes, start, end)
  }
  const list = parts.end()
  expect(list.map((part) => part.byteLength)).toEqual([300, 8_700, 1])
  expect(Buffer.concat(list as Uint8Array[]).equals(bytes.subarray(0, 9_001))).toBe(true)
})

test('a write that is given up leaves nothing for the next one', () => {
  const parts = new WriteParts()
  parts.begin()
  parts.add(bytes, 0, 10)
  parts.add(bytes, 10, 8_000)
  parts.begin()
  parts.add(bytes, 50, 60)
  expect(written(parts).equals(bytes.subarray(50, 60))).toBe(true)
})
