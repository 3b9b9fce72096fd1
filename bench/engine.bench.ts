/**
 * The engine's data plane through the public API, each pipeline against a loop written by hand for just that job in the
 * same run. CPU time of the whole process (threads of the garbage collector and compiler too), the best of some runs.
 *
 *   node --expose-gc --conditions=millrace-source bench/engine.bench.ts [PIPELINE…]
 */
import {
  type DataStream,
  executeJob,
  field,
  job,
  type JobDefinition,
  type StreamExecutionEnvironment,
  tumbling,
  type WindowCount,
} from '@millrace/engine'
import {
  BATCH,
  type Bid,
  bidColumns,
  bidObjects,
  everyKey,
  type Supply,
  supplySource,
  zipfLines,
} from './engine/batches.ts'
import * as byHand from './engine/by-hand.ts'
import type { Outcome } from './engine/by-hand.ts'
import { sumOfCounts, sumOfPrices } from './engine/sinks.ts'

interface Pipeline {
  readonly name: string
  readonly supply: () => Supply
  /** Batches of a run. */
  readonly batches: number
  /** What is counted: records of the source, or words in them. */
  readonly unit: string
  readonly unitsPerRecord: number
  readonly define: (supply: Supply, batches: number) => { sink: Outcome; job: JobDefinition }
  readonly byHand: (supply: Supply, batches: number) => Outcome
  readonly ratioToReach: number
  /** Million units per core-second. */
  readonly rateToReach: number
  /** Core-seconds per million records of Flink 2.3 (best of its settings), and how many times fewer ours must be. */
  readonly flink: { readonly coreSeconds: number; readonly times: number }
}

const map = (bid: Bid): Bid => ({ key: bid.key, price: bid.price * 0.908 })
const filter = (bid: Bid): boolean => bid.price > 10
const keyBy = (bid: Bid): number => bid.key
const split = (line: string): string[] => line.toLowerCase().split(/\W+/).filter(Boolean)

const selected = (bids: DataStream<Bid>) =>
  bids.select({ key: field('key'), price: field('price').times(0.908) }).where(field('price').greaterThan(10))

function counting<K extends number | string>(
  define: (env: StreamExecutionEnvironment, supply: Supply, batches: number) => DataStream<WindowCount<K>>,
) {
  return (supply: Supply, batches: number) => {
    const sink = sumOfCounts()
    return { sink, job: job('bench', (env) => void define(env, supply, batches).sinkTo(sink)) }
  }
}

const countFields = counting((env, supply, batches) =>
  selected(env.fromSource(supplySource<Bid>(supply, batches)))
    .keyBy('key')
    .window(tumbling('1 s'))
    .count(),
)
const countClosures = counting((env, supply, batches) =>
  env
    .fromSource(supplySource<Bid>(supply, batches))
    .map(map)
    .filter(filter)
    .keyBy(keyBy)
    .window(tumbling('1 s'))
    .count(),
)
const handObjects = (supply: Supply, batches: number) => byHand.countObjects(supply, batches, map, filter, keyBy)
const keyed10k = { coreSeconds: 0.51, times: 10 }
const keyed1M = { coreSeconds: 3.7, times: 10 }

const pipelines: readonly Pipeline[] = [
  {
    name: 'count-fields',
    supply: () => bidColumns(10_000),
    batches: 20_000,
    unit: 'records',
    unitsPerRecord: 1,
    define: countFields,
    byHand: byHand.countColumns,
    ratioToReach: 0.6,
    rateToReach: 40,
    flink: keyed10k,
  },
  {
    name: 'count-closures',
    supply: () => bidObjects(10_000),
    batches: 10_000,
    unit: 'records',
    unitsPerRecord: 1,
    define: countClosures,
    byHand: handObjects,
    ratioToReach: 0.7,
    rateToReach: 20,
    flink: keyed10k,
  },
  {
    name: 'word-count',
    supply: () => zipfLines(),
    batches: 1000,
    unit: 'words',
    unitsPerRecord: 8,
    define: counting((env, supply, batches) =>
      env
        .fromSource(supplySource<string>(supply, batches))
        .flatMap(split)
        .keyBy((word) => word)
        .window(tumbling('1 s'))
        .count(),
    ),
    byHand: (supply, batches) => byHand.countWords(supply, batches, split),
    ratioToReach: 0.7,
    rateToReach: 5,
    flink: { coreSeconds: 4.5, times: 5 },
  },
  {
    name: 'map-filter-fields',
    supply: () => bidColumns(10_000),
    batches: 40_000,
    unit: 'records',
    unitsPerRecord: 1,
    define: (supply, batches) => {
      const sink = sumOfPrices()
      const define = (env: StreamExecutionEnvironment) =>
        selected(env.fromSource(supplySource<Bid>(supply, batches))).sinkTo(sink)
      return { sink, job: job('bench', (env) => void define(env)) }
    },
    byHand: byHand.mapFilterColumns,
    ratioToReach: 0.3,
    rateToReach: 50,
    flink: { coreSeconds: 0.08, times: 4 },
  },
  {
    name: 'map-filter-closures',
    supply: () => bidObjects(10_000),
    batches: 20_000,
    unit: 'records',
    unitsPerRecord: 1,
    define: (supply, batches) => {
      const sink = sumOfPrices()
      const define = (env: StreamExecutionEnvironment) =>
        env.fromSource(supplySource<Bid>(supply, batches)).map(map).filter(filter).sinkTo(sink)
      return { sink, job: job('bench', (env) => void define(env)) }
    },
    byHand: (supply, batches) => byHand.mapFilterObjects(supply, batches, map, filter),
    ratioToReach: 0.3,
    rateToReach: 50,
    flink: { coreSeconds: 0.08, times: 4 },
  },
  {
    name: 'count-1M-fields',
    supply: () => bidColumns(1_000_000, 2048),
    batches: 5000,
    unit: 'records',
    unitsPerRecord: 1,
    define: countFields,
    byHand: byHand.countColumns,
    ratioToReach: 0.6,
    rateToReach: 2.7,
    flink: keyed1M,
  },
]

