import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { peersHome } from '../../test/compat/peers.ts'

/** Numbers that are the same in every run (mulberry32). */
function seeded(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below
  }
}

function file(name: string, make: () => string): string {
  const folder = join(peersHome, 'payloads')
  const path = join(folder, name)
  if (!existsSync(path)) {
    mkdirSync(folder, { recursive: true })
    writeFileSync(path, make())
  }
  return path
}

function word(random: (below: number) => number, shortest: number, longest: number): string {
  const length = shortest + random(longest - shortest + 1)
  return Array.from({ length }, () => String.fromCharCode(97 + random(26))).join('')
}

/** 1,000 lines of JSON, each of exactly `size` bytes: ids at random, names from a small set, as a log of clicks has them. */
export function records(size: number): string {
  return file(`records-${size}.txt`, () => {
    const random = seeded(7)
    const names = Array.from({ length: 400 }, () => word(random, 4, 11))
    const name = () => names[random(names.length)]
    const event = () =>
      JSON.stringify({
        auction: random(1_000_000),
        bidder: random(100_000),
        price: random(10_000_000),
        channel: name(),
        url: `https://www.${name()}.example/item.html?q=${name()}&id=${random(100_000_000)}`,
        ts: 1_700_000_000_000 + random(1_000_000_000),
      })
    const line = () => {
      let text = ''
      while (text.length < size) text += `${event()} `
      return `${text.slice(0, size - 1)}.`
    }
    return `${Array.from({ length: 1000 }, line).join('\n')}\n`
  })
}

export const wordsPerLine = 8

/** 50,000 lines of eight words each out of 10,000; the more common the earlier in the list. */
export function lines(): string {
  return file('lines.txt', () => {
    const random = seeded(11)
    const vocabulary = Array.from({ length: 10_000 }, () => word(random, 3, 10))
    // Inverse of the cumulated weights 1 / (rank + 10).
    const common = () => vocabulary[Math.floor(10 * (1001 ** (random(1_000_000) / 1_000_000) - 1)) % 10_000]
    const line = () => Array.from({ length: wordsPerLine }, common).join(' ')
    return `${Array.from({ length: 50_000 }, line).join('\n')}\n`
  })
}
