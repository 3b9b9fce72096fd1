import {
  buildGraph,
  describePlan,
  explain,
  field,
  job,
  outputTag,
  planJob,
  type Schema,
  schema,
  type Sink,
  type Source,
  type StreamExecutionEnvironment,
  tumbling,
} from '@millrace/engine'
import { describe, expect, it } from 'vitest'
import { stepsOf } from '../../src/plan/explain.ts'

const bid = schema({ auction: 'int64', price: 'float64', time: 'timestamp', channel: 'string?' })
type Bid = { auction: number; price: number; time: number; channel: string | null }

function sourceOf<T>(rows: Schema<T> | undefined, name = 'bids'): Source<T> {
  const unused = () => {
    throw new Error('planning asks a source for nothing')
  }
  return {
    name,
    boundedness: 'bounded',
    schema: rows,
    defaultWatermarks: 'monotonous',
    createEnumerator: unused,
    createReader: unused,
    splitSerializer: { version: 1, serialize: unused, deserialize: unused },
  }
}

const objectSource = sourceOf<Bid>(undefined)
const columnSource = sourceOf<Bid>(bid)
const columnSink: Sink<unknown> = {
  name: 'columns',
  layout: 'columns',
  createWriter: () => {
    throw new Error('planning asks a sink for nothing')
  },
}

const plan = (define: (env: StreamExecutionEnvironment) => void, parallelism = 1) =>
  planJob(buildGraph(job('test', { parallelism }, define)))

/** `kind name` of every operator, per task. */
const tasks = (define: (env: StreamExecutionEnvironment) => void, parallelism = 1) =>
  plan(define, parallelism).vertices.map((vertex) =>
    [...stepsOf(vertex.head)].map((step) => `${step.kind} ${step.name}`),
  )

describe('chaining', () => {
  it('makes one task of what needs no exchange', () => {
    const define = (env: StreamExecutionEnvironment) =>
      void env
        .fromSource(objectSource)
        .filter((each) => each.price > 1)
        .map((each) => each.auction)
        .keyBy((auction) => auction)
        .window(tumbling('5 s'))
        .count()
        .print()
    expect(tasks(define)).toEqual([['source bids', 'window filter → map → tumbling window (5 s) count', 'sink print']])
    expect(tasks(define, 2)).toEqual([
      ['source bids', 'chain filter → map'],
      ['window tumbling window (5 s) count', 'sink print'],
    ])
    expect(plan(define, 2).vertices[1]?.inputs).toMatchObject([{ partitioning: { kind: 'hash' }, from: 1 }])
  })

  it('breaks where parallelism changes, where records are told to go elsewhere, and at a union', () => {
    expect(
      tasks((env) => {
        const bids = env.fromSource(objectSource)
        bids
          .map((each) => each.price)
          .setParallelism(3)
          .rebalance()
          .filter((price) => price > 1)
          .print()
        bids.union(env.fromSource(objectSource)).print('all')
      }, 2),
    ).toEqual([['source bids'], ['chain map'], ['chain filter', 'sink print'], ['source bids'], ['sink print (all)']])
  })

  it('runs windows over the whole stream in one subtask', () => {
    const { vertices } = plan((env) => void env.fromSource(objectSource).windowAll(tumbling('5 s')).count().print(), 4)
    expect(vertices.map(({ parallelism }) => parallelism)).toEqual([4, 1, 4])
    expect(vertices[1]?.inputs[0]?.partitioning.kind).toBe('rebalance')
  })

  it('takes the partitioning that is nearest to the reader', () => {
    const { vertices } = plan((env) => void env.fromSource(objectSource).rebalance().broadcast().print(), 2)
    expect(vertices[1]?.inputs.map(({ partitioning }) => partitioning.kind)).toEqual(['broadcast'])
  })
})

