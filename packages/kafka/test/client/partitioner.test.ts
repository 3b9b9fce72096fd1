import { seededRandom } from '@millrace/std'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { murmur2, partitionForKey, StickyPartitioner } from '../../src/client/producer/partitioner.ts'

describe('murmur2', () => {
  // The values that Kafka's own tests of its Java client expect.
  it.each([
    ['21', -973932308],
    ['foobar', -790332482],
    ['a-little-bit-long-string', -985981536],
    ['a-little-bit-longer-string', -1486304829],
    ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
    ['abc', 479470107],
  ])('of %s is what Kafka computes', (text, expected) => {
    expect(murmur2(Buffer.from(text))).toBe(expected)
  })

  it('of a slice is that of its bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), fc.uint8Array({ maxLength: 9 }), (key, before) => {
        const whole = Buffer.concat([before, key, before])
        expect(murmur2(whole, before.length, before.length + key.length)).toBe(murmur2(key))
      }),
    )
  })

  it('gives a partition that exists', () => {
    fc.assert(
      fc.property(fc.uint8Array(), fc.integer({ min: 1, max: 1000 }), (key, count) => {
        const partition = partitionForKey(key, count)
        expect(partition).toBeGreaterThanOrEqual(0)
        expect(partition).toBeLessThan(count)
      }),
    )
  })
})

describe('StickyPartitioner', () => {
  it('stays until enough bytes went there and a new batch begins', () => {
    const sticky = new StickyPartitioner(seededRandom(7), 1000)
    const next = (fits: boolean) =>
      sticky.next(
        [0, 1, 2, 3, 4, 5, 6, 7],
        () => 0,
        () => fits,
      )
    const first = next(false)
    for (let i = 0; i < 9; i++) {
      expect(next(false)).toBe(first)
      sticky.produced(100)
    }
    sticky.produced(100)
    expect(next(true)).toBe(first)
    const seen = new Set<number>()
    for (let i = 0; i < 200; i++) {
      seen.add(next(false))
      sticky.produced(1000)
    }
    expect(seen.size).toBe(8)
  })

  it('leaves a partition that lost its leader, and prefers those with fewer waiting batches', () => {
    const sticky = new StickyPartitioner(seededRandom(7), 1)
    const counts = [0, 0]
    for (let i = 0; i < 1000; i++) {
      const partition = sticky.next(
        [0, 1],
        (p) => (p === 0 ? 9 : 0),
        () => false,
      )
      counts[partition] = (counts[partition] as number) + 1
      sticky.produced(10)
    }
    expect(counts[1]).toBeGreaterThan(800)
    expect(
      sticky.next(
        [5],
        () => 0,
        () => true,
      ),
    ).toBe(5)
  })
})
