import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { WindowAssigner, WindowDefinition, WindowFunction } from '../../src/operators/window/definition.ts'
import { WindowOperator } from '../../src/operators/window/window-operator.ts'
import { deal, OperatorHarness, type HarnessOptions } from './operator-harness.ts'

interface Click {
  readonly id: number
  readonly key: string
  readonly at: number
}

/** A stream with disorder of at most DISORDER ms. */
const DISORDER = 12
const clicks = fc
  .array(
    fc.record({ key: fc.constantFrom('a', 'b', 'c'), step: fc.oneof(fc.nat(6), fc.nat(40)), late: fc.nat(DISORDER) }),
    {
      minLength: 1,
      maxLength: 60,
    },
  )
  .map((steps) => {
    let now = -30
    return steps.map(({ key, step, late }, id): Click => {
      now += step
      return { id, key, at: now - late }
    })
  })

const assigners: fc.Arbitrary<WindowAssigner> = fc.oneof(
  fc.record({
    kind: fc.constant('tumbling' as const),
    time: fc.constant('event' as const),
    size: fc.integer({ min: 1, max: 30 }),
    offset: fc.integer({ min: -5, max: 5 }),
  }),
  fc.record({
    kind: fc.constant('sliding' as const),
    time: fc.constant('event' as const),
    size: fc.integer({ min: 1, max: 30 }),
    slide: fc.integer({ min: 1, max: 20 }),
    offset: fc.integer({ min: -5, max: 5 }),
  }),
  fc.record({
    kind: fc.constant('session' as const),
    time: fc.constant('event' as const),
    gap: fc.integer({ min: 1, max: 15 }),
  }),
)

const ids: WindowFunction = {
  kind: 'process',
  process: {
    windowState: {},
    globalState: {},
    process: (({ key, window }: any, records: readonly Click[]) => [
      [key, window.start, window.end, records.map(({ id }) => id)],
    ]) as never,
  },
}

type Result = readonly [key: string, start: number, end: number, ids: readonly number[]]

function harness(
  definition: Partial<WindowDefinition> & { assigner: WindowAssigner },
  options?: HarnessOptions,
): OperatorHarness {
  const window = { trigger: undefined, allowedLateness: 0, lateTag: undefined, function: ids, ...definition }
  return new OperatorHarness(
    new WindowOperator({ name: 'test', window, keyOf: (click) => (click as Click).key }),
    options,
  )
}

/** The definition of the windows, applied to all records at once. */
function batchResults(assigner: WindowAssigner, records: readonly Click[]): Result[] {
  const results: Result[] = []
  for (const key of new Set(records.map((record) => record.key))) {
    const own = records.filter((record) => record.key === key)
    if (assigner.kind === 'session') {
      const sorted = own.toSorted((a, b) => a.at - b.at)
      const gap = assigner.gap as number
      for (let from = 0, i = 1; i <= sorted.length; i++) {
        const last = sorted[i - 1] as Click
        // Two sessions that only touch are one.
        if (i < sorted.length && (sorted[i] as Click).at - last.at <= gap) continue
        results.push([key, (sorted[from] as Click).at, last.at + gap, idsOf(sorted.slice(from, i))])
        from = i
      }
      continue
    }
    if (assigner.kind === 'global') throw new Error('not here')
    const { size, offset } = assigner
    const slide = assigner.kind === 'sliding' ? assigner.slide : size
    const first = Math.floor((Math.min(...own.map(({ at }) => at)) - size - offset) / slide) * slide + offset
    for (let start = first; start <= Math.max(...own.map(({ at }) => at)); start += slide) {
      const inside = own.filter(({ at }) => at >= start && at < start + size)
      if (inside.length > 0) results.push([key, start, start + size, idsOf(inside)])
    }
  }
  return sorted(results)
}

function idsOf(records: readonly Click[]): number[] {
  return records.map(({ id }) => id).sort((a, b) => a - b)
}

function sorted(results: readonly Result[]): Result[] {
  return results
    .map(([key, start, end, list]): Result => [key, start, end, list.toSorted((a, b) => a - b)])
    .sort(([a, s], [b, t]) => (a < b ? -1 : a > b ? 1 : s - t))
}

/** Feeds records one by one, each followed by the watermark that `delay` allows. */
function feed(
  h: OperatorHarness,
  records: readonly Click[],
  delay: number,
  top = { at: Number.NEGATIVE_INFINITY },
): void {
  for (const record of records) {
    h.push([record, record.at])
    if (record.at <= top.at) continue
    top.at = record.at
    h.watermark(record.at - delay - 1)
  }
}

