import { stripVTControlCharacters } from 'node:util'
import { describe, expect, test } from 'vitest'
import { compare, countWords } from './direct-count.ts'
import { hintsFor, render, summarize, timeOf, type ViewState } from './view.ts'

const start = Date.UTC(2026, 0, 1, 12, 0, 20)
const state: ViewState = {
  bootstrap: '127.0.0.1:9092',
  recordsIn: 33,
  recordsOut: 217,
  lag: 4,
  watermark: start + 5_000,
  windows: new Map([
    [
      start,
      new Map([
        ['of', 1],
        ['the', 4],
        ['end', 1],
        ['sleep', 2],
      ]),
    ],
    [start - 5_000, new Map([['older', 9]])],
  ]),
  verdict: undefined,
}
const screen = { columns: 80, rows: 24, color: false }

test('the newest window with its words as bars, and where the job stands', () => {
  expect(render(state, [], screen)).toEqual([
    'Millrace word count',
    'lines → word-count job → word-counts, on 127.0.0.1:9092',
    '',
    `records in 33   out 217   lag 4   watermark ${timeOf(start + 5_000)}`,
    '',
    `window ${timeOf(start)} to ${timeOf(start + 5_000)}: 8 words, 4 distinct`,
    '  the   ████████████████ 4',
    '  sleep ████████ 2',
    '  end   ████ 1',
    '  of    ████ 1',
  ])
})

test('before the first window', () => {
  const lines = render({ ...state, windows: new Map(), watermark: undefined }, [], screen)
  expect(lines.at(-1)).toBe('waiting for the first window …')
  expect(lines.join('\n')).toContain('watermark –')
})

test('the verdict and the hints stand at the foot', () => {
  const lines = render({ ...state, verdict: { ok: true, text: 'Verified.' } }, ['Ctrl-C quits.'], screen)
  expect(lines.slice(-4)).toEqual(['', '✓ Verified.', '', 'Ctrl-C quits.'])
  expect(render({ ...state, verdict: { ok: false, text: 'Wrong.' } }, [], screen).at(-1)).toBe('✗ Wrong.')
})

describe('on a terminal of any size', () => {
  const full: ViewState = {
    ...state,
    windows: new Map([[start, new Map(Array.from({ length: 40 }, (_, i) => [`word-with-a-long-name-${i}`, i + 1]))]]),
    verdict: { ok: true, text: 'Verified: 271 words, 160 distinct.' },
  }
  test.each([10, 20, 40, 80, 200])('%i columns wide', (columns) => {
    for (const rows of [1, 5, 10, 24, 60]) {
      for (const color of [true, false]) {
        const lines = render(full, hintsFor(full), { columns, rows, color })
        expect(lines.length).toBeLessThanOrEqual(rows)
        for (const line of lines) {
          expect(stripVTControlCharacters(line).length).toBeLessThanOrEqual(columns)
          expect(line.split('\x1b[').length % 2).toBe(1)
        }
      }
    }
  })

  test('the foot stays in sight on a small one', () => {
    expect(render(full, hintsFor(full), { columns: 80, rows: 14, color: false }).at(-1)).toContain('Ctrl-C quits.')
  })
})

test('a window on one line', () => {
  expect(
    summarize(
      start,
      new Map([
        ['a', 1],
        ['b', 3],
      ]),
    ),
  ).toBe(`window ${timeOf(start)} to ${timeOf(start + 5_000)}: 4 words (b 3, a 1 …)`)
})

test('the direct count of words, and what differs from it', () => {
  const direct = countWords(['To be, or not to be', "'tis the-question"])
  expect([...direct]).toEqual([
    ['to', 2],
    ['be', 2],
    ['or', 1],
    ['not', 1],
    ['tis', 1],
    ['the', 1],
    ['question', 1],
  ])
  expect(compare(new Map(direct), direct, 'f.txt')).toEqual({
    ok: true,
    text: "Verified: 9 words, 7 distinct, 'be' 2 times, as a direct count of f.txt has them.",
  })
  expect(compare(new Map([...direct, ['be', 3]]), direct, 'f.txt')).toEqual({
    ok: false,
    text: "Wrong: the job counted 'be' 3 times; f.txt has it 2 times.",
  })
  expect(compare(new Map([...direct, ['extra', 1]]), direct, 'f.txt').ok).toBe(false)
  expect(compare(new Map([...direct].slice(1)), direct, 'f.txt').ok).toBe(false)
})
