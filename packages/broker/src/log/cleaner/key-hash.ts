import { nextInt, type Random } from '@millrace/std'

/**
 * 128 bits of a key, under a secret that is drawn anew each time: HalfSipHash-2-4 (Aumasson, Bernstein) with 64 bits of
 * output, twice, with two secrets. Nobody who chooses keys can make two of them meet, and by chance none do.
 */
export class KeyHash {
  readonly #secret = new Int32Array(4)
  /** What {@link of} found last. */
  readonly words = new Int32Array(4)

  constructor(random: Random) {
    for (let i = 0; i < 4; i++) this.#secret[i] = nextInt(random, 0x1_0000) * 0x1_0000 + nextInt(random, 0x1_0000)
  }

  /** Hashes `bytes[start, start + length)` into {@link words}. */
  of(bytes: Uint8Array, start: number, length: number): void {
    const { words } = this
    const secret = this.#secret
    halfSipHash(bytes, start, length, secret[0] as number, secret[1] as number, words, 0)
    halfSipHash(bytes, start, length, secret[2] as number, secret[3] as number, words, 2)
  }
}

function halfSipHash(
  bytes: Uint8Array,
  start: number,
  length: number,
  k0: number,
  k1: number,
  out: Int32Array,
  at: number,
): void {
  let v0 = k0
  let v1 = k1 ^ 0xee
  let v2 = 0x6c79_6765 ^ k0
  let v3 = 0x7465_6462 ^ k1
  const whole = start + (length & ~3)
  // The words of the key, then one of the bytes that are left with the length on top.
  for (let p = start; p <= whole; p += 4) {
    let m: number
    if (p < whole) {
      m =
        (bytes[p] as number) |
        ((bytes[p + 1] as number) << 8) |
        ((bytes[p + 2] as number) << 16) |
        ((bytes[p + 3] as number) << 24)
    } else {
      m = length << 24
      for (let i = 0; i < (length & 3); i++) m |= (bytes[p + i] as number) << (8 * i)
    }
    v3 ^= m
    for (let round = 0; round < 2; round++) {
      v0 = (v0 + v1) | 0
      v1 = (v1 << 5) | (v1 >>> 27)
      v1 ^= v0
      v0 = (v0 << 16) | (v0 >>> 16)
      v2 = (v2 + v3) | 0
      v3 = (v3 << 8) | (v3 >>> 24)
      v3 ^= v2
      v0 = (v0 + v3) | 0
      v3 = (v3 << 7) | (v3 >>> 25)
      v3 ^= v0
      v2 = (v2 + v1) | 0
      v1 = (v1 << 13) | (v1 >>> 19)
      v1 ^= v2
      v2 = (v2 << 16) | (v2 >>> 16)
    }
    v0 ^= m
  }
  v2 ^= 0xee
  for (let half = 0; half < 2; half++) {
    for (let round = 0; round < 4; round++) {
      v0 = (v0 + v1) | 0
      v1 = (v1 << 5) | (v1 >>> 27)
      v1 ^= v0
      v0 = (v0 << 16) | (v0 >>> 16)
      v2 = (v2 + v3) | 0
      v3 = (v3 << 8) | (v3 >>> 24)
      v3 ^= v2
      v0 = (v0 + v3) | 0
      v3 = (v3 << 7) | (v3 >>> 25)
      v3 ^= v0
      v2 = (v2 + v1) | 0
      v1 = (v1 << 13) | (v1 >>> 19)
      v1 ^= v2
      v2 = (v2 << 16) | (v2 >>> 16)
    }
    out[at + half] = v1 ^ v3
    v1 ^= 0xdd
  }
}
