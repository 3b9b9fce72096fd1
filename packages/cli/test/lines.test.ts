import { setImmediate } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { linesOf, splitKey, until } from '../src/lines.ts'

async function* chunksOf(bytes: Uint8Array, size: number) {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

async function collect(bytes: Uint8Array, size: number): Promise<string[]> {
  const lines: string[] = []
  for await (const some of linesOf(chunksOf(bytes, size)))
    for (const line of some) lines.push(Buffer.from(line).toString())
  return lines
}

test('lines come out whole, however the bytes are cut', async () => {
  const line = fc.string({ unit: fc.constantFrom('a', 'é', ' ', '\t', '日') })
  await fc.assert(
    fc.asyncProperty(
      fc.array(line, { maxLength: 10 }),
      fc.constantFrom('\n', '\r\n'),
      fc.integer({ min: 1, max: 7 }),
      async (lines, end, size) => {
        const bytes = Buffer.from(lines.map((text) => text + end).join(''))
        expect(await collect(bytes, size)).toEqual(lines)
      },
    ),
  )
})

test('the end of the stream ends a line too', async () => {
  expect(await collect(Buffer.from('a\nb'), 2)).toEqual(['a', 'b'])
  expect(await collect(Buffer.from('a\n\n'), 2)).toEqual(['a', ''])
  expect(await collect(Buffer.from(''), 2)).toEqual([])
})

test('the key is what stands before the first separator', () => {
  const split = (line: string, separator: string) => {
    const { key, value } = splitKey(Buffer.from(line), Buffer.from(separator))
    return [key === undefined ? undefined : Buffer.from(key).toString(), Buffer.from(value).toString()]
  }
  expect(split('a:b:c', ':')).toEqual(['a', 'b:c'])
  expect(split('a=>b', '=>')).toEqual(['a', 'b'])
  expect(split(':b', ':')).toEqual(['', 'b'])
  expect(split('ab', ':')).toEqual([undefined, 'ab'])
})

test('an iteration ends when its signal aborts, also while it waits', async () => {
  const controller = new AbortController()
  async function* endless() {
    yield 1
    yield 2
    await new Promise(() => {})
  }
  const seen: number[] = []
  for await (const item of until(controller.signal, endless())) {
    seen.push(item)
    if (item === 2) queueMicrotask(() => controller.abort())
  }
  expect(seen).toEqual([1, 2])
  for await (const item of until(controller.signal, endless())) seen.push(item)
  expect(seen).toEqual([1, 2])
})

test('an iteration keeps nothing of what it has handed out', async () => {
  setFlagsFromString('--expose-gc')
  const collectGarbage = runInNewContext('gc') as () => void
  const given: WeakRef<object>[] = []
  async function* chunks() {
    for (let i = 0; i < 20; i++) {
      const chunk = { i }
      given.push(new WeakRef(chunk))
      yield chunk
    }
    // A weak reference holds until the turn of the event loop ends.
    await setImmediate()
    collectGarbage()
    yield {}
  }
  let alive = 0
  for await (const _chunk of until(new AbortController().signal, chunks())) {
    alive = given.filter((chunk) => chunk.deref() !== undefined).length
  }
  expect(alive).toBeLessThan(5)
})
