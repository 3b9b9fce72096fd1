import { setTimeout as sleep } from 'node:timers/promises'
import { executeJob, type JobHandle, KafkaProducer } from 'millrace'
import { partitions, resetTopics, startBeside } from './cluster.ts'
import { compare, countWords, type Verdict } from './direct-count.ts'
import { feed, moveTimeOn, spread } from './feed.ts'
import { Results } from './results.ts'
import { type ViewState, windowMs } from './view.ts'
import wordCount from './word-count.ts'

export interface DemoOptions {
  /** The text, line by line, and what it is called. */
  readonly lines: readonly string[]
  readonly file: string
  readonly port: number
  /** The broker's folder. */
  readonly data: string
  /** End after the verdict instead of going on until `signal` aborts. */
  readonly once: boolean
  /** Between two lines. */
  readonly pauseMs: number
  readonly signal: AbortSignal
  /** What the totals must be; a direct count of the lines. */
  readonly expected?: ReadonlyMap<string, number>
  say(line: string): void
  /** Called whenever there may be something new to show. */
  show(state: ViewState): void
}

const spanMs = 30_000
const frameMs = 80
/** Event time is moved on that often, once the file is through. */
const tickMs = 1_000
/** The results must be there by then; they take a fraction of it. */
const deadlineMs = 20_000

/** Broker, topics, job, producer and the consumer that reads the results back. Resolves to the verdict. */
export async function runDemo(options: DemoOptions): Promise<Verdict> {
  const { say, signal } = options
  await using broker = await startBeside(options.port, options.data, say)
  const { bootstrapServers } = broker
  await resetTopics(bootstrapServers, ['lines', 'word-counts'], say)
  await using handle = await executeJob(wordCount, { settings: { 'bootstrap.servers': bootstrapServers } })
  await using producer = new KafkaProducer({ bootstrapServers })
  const ending = new AbortController()
  const anyEnd = AbortSignal.any([signal, ending.signal])
  const results = new Results(bootstrapServers, partitions)
  const reading = results.read(anyEnd)

  let verdict: Verdict | undefined
  const show = () => options.show(stateOf(handle, results, verdict, bootstrapServers))
  const frames = setInterval(show, frameMs)
  const failed = Promise.race([handle.result, reading]).then(() => undefined)
  // The race below learns of a failure; without it one that comes later would be unhandled.
  failed.catch(() => {})
  try {
    const { timed, end } = spread(options.lines, { spanMs, windowMs, now: Date.now() })
    const work = async () => {
      await feed(producer, timed, { partitions, pauseMs: options.pauseMs, signal })
      await moveTimeOn(producer, end, partitions)
      await resultsComplete(handle, results, end, signal)
      verdict = compare(results.totals(end), options.expected ?? countWords(options.lines), options.file)
      show()
      while (!options.once && !signal.aborted) {
        await sleep(tickMs, undefined, { signal }).catch(() => {})
        if (!signal.aborted) await moveTimeOn(producer, Date.now(), partitions)
      }
    }
    await Promise.race([work(), failed])
  } finally {
    clearInterval(frames)
    ending.abort()
    // What it failed with, if it did, is in `failed`.
    await reading.catch(() => {})
    await results.close()
  }
  return verdict ?? { ok: !options.once && signal.aborted, text: 'Stopped before the result.' }
}

/** Waits until the windows before `end` are closed and all that the job has sent was read back. */
async function resultsComplete(handle: JobHandle, results: Results, end: number, signal: AbortSignal): Promise<void> {
  const deadline = performance.now() + deadlineMs
  while (performance.now() < deadline && !signal.aborted) {
    const { currentWatermark, operators } = handle.metrics()
    const sent = operators.at(-1)?.numRecordsIn ?? 0
    if (currentWatermark >= end - 1 && results.recordCount >= sent) return
    await sleep(10)
  }
}

function stateOf(handle: JobHandle, results: Results, verdict: Verdict | undefined, bootstrap: string): ViewState {
  const { operators, currentWatermark, pendingRecords } = handle.metrics()
  return {
    bootstrap,
    recordsIn: operators[0]?.numRecordsOut ?? 0,
    recordsOut: operators.at(-1)?.numRecordsIn ?? 0,
    lag: pendingRecords ?? 0,
    watermark: Number.isFinite(currentWatermark) ? currentWatermark : undefined,
    windows: results.windows,
    verdict,
  }
}
