import { durationMs, formatDuration, positiveDurationMs } from '@millrace/engine'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'

describe('durations', () => {
  it.each([
    ['200 ms', 200],
    ['5 s', 5000],
    ['5s', 5000],
    ['1.5 s', 1500],
    ['0.1 s', 100],
    ['1 min', 60_000],
    ['2 h', 7_200_000],
    ['1 d', 86_400_000],
    [250, 250],
    [-5, -5],
  ] as const)('%s is %i ms', (text, ms) => {
    expect(durationMs(text, 'the size')).toBe(ms)
  })

  it.each([
    '5',
    '5 sec',
    's',
    '',
    '5 s 3',
    '1e3 s',
    '0.0001 s',
    'five s',
    null,
    Number.NaN,
    1.5,
    Number.POSITIVE_INFINITY,
  ])('refuses %s', (text) => {
    expect(() => durationMs(text as never, 'the size of tumbling()')).toThrow(
      'The size of tumbling() is not a duration',
    )
  })

  it('refuses what is not positive where it must be', () => {
    expect(() => positiveDurationMs('0 s', 'the gap')).toThrow('The gap must be greater than zero')
  })

  it('formats what it can parse', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 1e12 }), (ms) => {
        expect(durationMs(formatDuration(ms) as '1 s', 'it')).toBe(ms)
      }),
    )
  })
})
