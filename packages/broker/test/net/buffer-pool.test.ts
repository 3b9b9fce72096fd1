import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { BufferPool } from '../../src/net/buffer-pool.ts'

describe('BufferPool', () => {
  test('lends no memory twice, knows what it lent, and keeps no more than it may', () => {
    const size = fc.integer({ min: 1, max: 20_000_000 })
    fc.assert(
      fc.property(fc.array(fc.oneof(size, fc.constant('release' as const)), { maxLength: 30 }), (steps) => {
        const pool = new BufferPool(1_000_000)
        const lent: Uint8Array[] = []
        const before = new Set<ArrayBufferLike>()
        for (const step of steps) {
          if (step === 'release') {
            const buffer = lent.shift()
            if (buffer) pool.release(buffer)
            continue
          }
          const buffer = pool.acquire(step)
          expect(buffer.byteLength).toBeGreaterThanOrEqual(step)
          expect(lent.some((other) => other.buffer === buffer.buffer)).toBe(false)
          before.add(buffer.buffer)
          lent.push(buffer)
          expect(pool.lentBytes).toBe(lent.reduce((sum, each) => sum + each.byteLength, 0))
        }
        for (const buffer of lent) pool.release(buffer)
        expect(pool.lentBytes).toBe(0)
        let kept = 0
        for (let bytes = 65_536; bytes <= 16_777_216; bytes *= 2) {
          for (;;) {
            const buffer = pool.acquire(bytes)
            if (!before.has(buffer.buffer)) break
            before.delete(buffer.buffer)
            kept += buffer.byteLength
          }
        }
        expect(kept).toBeLessThanOrEqual(1_000_000)
      }),
      { numRuns: 40 },
    )
  })
})