describe('windows over any stream', () => {
  test('equal a batch recomputation when the watermark waits for the disorder', () => {
    fc.assert(
      fc.property(assigners, clicks, (assigner, records) => {
        const h = harness({ assigner, lateTag: 'late' })
        feed(h, records, DISORDER)
        h.watermark(Number.POSITIVE_INFINITY)
        const results = h.take()
        expect(results.filter(({ tag }) => tag === 'late')).toEqual([])
        for (const { value, timestamp } of results) expect(timestamp).toBe((value as Result)[2] - 1)
        expect(sorted(results.map(({ value }) => value as Result))).toEqual(batchResults(assigner, records))
      }),
    )
  })

  test('equal it in the end when the watermark is too early, within the allowed lateness', () => {
    fc.assert(
      fc.property(assigners, clicks, fc.nat(DISORDER), (assigner, records, delay) => {
        const h = harness({ assigner, allowedLateness: DISORDER + 1 })
        feed(h, records, delay)
        h.watermark(Number.POSITIVE_INFINITY)
        const results = h.values() as Result[]
        for (const wanted of batchResults(assigner, records)) {
          const [key, start, end] = wanted
          // A session may have fired in parts before they grew together: what fired last for its time holds.
          const last = results.findLast(
            ([k, s, e]) => k === key && s < end && e > start && (assigner.kind === 'session' || s === start),
          )
          expect(last && sorted([last])).toEqual([wanted])
        }
      }),
    )
  })

  test('every record is in a result or late, when nothing waits', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 30 }), clicks, (size, records) => {
        const h = harness({ assigner: { kind: 'tumbling', time: 'event', size, offset: 0 }, lateTag: 'late' })
        feed(h, records, 0)
        h.watermark(Number.POSITIVE_INFINITY)
        const out = h.take()
        const seen = out.flatMap(({ tag, value }) => (tag === 'late' ? [(value as Click).id] : (value as Result)[3]))
        expect(seen.toSorted((a, b) => a - b)).toEqual(records.map(({ id }) => id))
        expect(h.snapshot()?.keyed?.size).toBe(0)
      }),
    )
  })

  test('count and sum agree with the records', () => {
    const count: WindowFunction = { kind: 'count' }
    const sum: WindowFunction = { kind: 'sum', field: { name: 'id' } }
    fc.assert(
      fc.property(assigners, clicks, (assigner, records) => {
        const wanted = batchResults(assigner, records)
        const counted = harness({ assigner, function: count })
        const summed = harness({ assigner, function: sum })
        for (const h of [counted, summed]) {
          feed(h, records, DISORDER)
          h.watermark(Number.POSITIVE_INFINITY)
        }
        const order = (a: any, b: any) => (a.key < b.key ? -1 : a.key > b.key ? 1 : a.start - b.start)
        expect((counted.values() as any[]).sort(order)).toEqual(
          wanted.map(([key, start, end, list]) => ({ key, start, end, count: list.length })),
        )
        const sums = (summed.take() as any[]).map(({ value, timestamp }) => [value.key, timestamp + 1, value.id])
        const wantedSums = wanted.map(([key, , end, list]) => [key, end, list.reduce((a, b) => a + b, 0)])
        const text = (values: unknown[]) => values.map((value) => JSON.stringify(value)).sort()
        expect(text(sums)).toEqual(text(wantedSums))
      }),
    )
  })

  test('do not depend on how the stream is cut into batches', () => {
    fc.assert(
      fc.property(
        assigners,
        clicks,
        fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1 }),
        (assigner, records, cuts) => {
          const one = harness({ assigner })
          const many = harness({ assigner })
          for (const record of records) one.push([record, record.at])
          for (let from = 0, i = 0; from < records.length; i++) {
            const size = cuts[i % cuts.length] as number
            many.push(...records.slice(from, from + size).map((record) => [record, record.at] as const))
            from += size
          }
          one.watermark(Number.POSITIVE_INFINITY)
          many.watermark(Number.POSITIVE_INFINITY)
          expect(many.take()).toEqual(one.take())
        },
      ),
    )
  })
})

describe('a snapshot', () => {
  const lateness = fc.constantFrom(0, 5, 30)

  test('and restore at any point change nothing', () => {
    fc.assert(
      fc.property(
        assigners,
        clicks,
        fc.nat(),
        lateness,
        fc.nat(DISORDER),
        (assigner, records, cut, allowedLateness, delay) => {
          const definition = { assigner, allowedLateness, lateTag: 'late' }
          const whole = harness(definition)
          feed(whole, records, delay)
          whole.watermark(Number.POSITIVE_INFINITY)
          const at = cut % records.length
          const top = { at: Number.NEGATIVE_INFINITY }
          const first = harness(definition)
          feed(first, records.slice(0, at), delay, top)
          const second = harness(definition, { restored: first.snapshot() })
          if (top.at > Number.NEGATIVE_INFINITY) second.watermark(top.at - delay - 1)
          feed(second, records.slice(at), delay, top)
          second.watermark(Number.POSITIVE_INFINITY)
          const text = (all: unknown[]) => all.map((one) => JSON.stringify(one)).sort()
          expect(text([...first.take(), ...second.take()])).toEqual(text(whole.take()))
        },
      ),
    )
  })

  test('can be restored at another parallelism', () => {
    fc.assert(
      fc.property(assigners, clicks, fc.nat(), fc.nat(127), (assigner, records, cut, split) => {
        const definition = { assigner, allowedLateness: 5, lateTag: 'late' }
        const whole = harness(definition)
        feed(whole, records, 5)
        whole.watermark(Number.POSITIVE_INFINITY)
        const at = cut % records.length
        const top = { at: Number.NEGATIVE_INFINITY }
        const first = harness(definition)
        feed(first, records.slice(0, at), 5, top)
        const snapshot = first.snapshot()
        const low = harness(definition, { restored: deal([snapshot], (group) => group < split) })
        const high = harness(definition, { restored: deal([snapshot], (group) => group >= split) })
        const both = [low, high]
        const watermark = (time: number) => both.map((h) => h.watermark(time))
        if (top.at > Number.NEGATIVE_INFINITY) watermark(top.at - 6)
        for (const record of records.slice(at)) {
          ;(groupOf(record.key) < split ? low : high).push([record, record.at])
          if (record.at <= top.at) continue
          top.at = record.at
          watermark(record.at - 6)
        }
        watermark(Number.POSITIVE_INFINITY)
        const text = (all: unknown[]) => all.map((one) => JSON.stringify(one)).sort()
        expect(text([first, low, high].flatMap((h) => h.take()))).toEqual(text(whole.take()))
      }),
    )
  })

  function groupOf(key: string): number {
    const probe = harness({ assigner: { kind: 'tumbling', time: 'event', size: 10, offset: 0 } })
    probe.push([{ id: 0, key, at: 0 }, 0])
    return [...(probe.snapshot()?.keyed?.keys() ?? [])][0] as number
  }
})
