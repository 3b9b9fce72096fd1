import { setTimeout as sleep } from 'node:timers/promises'
import type { KafkaProducer } from 'millrace'

/** A line for the topic `lines`, with its event time. */
export interface TimedLine {
  readonly value: string
  /** Milliseconds since the epoch. */
  readonly timestamp: number
}

/**
 * Spreads lines evenly over `spanMs` of event time that ends with the last whole window before `now`: in the past, so
 * that what somebody adds by hand comes later.
 */
export function spread(
  lines: readonly string[],
  { spanMs, windowMs, now }: { spanMs: number; windowMs: number; now: number },
): { timed: TimedLine[]; end: number } {
  const end = Math.floor(now / windowMs) * windowMs
  const timed = lines.map((value, i) => ({ value, timestamp: end - spanMs + Math.floor((i * spanMs) / lines.length) }))
  return { timed, end }
}

/** Sends the lines to the partitions in turns, with a pause between them for somebody who watches. */
export async function feed(
  producer: KafkaProducer,
  lines: readonly TimedLine[],
  { partitions, pauseMs, signal }: { partitions: number; pauseMs: number; signal: AbortSignal },
): Promise<void> {
  const sent: Promise<unknown>[] = []
  for (const [i, line] of lines.entries()) {
    if (signal.aborted) break
    sent.push(producer.send({ topic: 'lines', partition: i % partitions, ...line }))
    if (pauseMs > 0) await sleep(pauseMs)
  }
  await Promise.all(sent)
}

/**
 * An empty line in every partition has no words, but a time: it moves event time on, so that the windows before it
 * close. A partition without records would hold them open.
 */
export async function moveTimeOn(producer: KafkaProducer, timestamp: number, partitions: number): Promise<void> {
  await Promise.all(
    Array.from({ length: partitions }, (_, partition) =>
      producer.send({ topic: 'lines', partition, value: '', timestamp }),
    ),
  )
}