describe('layouts', () => {
  it('stay columns through expressions, and projection goes into the source', () => {
    const { vertices } = plan(
      (env) =>
        void env
          .fromSource(columnSource)
          .where(field('price').greaterThan(100))
          .keyBy('auction')
          .window(tumbling('5 s'))
          .count()
          .print(),
    )
    expect(vertices[0]?.head).toMatchObject({ output: { layout: 'columns' }, projection: ['auction', 'price'] })
  })

  it('read all that a select needs, and nothing for a sink that takes columns', () => {
    const { vertices } = plan(
      (env) =>
        void env
          .fromSource(columnSource)
          .select({ dollars: field('price') })
          .sinkTo(columnSink),
    )
    const [source, chain, sink] = [...stepsOf(vertices[0]!.head)]
    expect(source).toMatchObject({ projection: ['price'] })
    expect(chain?.output).toMatchObject({
      layout: 'columns',
      schema: { fields: [{ name: 'dollars', type: 'float64' }] },
    })
    expect(sink?.input.layout).toBe('columns')
  })

  it('are converted once for all readers that take objects', () => {
    const { vertices } = plan((env) => {
      const bids = env.fromSource(columnSource)
      bids.print('a')
      bids.print('b')
      bids.sinkTo(columnSink)
    })
    expect([...stepsOf(vertices[0]!.head)].map(({ kind }) => kind)).toEqual([
      'source',
      'sink',
      'convert',
      'sink',
      'sink',
    ])
    expect(vertices[0]?.head).toMatchObject({ projection: undefined })
  })

  it('read every field for a function, and the time for a field', () => {
    const read = (watermarks: Parameters<StreamExecutionEnvironment['fromSource']>[1]) => {
      const { vertices } = plan((env) => {
        env
          .fromSource(columnSource as Source<unknown>, watermarks)
          .select({ a: field('auction') } as never)
          .sinkTo(columnSink)
      })
      return vertices[0]?.head
    }
    expect(read({ watermarks: { timestamp: 'time' as never } })).toMatchObject({ projection: ['auction', 'time'] })
    expect(read({ watermarks: { timestamp: () => 5 } })).toMatchObject({
      projection: undefined,
      output: { layout: 'objects' },
    })
  })

  it('name a field that is not there', () => {
    expect(() =>
      plan(
        (env) =>
          void env
            .fromSource(columnSource)
            .where(field('prise').greaterThan(1) as never)
            .print(),
      ),
    ).toThrow(/prise/)
    expect(() =>
      plan(
        (env) =>
          void env
            .fromSource(columnSource)
            .keyBy('auktion' as never)
            .window(tumbling(5))
            .count()
            .print(),
      ),
    ).toThrow(/auktion/)
  })
})

describe('explain()', () => {
  const late = outputTag<Bid>('late')
  const definition = job('bids', { parallelism: 2 }, (env) => {
    const bids = env.fromSource(columnSource)
    const counts = bids
      .keyBy('auction')
      .window(tumbling('5 s'))
      .sideOutputLateData(late)
      .count()
      .name('count')
      .uid('counts')
    counts.print()
    counts.getSideOutput(late).print('late')
    bids.select('auction', 'price').sinkTo(columnSink)
  })

  it('shows tasks, chains, edges, layouts, conversions, names and lines', () => {
    expect(explain(definition).replaceAll(/packages\/engine\/test\/plan\/plan-job\.test\.ts:\d+/g, '<site>')).toBe(
      `Job 'bids': 2 tasks, 4 subtasks, 128 key groups

Task 1 (2 subtasks)
  bids  [columns; reads all fields]  <site>
  └ branch
    select  [columns]                <site>
    columns  [columns]               <site>
  └ branch
    conversion: columns → objects    <site>
    → task 3 (hash of auction)

Task 3 (2 subtasks)
  reads task 1: hash of auction
  count  [objects; panes; key: auction; uid: counts]  <site>
  └ branch
    print  [objects]                                  <site>
  └ side output late
    print (late)  [objects]                           <site>`,
    )
  })

  it('gives the same as data', () => {
    const description = describePlan(definition)
    expect(JSON.parse(JSON.stringify(description))).toMatchObject({
      job: 'bids',
      maxParallelism: 128,
      tasks: [
        { id: 1, parallelism: 2, inputs: [] },
        {
          id: 3,
          parallelism: 2,
          inputs: [{ from: 1, to: 3, partitioning: 'hash of auction' }],
          operators: [
            { id: 3, kind: 'window', uid: 'counts', key: 'auction', feeds: [4, 6], sideOutputs: ['late'] },
            {},
            {},
          ],
        },
      ],
    })
    expect(description.tasks[1]?.operators[0]?.site).toMatch(/plan-job\.test\.ts:\d+$/)
  })
})
