import { expect, test } from 'vitest'
import { spread } from './feed.ts'
import { redraw } from './terminal.ts'

test('lines are spread over the span, in order, whole windows, all in the past', () => {
  const now = 1_700_000_003_777
  const lines = Array.from({ length: 33 }, (_, i) => `line ${i}`)
  const { timed, end } = spread(lines, { spanMs: 30_000, windowMs: 5_000, now })
  const times = timed.map(({ timestamp }) => timestamp)
  expect(timed.map(({ value }) => value)).toEqual(lines)
  expect(end).toBe(1_700_000_000_000)
  expect(times[0]).toBe(1_700_000_000_000 - 30_000)
  expect(times.at(-1)).toBeLessThan(1_700_000_000_000)
  expect(times).toEqual([...times].sort((a, b) => a - b))
  expect(new Set(times.map((time) => Math.floor(time / 5_000))).size).toBe(6)
})

test('a drawing goes over the one before', () => {
  expect(redraw(0, ['a', 'b'])).toBe('\ra\x1b[K\n\rb\x1b[K\n\x1b[J')
  expect(redraw(2, ['c'])).toBe('\x1b[2A\rc\x1b[K\n\x1b[J')
})
