import {
  buildGraph,
  collectSink,
  executeJob,
  explain,
  field,
  isJobDefinition,
  job,
  outputTag,
  session,
  sliding,
  type StreamExecutionEnvironment,
  tumbling,
} from '@millrace/engine'
import { MillraceError } from '@millrace/std'
import { describe, expect, it } from 'vitest'

type Define = (env: StreamExecutionEnvironment) => void
/** The wrong uses below do not compile: a user of plain JavaScript meets them at run time. */
type Untyped = never

function refusal(run: () => unknown): MillraceError {
  try {
    run()
  } catch (error) {
    expect(error).toBeInstanceOf(MillraceError)
    return error as MillraceError
  }
  throw new Error('it was not refused')
}

const build = (define: Define) => buildGraph(job('test', define))
const inJob = (define: Define) => refusal(() => build(define))

describe('job()', () => {
  it('is a value that can be built again and again', () => {
    let built = 0
    const definition = job('twice', { parallelism: 2 }, (env) => {
      built++
      env.fromCollection([1]).print()
    })
    expect(isJobDefinition(definition)).toBe(true)
    expect(built).toBe(0)
    const [first, second] = [buildGraph(definition), buildGraph(definition)]
    expect(second.nodes.map(({ id, kind, name, site }) => ({ id, kind, name, site }))).toEqual(
      first.nodes.map(({ id, kind, name, site }) => ({ id, kind, name, site })),
    )
    expect(built).toBe(2)
    expect(Object.isFrozen(buildGraph(definition).nodes[0])).toBe(true)
    expect(buildGraph(definition, { parallelism: 3 }).parallelism).toBe(3)
  })

  it('knows where the user added each step', () => {
    const graph = buildGraph(
      job('sites', (env) => {
        const numbers = env.fromCollection([1])
        numbers.print()
      }),
    )
    expect(graph.nodes.map((node) => node.site?.replace(/:\d+$/, ''))).toEqual(
      Array(2).fill('packages/engine/test/api/job.test.ts'),
    )
    const [source, sink] = graph.nodes.map((node) => Number(node.site?.split(':').at(-1)))
    expect(sink).toBe((source as number) + 1)
  })

  it.each([
    ['no name', () => job('', () => {}), 'API_BAD_JOB'],
    ['no function', () => job('x', {} as never, undefined as never), 'API_NOT_A_FUNCTION'],
    ['an async definition', () => job('x', (async () => {}) as Untyped), 'API_ASYNC_CALLBACK'],
    ['a promise', () => buildGraph(job('x', (() => Promise.resolve()) as Untyped)), 'API_ASYNC_CALLBACK'],
    ['no parallelism', () => buildGraph(job('x', { parallelism: 0 }, () => {})), 'API_BAD_PARALLELISM'],
    [
      'windows over the whole stream in several subtasks',
      () => build((env) => void env.fromCollection([1]).windowAll(tumbling('1 s')).count().setParallelism(2).print()),
      'API_BAD_PARALLELISM',
    ],
    [
      'subtasks of what is no step',
      () => build((env) => void env.fromCollection([1]).rebalance().setParallelism(2).print()),
      'API_BAD_PARALLELISM',
    ],
    ['no sink', () => explain(job('x', (env) => void env.fromCollection([1]))), 'API_NO_SINK'],
  ])('refuses %s', (_what, run, code) => {
    expect(refusal(run)).toMatchObject({ code, fix: expect.any(String) })
  })

  it('says where a definition failed', () => {
    const wrong = inJob((env) => (env as unknown as { fromNowhere(): void }).fromNowhere())
    expect(wrong).toMatchObject({ code: 'API_DEFINITION_FAILED', fix: expect.any(String) })
    expect(wrong.message).toMatch(
      /^The definition of job 'test' failed at \S+job\.test\.ts:\d+: TypeError: .*fromNowhere/,
    )
  })

  it('suggests the option that was meant', () => {
    const wrong = refusal(() => job('x', { paralelism: 2 } as Untyped, () => {}))
    expect(wrong).toMatchObject({ code: 'API_UNKNOWN_OPTION', fix: "Did you mean 'parallelism'?" })
    const watermarks = { outOfOrdernes: '5 s' } as Untyped
    expect(inJob((env) => void env.fromCollection([1], { watermarks })).fix).toBe("Did you mean 'outOfOrderness'?")
    expect(inJob((env) => void env.fromCollection([1], { watermark: {} } as Untyped)).fix).toBe(
      "Did you mean 'watermarks'?",
    )
    expect(
      inJob(
        (env) =>
          void env
            .fromCollection([1])
            .keyBy((n) => n)
            .process({ onTimr() {} } as Untyped),
      ).fix,
    ).toBe("Did you mean 'onTimer'?")
    return expect(
      executeJob(
        job('x', () => {}),
        { setings: {} } as Untyped,
      ),
    ).rejects.toThrow("no option 'setings'")
  })
})

