import { seededRandom, utf8 } from '@millrace/std'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { KeyHash } from '../../src/log/cleaner/key-hash.ts'
import { OffsetMap, SLOT_BYTES } from '../../src/log/cleaner/offset-map.ts'

describe('OffsetMap', () => {
  test('answers as a Map does, up to the number of keys that fit', () => {
    const keys = fc.array(fc.tuple(fc.string({ maxLength: 12 }), fc.nat(3)), { maxLength: 300 })
    fc.assert(
      fc.property(
        keys,
        fc.integer({ min: 2, max: 300 }),
        fc.double({ min: 0.1, max: 1, noNaN: true }),
        (puts, slots, loadFactor) => {
          const map = new OffsetMap({ maxBytes: slots * SLOT_BYTES, loadFactor, random: seededRandom(7) })
          const model = new Map<string, number>()
          const room = Math.max(1, Math.min(slots - 1, Math.floor(slots * loadFactor)))
          for (const [offset, [key, padding]] of puts.entries()) {
            const bytes = utf8(`${'p'.repeat(padding)}${key}`)
            const fits = model.has(key) || model.size < room
            expect(map.put(bytes, padding, bytes.byteLength - padding, offset)).toBe(fits)
            if (!fits) break
            model.set(key, offset)
            expect(map.latestOffset).toBe(offset)
          }
          expect(map.count).toBe(model.size)
          for (const [key, offset] of model) expect(map.get(utf8(key), 0, utf8(key).byteLength)).toBe(offset)
          expect(map.get(utf8('not in it at all'), 0, 16)).toBe(-1)
        },
      ),
    )
  })

  test('holds almost as many keys as its memory has slots, in many tables', () => {
    const slots = 50_000
    const map = new OffsetMap({ maxBytes: slots * SLOT_BYTES, loadFactor: 0.9, random: seededRandom(7) })
    const key = new Uint8Array(8)
    const view = new DataView(key.buffer)
    let count = 0
    for (; ; count++) {
      view.setUint32(0, count)
      if (!map.put(key, 0, 8, count)) break
    }
    expect(count).toBeGreaterThan(slots * 0.85)
    expect(count).toBeLessThanOrEqual(slots * 0.9)
    for (let i = 0; i < count; i++) {
      view.setUint32(0, i)
      if (map.get(key, 0, 8) !== i) throw new Error(`${i} is not found`)
    }
  })
})

describe('KeyHash', () => {
  test('sees every bit and the length, and differs from secret to secret', () => {
    const hash = new KeyHash(seededRandom(1))
    const other = new KeyHash(seededRandom(2))
    const of = (by: KeyHash, bytes: Uint8Array) => {
      by.of(bytes, 0, bytes.byteLength)
      return by.words.join(' ')
    }
    const seen = new Set<string>()
    let cases = 0
    for (let length = 0; length < 20; length++) {
      const bytes = new Uint8Array(length)
      seen.add(of(hash, bytes))
      cases++
      for (let bit = 0; bit < 8 * length; bit++) {
        const flipped = bytes.slice()
        flipped[bit >> 3] = 1 << (bit & 7)
        seen.add(of(hash, flipped))
        cases++
        expect(of(other, flipped)).not.toBe(of(hash, flipped))
      }
    }
    expect(seen.size).toBe(cases)
  })
})