/** Runs a job to its end, as users do: with a progress barrier each second. */
async function run(definition: JobDefinition): Promise<void> {
  const handle = await executeJob(definition)
  await handle.result
}

/** CPU time of all threads in seconds. */
async function cpuSeconds(work: () => unknown): Promise<number> {
  globalThis.gc?.()
  const before = process.cpuUsage()
  await work()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1e6
}

async function measure(pipeline: Pipeline, label = pipeline.name, attempts = 4): Promise<void> {
  const { name, batches, unit, unitsPerRecord, flink } = pipeline
  const supply = pipeline.supply()
  let ours = Number.POSITIVE_INFINITY
  let hand = Number.POSITIVE_INFINITY
  for (let attempt = 0; attempt < attempts; attempt++) {
    const { sink, job: definition } = pipeline.define(supply, batches)
    ours = Math.min(ours, await cpuSeconds(() => run(definition)))
    let expected!: Outcome
    hand = Math.min(hand, await cpuSeconds(() => (expected = pipeline.byHand(supply, batches))))
    if (sink.results !== expected.results || Math.abs(sink.sum - expected.sum) > 1e-9 * expected.sum) {
      throw new Error(`${name}: ${sink.results} results (${sink.sum}), by hand ${expected.results} (${expected.sum})`)
    }
  }
  const millions = (batches * BATCH) / 1e6
  const rate = (seconds: number) => (millions * unitsPerRecord) / seconds
  const perMillion = ours / millions
  const ratio = hand / ours
  const times = flink.coreSeconds / perMillion
  const verdict = (reached: boolean) => (reached ? '' : ' MISSED')
  console.log(
    [
      label.padEnd(30),
      `${rate(ours).toFixed(1).padStart(6)} M ${unit}/s/core (≥ ${pipeline.rateToReach}${verdict(rate(ours) >= pipeline.rateToReach)})`,
      `by hand ${rate(hand).toFixed(1).padStart(6)}`,
      `ratio ${ratio.toFixed(2)} (≥ ${pipeline.ratioToReach}${verdict(ratio >= pipeline.ratioToReach)})`,
      `core-s/M ${perMillion.toFixed(3)}, Flink ${flink.coreSeconds}: ${times.toFixed(1)}x fewer (≥ ${flink.times}${verdict(times >= flink.times)})`,
    ].join('   '),
  )
}

/** Resident memory of a count and a sum per key, when every key has both in two windows that are open. */
async function measureState(): Promise<void> {
  const keys = 1_000_000
  const supply = everyKey(keys)
  const batches = supply.batches.length * 2
  globalThis.gc?.()
  const before = process.memoryUsage().rss
  let grown = 0
  const atEnd = () => {
    // The second waits for buffers that the first has found unused.
    globalThis.gc?.()
    globalThis.gc?.()
    grown = process.memoryUsage().rss - before
  }
  const counts = sumOfCounts()
  const sums = sumOfPrices()
  const definition = job('bench', (env) => {
    const keyed = env.fromSource(supplySource<Bid>(supply, batches, atEnd)).keyBy('key')
    keyed.window(tumbling('1050 ms')).count().sinkTo(counts)
    keyed.window(tumbling('1050 ms')).sum('price').sinkTo(sums)
  })
  await run(definition)
  const megabytes = grown / 1e6
  const verdict = megabytes <= 120 ? '' : ' MISSED'
  console.log(
    `state: ${keys} int keys, a count and a sum, two windows open (${counts.results} and ${sums.results} results): ${megabytes.toFixed(0)} MB (≤ 120${verdict})`,
  )
}

/** Jobs of other shapes and functions, so that code that all jobs share has seen many types. */
async function runOtherJobs(): Promise<void> {
  const shapes: ((bid: Bid) => object)[] = [
    ({ key, price }) => ({ price, key }),
    ({ key, price }) => ({ key, price, text: 'x' }),
    ({ key, price }) => ({ key: `k${key}`, price }),
    ({ key, price }) => ({ id: key, key: [key, 'x'], price }),
    ({ key, price }) => ({ price: String(price), key: key + 0.5 }),
    ({ key }) => ({ key: BigInt(key), price: null }),
    ({ key }) => [key],
  ]
  const supply = bidObjects(1000)
  for (const shape of shapes) {
    const sink = sumOfCounts()
    const definition = job('other', (env) => {
      env
        .fromSource(supplySource<Bid>(supply, 500))
        .map(shape as (bid: Bid) => { key: number })
        .filter((record) => record !== null)
        .flatMap((record) => [record, record])
        .keyBy((record) => record.key)
        .window(tumbling('1 s'))
        .count()
        .sinkTo(sink)
    })
    await run(definition)
  }
}

const wanted = process.argv.slice(2)
// Before the others, in a process that has used no memory yet.
if (wanted.length === 0 || wanted.includes('state')) await measureState()
for (const pipeline of pipelines) if (wanted.length === 0 || wanted.includes(pipeline.name)) await measure(pipeline)
if (wanted.length === 0 || wanted.includes('pollution')) {
  await runOtherJobs()
  for (const pipeline of pipelines.slice(0, 2)) await measure(pipeline, `${pipeline.name}, after other jobs`)
}