describe('a stream', () => {
  const numbers = (env: StreamExecutionEnvironment) => env.fromCollection([1, 2])
  const cases: [string, Define, string][] = [
    [
      'window() without keyBy()',
      (env) => (numbers(env) as Untyped as { window(w: unknown): void }).window(tumbling('5 s')),
      'API_WINDOW_WITHOUT_KEY',
    ],
    ['an async map()', (env) => numbers(env).map((async (n: number) => n) as Untyped), 'API_ASYNC_CALLBACK'],
    ['an async filter()', (env) => numbers(env).filter((async () => true) as Untyped), 'API_ASYNC_CALLBACK'],
    ['an async flatMap()', (env) => numbers(env).flatMap((async () => []) as Untyped), 'API_ASYNC_CALLBACK'],
    [
      'an async getResult()',
      (env) =>
        numbers(env)
          .windowAll(tumbling('5 s'))
          .aggregate({ createAccumulator: () => 0, add: (_n, sum) => sum, getResult: async (sum) => sum }),
      'API_ASYNC_CALLBACK',
    ],
    ['an async keyBy()', (env) => numbers(env).keyBy((async () => 1) as Untyped), 'API_ASYNC_CALLBACK'],
    [
      'an async processElement()',
      (env) => numbers(env).process({ async processElement() {} } as Untyped),
      'API_ASYNC_CALLBACK',
    ],
    ['map() of no function', (env) => numbers(env).map('x' as Untyped), 'API_NOT_A_FUNCTION'],
    ['keyBy() of a number', (env) => numbers(env).keyBy(5 as Untyped), 'API_BAD_KEY'],
    ['keyBy() of nothing', (env) => (numbers(env).keyBy as () => void).call(numbers(env)), 'API_BAD_KEY'],
    ['options that are none', (env) => env.fromCollection([1], 'x' as Untyped), 'API_BAD_OPTIONS'],
    ['a time domain that there is not', () => tumbling('5 s', { time: 'proc' } as Untyped), 'API_BAD_TIME_DOMAIN'],
    [
      'state that is not declared',
      (env) =>
        numbers(env)
          .keyBy((n) => n)
          .process({ state: { count: 0 }, processElement() {} } as Untyped),
      'API_BAD_STATE',
    ],
    ['a source that is none', (env) => env.fromSource({} as Untyped), 'API_NOT_A_SOURCE'],
    ['a sink that is none', (env) => numbers(env).sinkTo({} as Untyped), 'API_NOT_A_SINK'],
    ['a union with no stream', (env) => numbers(env).union([] as Untyped), 'API_BAD_UNION'],
    ['an expression that is a function', (env) => numbers(env).where((() => true) as Untyped), 'API_BAD_EXPRESSION'],
    ['an operand that is an object', () => field('x').equals({} as Untyped), 'API_BAD_EXPRESSION'],
    [
      'a window that is none',
      (env) =>
        numbers(env)
          .keyBy((n) => n)
          .window('5 s' as Untyped),
      'API_NOT_WINDOWS',
    ],
    ['a duration without a unit', () => tumbling('5' as Untyped), 'API_BAD_DURATION'],
    ['a size of zero', () => tumbling(0), 'API_BAD_DURATION'],
    ['an offset beyond the size', () => sliding('10 s', '2 s', { offset: '2 s' }), 'API_BAD_DURATION'],
    [
      'negative lateness',
      (env) =>
        numbers(env)
          .keyBy((n) => n)
          .window(tumbling(5))
          .allowedLateness(-1),
      'API_BAD_DURATION',
    ],
    [
      'sessions of an aggregate that cannot merge',
      (env) =>
        numbers(env)
          .keyBy((n) => n)
          .window(session(5))
          .aggregate({ createAccumulator: () => 0, add: (_n, a: number) => a, getResult: (a: number) => a }),
      'API_MERGE_MISSING',
    ],
    [
      'a fraction of a subtask',
      (env) =>
        numbers(env)
          .map((n) => n)
          .setParallelism(1.5),
      'API_BAD_PARALLELISM',
    ],
  ]
  it.each(cases)('refuses %s', (_what, define, code) => {
    expect(inJob(define)).toMatchObject({ code, fix: expect.any(String) })
  })

  it('refuses a union across jobs', () => {
    let other: ReturnType<typeof numbers> | undefined
    buildGraph(job('first', (env) => void (other = numbers(env))))
    expect(inJob((env) => numbers(env).union(other as NonNullable<typeof other>)).code).toBe('API_BAD_UNION')
  })

  it('refuses two operators with one uid, and side outputs of what has none', () => {
    const plan = (define: Define) => refusal(() => explain(job('test', define)))
    expect(
      plan((env) => {
        numbers(env)
          .map((n) => n)
          .uid('one')
          .print()
        numbers(env)
          .filter(() => true)
          .uid('one')
          .print()
      }).code,
    ).toBe('API_DUPLICATE_UID')
    expect(
      plan((env) =>
        numbers(env)
          .map((n) => n)
          .getSideOutput(outputTag('late'))
          .print(),
      ).code,
    ).toBe('API_NO_SIDE_OUTPUT')
  })

  it('keeps a rolling result per key', async () => {
    const sums = collectSink<{ key: string; value: number }>()
    const minimums = collectSink<{ key: string; value: number }>()
    const largest = collectSink<{ key: string; value: number }>()
    const concatenated = collectSink<string>()
    const records = [
      { key: 'a', value: 3 },
      { key: 'b', value: 10 },
      { key: 'a', value: 1 },
      { key: 'a', value: 5 },
    ]
    const handle = await executeJob(
      job('rolling', (env) => {
        const keyed = env.fromCollection(records).keyBy('key')
        keyed.sum('value').sinkTo(sums)
        keyed.min('value').sinkTo(minimums)
        keyed.maxBy('value').sinkTo(largest)
        env
          .fromCollection(['x1', 'y1', 'x2'])
          .keyBy((text) => text.slice(0, 1))
          .reduce((a, b) => a + b)
          .sinkTo(concatenated)
      }),
    )
    await handle.result
    expect(sums.values.map(({ value }) => value)).toEqual([3, 10, 4, 9])
    expect(minimums.values.map(({ value }) => value)).toEqual([3, 10, 1, 1])
    expect(largest.values).toEqual([records[0], records[1], records[0], records[3]])
    expect(concatenated.values).toEqual(['x1', 'y1', 'x1x2'])
    expect(records[0]).toEqual({ key: 'a', value: 3 })
  })
})
