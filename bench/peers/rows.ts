/** A row of the table: what is measured, and what is to be reached. */
export interface Row {
  readonly what: string
  readonly unit: string
  readonly better: 'lower' | 'higher'
  /** Our figure over Kafka's. */
  readonly ratio?: number
  /** Our figure itself. */
  readonly absolute?: number
}

export const rows = {
  'produce-256k-cpu': {
    what: 'broker CPU per GB produced, 1 KiB, 256 KiB batches',
    unit: 's',
    better: 'lower',
    ratio: 0.35,
  },
  'produce-16k-cpu': { what: 'the same, default 16 KiB batches', unit: 's', better: 'lower', ratio: 0.2 },
  'produce-100b-cpu': { what: 'broker CPU per million records of 100 B', unit: 's', better: 'lower', ratio: 0.35 },
  'consume-cpu': { what: 'broker CPU per GB consumed', unit: 's', better: 'lower', ratio: 0.9 },
  'requests-cpu': { what: 'broker CPU per million one-record requests', unit: 's', better: 'lower', ratio: 0.15 },
  'requests-rate': { what: 'one-record requests, 5 in flight', unit: 'req/s', better: 'higher', ratio: 1.5 },
  'produce-256k-rate': {
    what: 'ProducerPerformance, 1 KiB, 256 KiB batches',
    unit: 'MB/s',
    better: 'higher',
    ratio: 1,
  },
  'produce-16k-rate': {
    what: 'ProducerPerformance, 1 KiB, 16 KiB batches',
    unit: 'MB/s',
    better: 'higher',
    ratio: 1.5,
  },
  'fsync-256k-rate': { what: 'with fsync before ack, 256 KiB batches', unit: 'MB/s', better: 'higher', ratio: 1.3 },
  'fsync-16k-rate': { what: 'with fsync before ack, 16 KiB batches', unit: 'MB/s', better: 'higher', ratio: 5 },
  'consume-rate': { what: 'ConsumerPerformance, 1 KiB', unit: 'MB/s', better: 'higher', ratio: 1 },
  'e2e-p50': { what: 'end to end, one at a time, p50', unit: 'µs', better: 'lower', ratio: 0.6 },
  'e2e-p99': { what: 'end to end, one at a time, p99', unit: 'µs', better: 'lower', ratio: 0.6 },
  'e2e-fsync-p50': { what: 'end to end with fsync, p50', unit: 'µs', better: 'lower', ratio: 0.6 },
  'e2e-fsync-p99': { what: 'end to end with fsync, p99', unit: 'µs', better: 'lower', ratio: 0.6 },
  'transactions-rate': { what: 'transactions of 100 ms, 1 KiB', unit: 'rec/s', better: 'higher', ratio: 1 },
  start: { what: 'start of a formatted node to its first answer', unit: 'ms', better: 'lower', absolute: 300 },
  'rss-idle': { what: 'RSS idle', unit: 'MiB', better: 'lower', absolute: 100 },
  'rss-loaded': { what: 'RSS after 30 GB', unit: 'MiB', better: 'lower', absolute: 250 },
  'recover-2gb': { what: 'restart after kill -9 with 2 GB', unit: 'ms', better: 'lower', absolute: 500 },
  'recover-10gb': { what: 'restart after kill -9 with 10 GB', unit: 'ms', better: 'lower', absolute: 1000 },
  'partitions-create': { what: '1,000 partitions: create', unit: 'ms', better: 'lower', absolute: 100 },
  'partitions-first': { what: '1,000 partitions: first write to each', unit: 'MB/s', better: 'higher', absolute: 40 },
  'topics-create': { what: '1,000 topics x 10 partitions: creation', unit: 's', better: 'lower', absolute: 10 },
  'topics-memory': {
    what: '1,000 topics x 10 partitions: memory per idle partition',
    unit: 'KiB',
    better: 'lower',
    absolute: 8,
  },
  'topics-restart': { what: '1,000 topics x 10 partitions: restart', unit: 's', better: 'lower', absolute: 2 },
  'connections-rss': { what: '5,000 idle connections: RSS', unit: 'MiB', better: 'lower', absolute: 400 },
  'heartbeat-p99': { what: '500 groups of 5 members: heartbeat p99', unit: 'ms', better: 'lower', absolute: 20 },
  'streams-alo-cpu': {
    what: 'Kafka Streams word count, at least once: broker CPU',
    unit: 's',
    better: 'lower',
    ratio: 0.4,
  },
  'streams-eos-cpu': {
    what: 'Kafka Streams word count, exactly once: broker CPU',
    unit: 's',
    better: 'lower',
    ratio: 0.4,
  },
} as const satisfies Readonly<Record<string, Row>>

export type RowId = keyof typeof rows
export type Figures = Partial<Record<RowId, number>>

function shown(value: number | undefined): string {
  if (value === undefined) return '-'
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toPrecision(3)
}

/** The table as Markdown: ours, Kafka's, their ratio, the target and whether it is reached. */
export function table(ours: Figures, kafka: Figures): string {
  const lines = ['| What | ours | Kafka | ratio | to reach | |', '|---|---|---|---|---|---|']
  for (const [id, row] of Object.entries(rows) as [RowId, Row][]) {
    const [mine, theirs] = [ours[id], kafka[id]]
    if (mine === undefined) continue
    const ratio = theirs === undefined ? undefined : mine / theirs
    const sign = row.better === 'lower' ? '≤' : '≥'
    const reached = (value: number, target: number) => (row.better === 'lower' ? value <= target : value >= target)
    const target = row.ratio === undefined ? `${sign} ${row.absolute} ${row.unit}` : `${sign} ${row.ratio} of Kafka's`
    const met =
      row.ratio === undefined
        ? reached(mine, row.absolute ?? 0)
        : ratio === undefined
          ? undefined
          : reached(ratio, row.ratio)
    const cells = [
      row.what,
      `${shown(mine)} ${row.unit}`,
      `${shown(theirs)} ${row.unit}`,
      shown(ratio),
      target,
      met === undefined ? '' : met ? 'reached' : 'missed',
    ]
    lines.push(`| ${cells.join(' | ')} |`)
  }
  return lines.join('\n')
}
