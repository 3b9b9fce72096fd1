import { collectSink, type DataStream, executeJob, job, outputTag, tumbling, valueState } from '@millrace/engine'
import fc from 'fast-check'
import { expect, it } from 'vitest'

/** Law: whatever operators are joined to, and at whatever parallelism, a stream holds what a list would. */
interface Branch {
  readonly stream: DataStream<number>
  /** The records that it must have, in any order. */
  readonly records: readonly number[]
}

const windowMs = 1_000_000
const odd = (value: number) => value % 2 === 1
const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0)

/** One result for each group of equal remainders. */
function grouped(records: readonly number[], modulo: number, result: (key: number, values: number[]) => number) {
  return [...Map.groupBy(records, (value) => value % modulo)].map(([key, values]) => result(key, values))
}

/** Each adds branches to those that there are; `other` is for what takes two. */
const operators: Record<string, (branch: Branch, other: Branch) => Branch[]> = {
  map: ({ stream, records }) => [{ stream: stream.map((value) => value + 1), records: records.map((v) => v + 1) }],
  filter: ({ stream, records }) => [{ stream: stream.filter(odd), records: records.filter(odd) }],
  flatMap: ({ stream, records }) => [
    { stream: stream.flatMap((value) => [value, 1]), records: records.flatMap((value) => [value, 1]) },
  ],
  union: (branch, other) => [
    { stream: branch.stream.union(other.stream), records: [...branch.records, ...other.records] },
  ],
  rebalance: ({ stream, records }) => [{ stream: stream.rebalance(), records }],
  rescale: ({ stream, records }) => [{ stream: stream.rescale(), records }],
  global: ({ stream, records }) => [{ stream: stream.global(), records }],
  sides: ({ stream, records }) => {
    const even = outputTag<number>('even')
    const odds = stream.process({
      *processElement(value, context) {
        if (odd(value)) yield value
        else context.output(even, value)
      },
    })
    return [
      { stream: odds, records: records.filter(odd) },
      { stream: odds.getSideOutput(even), records: records.filter((value) => !odd(value)) },
    ]
  },
  count: ({ stream, records }) => [
    {
      stream: stream
        .keyBy((value) => value % 5)
        .window(tumbling(windowMs))
        .count()
        .map(({ key, count }) => key * 1000 + count),
      records: grouped(records, 5, (key, values) => key * 1000 + values.length),
    },
  ],
  windowAll: ({ stream, records }) => [
    {
      stream: stream.windowAll(tumbling(windowMs)).reduce((a, b) => a + b),
      records: records.length ? [sum(records)] : [],
    },
  ],
  timers: ({ stream, records }) => [
    {
      stream: stream
        .keyBy((value) => value % 7)
        .process({
          state: { total: valueState(0) },
          processElement(value, { state, timers }) {
            state.total.update(state.total.value() + value)
            timers.registerEventTime(windowMs - 1)
          },
          onTimer: (_timestamp, { state }) => [state.total.value()],
        }),
      records: grouped(records, 7, (_key, values) => sum(values)),
    },
  ],
}

const step = fc.record({
  operator: fc.constantFrom(...Object.keys(operators)),
  from: fc.nat(),
  other: fc.nat(),
  parallelism: fc.option(fc.integer({ min: 1, max: 4 }), { nil: undefined }),
})
/** Unions with themselves double their records. */
const mostRecords = 5_000
const inOrder = (records: readonly number[]) => records.toSorted((a, b) => a - b)

it('every branch of a random graph has its records', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.nat(50), { maxLength: 60 }),
      fc.array(step, { minLength: 1, maxLength: 9 }),
      fc.integer({ min: 1, max: 4 }),
      async (input, steps, parallelism) => {
        const sinks: { sink: ReturnType<typeof collectSink<number>>; records: readonly number[] }[] = []
        const definition = job('graph', { parallelism }, (env) => {
          const watermarks = { timestamp: (value: number) => value }
          const branches: Branch[] = [{ stream: env.fromCollection(input, { watermarks }), records: input }]
          const branch = (index: number) => branches[index % branches.length] as Branch
          for (const { operator, from, other, parallelism: own } of steps) {
            if (branch(from).records.length > mostRecords) continue
            const added = operators[operator]?.(branch(from), branch(other)) ?? []
            if (own !== undefined && (operator === 'map' || operator === 'filter')) added[0]?.stream.setParallelism(own)
            branches.push(...added)
          }
          for (const { stream, records } of branches.slice(-2)) {
            const sink = collectSink<number>()
            stream.sinkTo(sink)
            sinks.push({ sink, records })
          }
        })
        const handle = await executeJob(definition)
        await handle.result
        for (const { sink, records } of sinks) expect(inOrder(sink.values)).toEqual(inOrder(records))
      },
    ),
    // A job that does not end is a failure that can be reproduced.
    { numRuns: 150, timeout: 10_000, endOnFailure: true },
  )
})
