import { getRandomValues } from 'node:crypto'

/** Randomness. Seeded in tests and simulations, so that a run can be repeated. */
export interface Random {
  /** A number in [0, 1). */
  next(): number
  /** Fills `target` with random bytes and returns it. */
  fill(target: Uint8Array): Uint8Array
}

export const systemRandom: Random = {
  next: () => Math.random(),
  fill: (target) => getRandomValues(target),
}

/**
 * A repeatable sequence (xoshiro128**, state from splitmix32 of the seed). Not for secrets.
 *
 * @example
 * seededRandom(42).next() === seededRandom(42).next() // true
 */
export function seededRandom(seed: number): Random {
  let mix = seed | 0
  const splitmix = () => {
    mix = (mix + 0x9e3779b9) | 0
    let z = mix ^ (mix >>> 16)
    z = Math.imul(z, 0x21f0aaad)
    z ^= z >>> 15
    z = Math.imul(z, 0x735a2d97)
    return z ^ (z >>> 15)
  }
  let a = splitmix()
  let b = splitmix()
  let c = splitmix()
  let d = splitmix()
  const nextUint32 = () => {
    const product = Math.imul(b, 5)
    const result = Math.imul((product << 7) | (product >>> 25), 9) >>> 0
    const t = b << 9
    c ^= a
    d ^= b
    b ^= c
    a ^= d
    c ^= t
    d = (d << 11) | (d >>> 21)
    return result
  }
  return {
    next: () => nextUint32() / 0x1_0000_0000,
    fill: (target) => {
      for (let i = 0; i < target.length; i++) target[i] = nextUint32() & 0xff
      return target
    },
  }
}

/** A whole number in [0, bound). */
export function nextInt(random: Random, bound: number): number {
  return Math.floor(random.next() * bound)
}

/** A random version 4 UUID as its 16 bytes. Topic ids and cluster ids are made of these. */
export function randomUuid(random: Random): Uint8Array {
  const bytes = random.fill(new Uint8Array(16))
  bytes[6] = ((bytes[6] as number) & 0x0f) | 0x40
  bytes[8] = ((bytes[8] as number) & 0x3f) | 0x80
  return bytes
}
