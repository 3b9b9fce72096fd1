import { describe, expect, it } from 'vitest'
import { FrameLease, FramePool } from '../../src/client/cluster/frame-pool.ts'

const KIB = 1024

describe('FramePool', () => {
  it('hands out memory again only after it was given back', () => {
    const pool = new FramePool()
    const a = pool.take(300 * KIB)
    const b = pool.take(300 * KIB)
    expect(b.buffer).not.toBe(a.buffer)
    pool.giveBack(a.buffer)
    pool.giveBack(a.buffer)
    const c = pool.take(280 * KIB)
    expect([c.buffer === a.buffer, c.byteLength]).toEqual([true, 280 * KIB])
    expect(pool.take(280 * KIB).buffer).not.toBe(a.buffer)
  })

  it('takes the best fit, and no memory that is far too large or not its own', () => {
    const pool = new FramePool()
    const [small, large] = [pool.take(300 * KIB), pool.take(9_000 * KIB)]
    pool.giveBack(large.buffer)
    pool.giveBack(small.buffer)
    pool.giveBack(new ArrayBuffer(300 * KIB))
    expect(pool.take(290 * KIB).buffer).toBe(small.buffer)
    expect(pool.take(290 * KIB).buffer).not.toBe(large.buffer)
    expect(pool.take(8_000 * KIB).buffer).toBe(large.buffer)
  })

  it('keeps a bounded amount of free memory', () => {
    const pool = new FramePool()
    const taken = Array.from({ length: 20 }, () => pool.take(10_000 * KIB))
    for (const { buffer } of taken) pool.giveBack(buffer)
    const again = Array.from({ length: 20 }, () => pool.take(10_000 * KIB).buffer)
    expect(again.filter((buffer) => taken.some((frame) => frame.buffer === buffer)).length).toBe(6)
  })
})

describe('FrameLease', () => {
  it('gives the memory back when the last user is done', () => {
    const pool = new FramePool()
    const frame = pool.take(300 * KIB)
    const lease = new FrameLease(pool, frame.buffer)
    const [first, second] = [lease.share(), lease.share()]
    first()
    first()
    expect(pool.take(300 * KIB).buffer).not.toBe(frame.buffer)
    second()
    expect(pool.take(300 * KIB).buffer).toBe(frame.buffer)
  })
})
